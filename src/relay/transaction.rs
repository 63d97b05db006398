//! One mail transaction (RFC 5321 section 3.3): what is asked, which replies are awaited, and what they come to.
//!
//! No bytes are moved here: `window` asks and hears. Every recipient gets an outcome of their own, and one that is
//! refused does not sink the others. A reply decides as `verdict` has it; a lost link defers. What the server took it
//! has taken, whatever it said before; and no reply to a command in a group bounces a mail if it says no more than
//! that the server does not bear groups.

use std::collections::VecDeque;

use super::Trouble;
use super::verdict;
use crate::outcome::{EnhancedStatus, Outcome, Reply, Scope, Stage, Status};

/// What became of a mail that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handed {
    /// One for each recipient, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// Nobody has it, for sure, and the reason was the connection: another one may do better at once.
    pub(crate) is_free: bool,
    /// The content was sent to its end, and nobody knows whether it was taken.
    pub(crate) is_in_doubt: bool,
    /// What the server has shown that it does not bear.
    pub(crate) lesson: Option<Lesson>,
}

impl Handed {
    /// Nothing was handed over.
    pub(crate) fn none(recipients: usize) -> Self {
        Transaction::new(recipients, false).handed()
    }
}

/// What a server has shown that it does not bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// BDAT, although it offers it.
    Chunking,
    /// Commands in groups, although it offers that.
    Groups,
    /// The link was lost within the first group: groups may be the reason.
    GroupsMaybe,
    /// A login in a group, which RFC 4954 section 4 does not oblige it to.
    Login,
    /// The link was lost within a group with the login: that may be the reason.
    LoginMaybe,
}

/// What a reply is awaited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// AUTH, before the first mail.
    Login,
    /// RSET, for a transaction before this one.
    Reset,
    Mail,
    /// The recipient at that place.
    Rcpt(usize),
    Data,
    /// A BDAT that others follow.
    Chunk,
    /// BDAT LAST.
    LastChunk,
    /// The final dot.
    Dot,
    /// The dot that answers a 354 where nobody is to get the mail.
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

    /// The first digit of the reply that takes the command.
    pub(super) fn class(self) -> u16 {
        if self == Awaited::Data { 3 } else { 2 }
    }

    /// The server has the whole mail once it has taken this.
    pub(super) fn is_end(self) -> bool {
        matches!(self, Awaited::LastChunk | Awaited::Dot)
    }
}

/// Whether a recipient is one.
#[derive(Clone, Debug)]
enum Standing {
    Accepted,
    Asked,
    Refused(Outcome),
}

/// A mail on its way.
pub(super) struct Transaction {
    awaited: VecDeque<Awaited>,
    recipients: Vec<Standing>,
    /// What becomes of those who are not refused.
    rest: Option<Outcome>,
    /// Its commands went out in a group.
    is_grouped: bool,
    /// The login went out in its group.
    has_login: bool,
    /// An earlier transaction may stand open at the server.
    is_behind_open: bool,
    /// Its content was sent to its end.
    is_whole: bool,
    /// DATA was answered with 354.
    has_go_ahead: bool,
    is_free: bool,
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
            is_behind_open: false,
            is_whole: false,
            has_go_ahead: false,
            is_free: false,
            is_in_doubt: false,
            lesson: None,
        }
    }

    /// A mail of which nothing was said to the server.
    pub(super) fn ended(recipients: usize, outcome: Outcome) -> Self {
        Self { rest: Some(outcome), ..Self::new(recipients, false) }
    }

    /// One more reply is to come.
    pub(super) fn expect(&mut self, awaited: Awaited) {
        self.has_login |= awaited == Awaited::Login;
        self.awaited.push_back(awaited);
    }

    /// What the next reply answers.
    pub(super) fn next(&self) -> Option<Awaited> {
        self.awaited.front().copied()
    }

    /// How many replies are to come.
    pub(super) fn owing(&self) -> usize {
        self.awaited.len()
    }

    /// Nobody is to get the mail in this transaction, as far as is known.
    pub(super) fn is_doomed(&self) -> bool {
        self.rest.is_some() || self.recipients.iter().all(|one| matches!(one, Standing::Refused(_)))
    }

    /// The last byte of the content is on its way.
    pub(super) fn has_ended(&mut self) {
        self.is_whole = true;
    }

    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn has_go_ahead(&self) -> bool {
        self.has_go_ahead
    }

    /// The server does not bear what we did.
    pub(super) fn has_lesson(&self) -> bool {
        self.lesson.is_some()
    }

    /// The recipient at that place is not named to the server.
    pub(super) fn refuse(&mut self, n: usize, outcome: Outcome) {
        self.recipients[n] = Standing::Refused(outcome);
    }

    /// A transaction before this one was left open at the server.
    pub(super) fn is_behind_open(&mut self) {
        self.is_behind_open = true;
    }

    /// The login before it was taken.
    pub(super) fn let_in(&mut self) {
        self.awaited.pop_front();
    }

    /// The login before it was not taken. Where that is about the login's form and not about what was shown, the mail may
    /// be tried again at once, with a login of its own.
    pub(super) fn turned_away(&mut self, reply: &Reply, outcome: Outcome) {
        self.awaited.pop_front();
        // To a 334 the next line is our answer, which it is not.
        if matches!(reply.code, 334 | 500..=504 | 534) || is_about_groups(reply) {
            self.lesson = Some(Lesson::Login);
            self.is_free = true;
        }
        self.end(outcome);
    }

    /// Takes in the reply to what was awaited first. A 421 is [`closed`](Self::closed)'s.
    pub(super) fn hear(&mut self, reply: &Reply) {
        let Some(awaited) = self.awaited.pop_front() else { return };
        let is_misfit = self.is_misfit(awaited, reply);
        match awaited {
            _ if reply.is_positive() => self.taken(awaited, reply),
            Awaited::Reset => self.is_behind_open = true,
            // Whoever is refused because MAIL was is not refused for themselves.
            Awaited::Rcpt(n) => {
                let own = self.rest.clone().unwrap_or_else(|| refusal(awaited, reply, is_misfit));
                self.recipients[n] = Standing::Refused(own);
            }
            _ => self.end(refusal(awaited, reply, is_misfit)),
        }
    }

    fn taken(&mut self, awaited: Awaited, reply: &Reply) {
        match awaited {
            Awaited::Data => self.has_go_ahead = true,
            Awaited::Rcpt(n) => self.recipients[n] = Standing::Accepted,
            _ if awaited.is_end() && self.recipients.iter().any(|one| matches!(one, Standing::Accepted)) => {
                let is_cut = self.rest.as_ref().is_some_and(|rest| !matches!(rest.stage, Stage::Auth | Stage::Mail));
                if !is_cut {
                    self.rest = Some(verdict::outcome(Stage::Content, reply));
                    self.is_free = false;
                }
            }
            _ => {}
        }
    }

    /// The reply says nothing of this mail, only that the server has lost its way in a group; then the lesson is noted.
    fn is_misfit(&mut self, awaited: Awaited, reply: &Reply) -> bool {
        let is_said = is_about_groups(reply);
        let is_explained = self.is_doomed() || verdict::judge(awaited.stage(), reply).1 == Scope::Configuration;
        if reply.is_positive() || !self.is_grouped || is_explained && !is_said {
            return false;
        }
        let lesson = match (awaited, reply.code) {
            _ if is_said && self.has_login => Lesson::Login,
            _ if is_said => Lesson::Groups,
            (Awaited::Mail, 503) if self.is_behind_open => {
                self.is_free = true;
                return true;
            }
            (Awaited::Dot | Awaited::LoneDot | Awaited::Reset, _) => return false,
            (Awaited::Chunk | Awaited::LastChunk, 500..=502 | 504 | 555) => Lesson::Chunking,
            (_, 500 | 502 | 503) => Lesson::Groups,
            _ => return false,
        };
        self.lesson = self.lesson.or(Some(lesson));
        self.is_free = true;
        true
    }

    /// The server closes, and says so in reply to what was awaited first. `is_late` where it has taken other mails over
    /// this connection: it has had enough of them, and not of this one.
    pub(super) fn closed(&mut self, reply: &Reply, is_late: bool) -> Outcome {
        let awaited = self.next().unwrap_or(Awaited::Mail);
        let is_misfit = self.is_misfit(awaited, reply);
        let outcome = refusal(awaited, reply, is_misfit);
        self.dropped(&outcome, is_late);
        outcome
    }

    /// The server has closed in reply to a mail before this one: what it has not answered it will not do (RFC 5321
    /// section 3.8).
    pub(super) fn dropped(&mut self, outcome: &Outcome, is_late: bool) {
        let is_begun = self.recipients.iter().any(|one| matches!(one, Standing::Accepted));
        self.is_free |= is_late && !is_begun && !self.awaited.is_empty();
        self.end(outcome.clone());
        self.awaited.clear();
    }

    /// The link is gone. A mail that was sent to its end and not answered is in doubt (RFC 5321 section 6.1).
    pub(super) fn lost(&mut self, trouble: &Trouble, is_first_group: bool) {
        if self.awaited.is_empty() && self.is_doomed() {
            return;
        }
        let is_turned_away = self.rest.as_ref().is_some_and(|rest| rest.stage == Stage::Auth);
        if is_first_group && self.is_grouped && trouble.scope == Scope::Host && !is_turned_away {
            let suspicion = if self.has_login { Lesson::LoginMaybe } else { Lesson::GroupsMaybe };
            self.lesson = self.lesson.or(Some(suspicion));
        }
        let is_in_doubt = self.is_whole && !self.is_doomed();
        self.is_free &= !is_in_doubt;
        self.is_in_doubt = is_in_doubt;
        self.end(if is_in_doubt { in_doubt(trouble) } else { trouble.outcome() });
        self.awaited.clear();
    }

    /// This becomes of everybody who is not refused.
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.rest.get_or_insert(outcome);
    }

    pub(super) fn handed(self) -> Handed {
        let Self { recipients, rest, is_free, is_in_doubt, lesson, .. } = self;
        let is_sent = rest.as_ref().is_some_and(|rest| rest.status == Status::Sent);
        let rest = rest.unwrap_or_else(unanswered);
        let own = |standing: Standing| match standing {
            Standing::Refused(outcome) => outcome,
            Standing::Accepted | Standing::Asked => rest.clone(),
        };
        let outcomes = recipients.into_iter().map(own).collect();
        Handed { outcomes, is_free: is_free && !is_sent, is_in_doubt, lesson }
    }
}

/// Exim: "synchronization error"; Postfix: "improper command pipelining", "SMTP protocol synchronization".
fn is_about_groups(reply: &Reply) -> bool {
    let text = reply.text.to_lowercase();
    ["synchroni", "pipelin"].iter().any(|word| text.contains(word))
}

/// What a refusal comes to. One that says nothing of the mail itself bounces nobody.
fn refusal(awaited: Awaited, reply: &Reply, is_misfit: bool) -> Outcome {
    let outcome = verdict::outcome(awaited.stage(), reply);
    if is_misfit {
        let enhanced = verdict::enhanced(Status::Deferred, reply);
        return Outcome { status: Status::Deferred, scope: Scope::Message, enhanced, ..outcome };
    }
    outcome
}

/// Of whom the server has said nothing.
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
