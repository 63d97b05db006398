//! One mail transaction (RFC 5321 section 3.3): which replies it awaits, and what becomes of each recipient.
//!
//! No bytes are moved here: `offer_mail` and `await_answer` do that.
//!
//! - Every recipient gets an outcome of their own. One who is refused does not sink the others.
//! - `verdict` judges a reply. A lost link defers.
//! - A mail that the server takes is taken, whatever it said of it before.
//! - A reply to a command in a group bounces no mail if it says only that the server cannot handle groups.

use std::collections::VecDeque;

use super::super::trouble::Trouble;
use crate::outcome::{EnhancedStatus, Outcome, Reply, Scope, Stage, Status};
use crate::verdict;

/// The outcomes of a mail that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    /// One for each recipient, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// Nobody has the mail, for sure, and the connection was the reason: the mail may be offered again at once.
    pub(crate) may_retry: bool,
    /// The content was sent to its end, and nobody knows whether it was taken.
    pub(crate) is_in_doubt: bool,
    /// The weakness that the server has shown.
    pub(crate) lesson: Option<Lesson>,
}

impl Offered {
    /// The answer for a mail that could not be offered.
    pub(crate) fn nothing(recipients: usize) -> Self {
        Transaction::new(recipients, false).conclude()
    }
}

/// A weakness that a server has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// BDAT, although it offers CHUNKING.
    Chunking,
    /// The link was lost when it was asked about BDAT: the question may be the reason.
    ChunkingMaybe,
    /// Commands in groups, although it offers PIPELINING.
    Groups,
    /// The link was lost within the first group: groups may be the reason.
    GroupsMaybe,
    /// A login in a group. RFC 4954 section 4 does not oblige it to.
    Login,
    /// The link was lost within a group with the login: the login may be the reason.
    LoginMaybe,
    /// A parameter of MAIL, although it offers the extension.
    Parameters,
}

/// A command whose reply is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// AUTH, before the first mail.
    Login,
    /// RSET, for a transaction before this one.
    Reset,
    Mail,
    /// The RCPT of the recipient at that place.
    Rcpt(usize),
    Data,
    /// A BDAT that others follow.
    Chunk,
    /// BDAT LAST.
    LastChunk,
    /// The final dot.
    Dot,
    /// The dot that follows a 354 although nobody gets the mail.
    LoneDot,
}

impl Awaited {
    pub(super) fn stage(self) -> Stage {
        match self {
            Awaited::Login => Stage::Auth,
            Awaited::Reset | Awaited::Mail => Stage::Mail,
            Awaited::Rcpt(_) => Stage::Rcpt,
            Awaited::Data => Stage::Data,
            Awaited::Chunk | Awaited::LastChunk | Awaited::Dot | Awaited::LoneDot => Stage::Content,
        }
    }

    /// The first digit of a reply that accepts the command.
    pub(super) fn class(self) -> u16 {
        if self == Awaited::Data { 3 } else { 2 }
    }

    /// The server has the whole mail once it accepts this.
    pub(super) fn is_end(self) -> bool {
        matches!(self, Awaited::LastChunk | Awaited::Dot)
    }
}

/// The server's reply about a recipient.
#[derive(Clone, Debug)]
enum Standing {
    Accepted,
    Asked,
    Refused(Outcome),
}

/// A mail under way.
pub(super) struct Transaction {
    awaited: VecDeque<Awaited>,
    recipients: Vec<Standing>,
    /// The outcome of the recipients who are not refused.
    rest: Option<Outcome>,
    /// Its commands went out in a group.
    is_grouped: bool,
    /// The login went out in its group.
    has_login: bool,
    /// Its MAIL holds parameters that could be left out.
    pub(super) has_parameters: bool,
    /// An earlier transaction may be open at the server still.
    is_behind_open: bool,
    /// A question about chunks came before it.
    is_behind_question: bool,
    /// The last byte of its content was sent.
    is_content_sent: bool,
    /// DATA was answered with 354.
    has_go_ahead: bool,
    may_retry: bool,
    is_in_doubt: bool,
    lesson: Option<Lesson>,
}

impl Transaction {
    pub(super) fn new(recipients: usize, is_grouped: bool) -> Self {
        Self {
            awaited: VecDeque::new(),
            recipients: vec![Standing::Asked; recipients],
            rest: None,
            is_grouped,
            has_login: false,
            has_parameters: false,
            is_behind_open: false,
            is_behind_question: false,
            is_content_sent: false,
            has_go_ahead: false,
            may_retry: false,
            is_in_doubt: false,
            lesson: None,
        }
    }

    /// A mail of which the server hears nothing.
    pub(super) fn not_offered(recipients: usize, outcome: Outcome) -> Self {
        Self { rest: Some(outcome), ..Self::new(recipients, false) }
    }

    /// The server owes one more reply.
    pub(super) fn await_reply(&mut self, awaited: Awaited) {
        self.has_login |= awaited == Awaited::Login;
        self.awaited.push_back(awaited);
    }

    /// The command that the next reply is to.
    pub(super) fn next_awaited(&self) -> Option<Awaited> {
        self.awaited.front().copied()
    }

    /// The number of replies that the server owes.
    pub(super) fn replies_owed(&self) -> usize {
        self.awaited.len()
    }

    /// As far as is known, nobody gets the mail in this transaction.
    pub(super) fn is_doomed(&self) -> bool {
        self.rest.is_some() || self.recipients.iter().all(|one| matches!(one, Standing::Refused(_)))
    }

    /// The last byte of the content is about to be sent.
    pub(super) fn mark_content_sent(&mut self) {
        self.is_content_sent = true;
    }

    pub(super) fn is_content_sent(&self) -> bool {
        self.is_content_sent
    }

    pub(super) fn has_go_ahead(&self) -> bool {
        self.has_go_ahead
    }

    /// The server has shown that it cannot handle what we did.
    pub(super) fn has_lesson(&self) -> bool {
        self.lesson.is_some()
    }

    /// The link was lost before the server has heard of this mail, at a question about chunks.
    pub(super) fn blame_chunks(&mut self) {
        self.lesson = Some(Lesson::ChunkingMaybe);
        self.may_retry = true;
    }

    /// The server has answered a question about chunks before this mail.
    pub(super) fn mark_behind_question(&mut self) {
        self.is_behind_question = true;
    }

    /// The recipient at that place is not named to the server.
    pub(super) fn refuse_recipient(&mut self, n: usize, outcome: Outcome) {
        self.recipients[n] = Standing::Refused(outcome);
    }

    /// A transaction before this one was left open at the server.
    pub(super) fn mark_behind_open(&mut self) {
        self.is_behind_open = true;
    }

    /// The server accepts the login before this mail.
    pub(super) fn accept_login(&mut self) {
        self.awaited.pop_front();
    }

    /// The server refuses the login before this mail. If the reason is the form of the login and not what it showed,
    /// the mail may be offered again at once, after a login of its own.
    pub(super) fn refuse_login(&mut self, reply: &Reply, outcome: Outcome) {
        self.awaited.pop_front();
        // After a 334 the server takes the next line for our response, but that is the next command of the group.
        if matches!(reply.code, 334 | 500..=504 | 534) || is_about_groups(reply) {
            self.lesson = Some(Lesson::Login);
            self.may_retry = true;
        }
        self.decide_rest(outcome);
    }

    /// Applies the reply to the command that was awaited first. A 421 is for [`close`](Self::close).
    pub(super) fn apply_reply(&mut self, reply: &Reply) {
        let Some(awaited) = self.awaited.pop_front() else { return };
        let is_misfit = self.blames_parameters(awaited, reply) || self.learn_from(awaited, reply);
        match awaited {
            _ if reply.is_positive() => self.apply_acceptance(awaited, reply),
            Awaited::Reset => self.is_behind_open = true,
            Awaited::Rcpt(n) => {
                // A recipient who is refused because MAIL was refused has the outcome of MAIL.
                let outcome = self.rest.clone().unwrap_or_else(|| refusal(awaited, reply, is_misfit));
                self.recipients[n] = Standing::Refused(outcome);
            }
            _ => self.decide_rest(refusal(awaited, reply, is_misfit)),
        }
    }

    fn apply_acceptance(&mut self, awaited: Awaited, reply: &Reply) {
        match awaited {
            Awaited::Data => self.has_go_ahead = true,
            Awaited::Rcpt(n) => self.recipients[n] = Standing::Accepted,
            Awaited::LastChunk | Awaited::Dot if self.has_accepted_recipient() => {
                // Past MAIL, a refusal means that the server has taken less than the whole mail.
                let is_cut = self.rest.as_ref().is_some_and(|rest| !matches!(rest.stage, Stage::Auth | Stage::Mail));
                if !is_cut {
                    self.rest = Some(verdict::outcome(Stage::Content, reply));
                    self.may_retry = false;
                }
            }
            _ => {}
        }
    }

    fn has_accepted_recipient(&self) -> bool {
        self.recipients.iter().any(|one| matches!(one, Standing::Accepted))
    }

    /// RFC 5321 section 4.2.2 (501, 504, 555), RFC 3463 section 3.6 (X.5.4): the refusal is about parameters. MAIL
    /// without them holds nothing but our address.
    fn blames_parameters(&mut self, awaited: Awaited, reply: &Reply) -> bool {
        let status = reply.enhanced.map(|status| (status.subject, status.detail));
        let is_of_address = || matches!(status, Some((1, _))) || verdict::is_settings(reply);
        let is_said = reply.is_permanent() && (matches!(reply.code, 501 | 504 | 555) || status == Some((5, 4)));
        let is_awaited = awaited == Awaited::Mail && self.has_parameters && !self.is_doomed();
        let is_blamed = is_awaited && is_said && !is_of_address();
        if is_blamed {
            self.lesson = Some(Lesson::Parameters);
            self.may_retry = true;
        }
        is_blamed
    }

    /// The reply says nothing of this mail, but that the server has lost its way in a group. That is kept as a
    /// lesson.
    fn learn_from(&mut self, awaited: Awaited, reply: &Reply) -> bool {
        let says_so = is_about_groups(reply);
        let has_other_reason = self.is_doomed() || verdict::is_settings(reply);
        if reply.is_positive() || !self.is_grouped || has_other_reason && !says_so {
            return false;
        }
        let lesson = match (awaited, reply.code) {
            _ if says_so && self.has_login => Lesson::Login,
            _ if says_so => Lesson::Groups,
            (Awaited::Mail, 503) if self.is_behind_open => {
                self.may_retry = true;
                return true;
            }
            (Awaited::Dot | Awaited::LoneDot | Awaited::Reset, _) => return false,
            (Awaited::Chunk | Awaited::LastChunk, 500..=502 | 504 | 555) => Lesson::Chunking,
            (_, 500 | 502 | 503) => Lesson::Groups,
            _ => return false,
        };
        self.lesson = self.lesson.or(Some(lesson));
        self.may_retry = true;
        true
    }

    /// The server closes the channel, and says so in reply to the command that was awaited first. With `is_late` it has
    /// taken other mails over this connection: it has had enough of the connection, not of this mail.
    pub(super) fn close(&mut self, reply: &Reply, is_late: bool) -> Outcome {
        let awaited = self.next_awaited().unwrap_or(Awaited::Mail);
        let is_misfit = self.learn_from(awaited, reply);
        let outcome = refusal(awaited, reply, is_misfit);
        self.drop_unanswered(&outcome, is_late);
        outcome
    }

    /// The server has closed the channel, in reply to this mail or to one before it. It does nothing of what it has not
    /// answered (RFC 5321 section 3.8).
    pub(super) fn drop_unanswered(&mut self, outcome: &Outcome, is_late: bool) {
        self.may_retry |= is_late && !self.has_accepted_recipient() && !self.awaited.is_empty();
        self.decide_rest(outcome.clone());
        self.awaited.clear();
    }

    /// The link is lost. A mail that was sent to its end and not answered is in doubt (RFC 5321 section 6.1).
    pub(super) fn abandon(&mut self, trouble: &Trouble, is_first_group: bool) {
        if self.awaited.is_empty() && self.is_doomed() {
            return;
        }
        let is_login_refused = self.rest.as_ref().is_some_and(|rest| rest.stage == Stage::Auth);
        if is_first_group && self.is_grouped && trouble.scope == Scope::Host && !is_login_refused {
            let suspicion = if self.has_login { Lesson::LoginMaybe } else { Lesson::GroupsMaybe };
            // Dovecot 2.3 answers the question and dies at the next group.
            let suspicion = if self.is_behind_question { Lesson::ChunkingMaybe } else { suspicion };
            self.may_retry |= self.is_behind_question;
            self.lesson = self.lesson.or(Some(suspicion));
        }
        // A server that takes so many mails over a connection may close it without a word.
        self.may_retry |= !is_first_group && !self.has_accepted_recipient() && trouble.scope == Scope::Host;
        let is_in_doubt = self.is_content_sent && !self.is_doomed();
        self.may_retry &= !is_in_doubt;
        self.is_in_doubt = is_in_doubt;
        self.decide_rest(if is_in_doubt { in_doubt(trouble) } else { trouble.outcome() });
        self.awaited.clear();
    }

    /// Decides what becomes of every recipient who is not refused. The first decision stands.
    fn decide_rest(&mut self, outcome: Outcome) {
        self.rest.get_or_insert(outcome);
    }

    /// The outcomes of the mail.
    pub(super) fn conclude(self) -> Offered {
        let is_sent = self.rest.as_ref().is_some_and(|rest| rest.status == Status::Sent);
        let rest = self.rest.unwrap_or_else(unanswered);
        let mut outcomes = Vec::with_capacity(self.recipients.len());
        for standing in self.recipients {
            outcomes.push(match standing {
                Standing::Refused(outcome) => outcome,
                Standing::Accepted | Standing::Asked => rest.clone(),
            });
        }
        let may_retry = self.may_retry && !is_sent;
        Offered { outcomes, may_retry, is_in_doubt: self.is_in_doubt, lesson: self.lesson }
    }
}

/// Exim: "synchronization error"; Postfix: "improper command pipelining", "SMTP protocol synchronization".
fn is_about_groups(reply: &Reply) -> bool {
    let text = reply.text.to_lowercase();
    ["synchroni", "pipelin"].iter().any(|word| text.contains(word))
}

/// The outcome of a refusal. A misfit, which says nothing of the mail itself, bounces nobody.
fn refusal(awaited: Awaited, reply: &Reply, is_misfit: bool) -> Outcome {
    let outcome = verdict::outcome(awaited.stage(), reply);
    if is_misfit {
        let enhanced = verdict::enhanced(Status::Deferred, reply);
        return Outcome { status: Status::Deferred, scope: Scope::Message, enhanced, ..outcome };
    }
    outcome
}

/// The outcome for a recipient if the server has said nothing.
fn unanswered() -> Outcome {
    Outcome {
        status: Status::Deferred,
        stage: Stage::Content,
        scope: Scope::Host,
        enhanced: EnhancedStatus::new(4, 4, 2),
        reason: "the server has said nothing of this mail".to_owned(),
    }
}

fn in_doubt(trouble: &Trouble) -> Outcome {
    let mut outcome = trouble.outcome();
    outcome.reason.push_str(": the server may have taken the mail all the same, so a duplicate is possible");
    outcome
}
