//! The meaning of a server's reply. The thing that was refused, and all else that is known, tell what the reply is
//! about.
//!
//! Pure. A fault of our own settings or account never bounces a mail. Providers tell such a fault at every stage, with
//! every code and in their own words, so the words (`words`) are a short cut only. The command that was refused says
//! more: MAIL holds our own address, RCPT holds one recipient. A reply that neither explains is
//! [`About::Unknown`] until the same reply to somebody else, or the answer to the report, explains it.

mod about;
mod likeness;
mod words;

pub(crate) use about::About;
pub(crate) use likeness::masked;
use words::Words;

use crate::outcome::{EnhancedStatus, Outcome, Reply, Scope, Stage, Status};

/// The facts about a refusal besides the reply.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known<'a> {
    /// The recipient whom RCPT named.
    pub(crate) mailbox: Option<&'a str>,
    /// The server has taken the mail for others.
    pub(crate) others_taken: bool,
    /// It has said the same of another mail to somebody else, and has taken no mail in between.
    pub(crate) is_repeated: bool,
    /// It has said the same of the report, which is another mail, to somebody else, without the text refused.
    pub(crate) is_report_refused: bool,
}

/// RFC 4954 section 6 (530, 534, 535, 538), and 5.7.x of RFC 4954, RFC 3207 and of Exchange.
const LOGIN_CODES: &[u16] = &[530, 534, 535, 538];
const LOGIN_STATUS: &[(u16, u16)] = &[(7, 3), (7, 8), (7, 9), (7, 11), (7, 57), (7, 60), (7, 139)];
/// RFC 3463 section 3.2 about the sender's address, which is ours, and codes of Exchange about an account that is
/// banned or has no right until a person asks for it. Past the content, other 5.7.x are about the mail.
const ACCOUNT_STATUS: &[(u16, u16)] = &[
    (1, 7),
    (1, 8),
    (7, 57),
    (7, 60),
    (7, 501),
    (7, 502),
    (7, 503),
    (7, 700),
    (7, 701),
    (7, 702),
    (7, 703),
    (7, 705),
    (7, 708),
    (7, 750),
];
/// Those about limits, which time ends.
const PACE_STATUS: &[(u16, u16)] = &[(1, 90), (7, 232), (7, 233), (7, 236)];
/// RFC 3463 sections 3.2 and 3.3, and those that RFC 7505 and Exchange add: this mailbox.
const MAILBOX_STATUS: &[(u16, u16)] =
    &[(1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (1, 10), (2, 1), (2, 2), (2, 4), (4, 1), (4, 4), (7, 17)];

/// The subject of `reply` at `stage`.
pub(crate) fn judge(stage: Stage, reply: &Reply, known: &Known<'_>) -> About {
    let about = match stage {
        _ if reply.is_positive() => return at_acceptance(stage),
        Stage::Setup | Stage::Resolve | Stage::Connect | Stage::Tls | Stage::Greeting => return About::Host,
        Stage::Ehlo | Stage::Auth if reply.is_permanent() => return About::Account,
        Stage::Ehlo | Stage::Auth => return About::Host,
        Stage::Mail => at_mail(reply),
        Stage::Rcpt => at_rcpt(reply, known),
        Stage::Data => at_data(reply),
        Stage::Content => at_content(reply),
    };
    // RFC 5321 section 3.8: 421 may be the reply to any command, and closes the channel. Mailgun says so of an account.
    if reply.code == 421 && about != About::Account {
        return About::Host;
    }
    with_history(about, reply, known)
}

/// A reply that fits no command, such as 250 to AUTH, defers.
fn at_acceptance(stage: Stage) -> About {
    if stage == Stage::Content { About::Taken } else { About::Host }
}

/// The server's replies to others decide what the reply alone leaves open.
fn with_history(about: About, reply: &Reply, known: &Known<'_>) -> About {
    let is_of_all = known.is_report_refused || known.is_repeated && about == About::Unknown;
    match about {
        About::Unknown | About::Mail | About::Recipient if is_of_all && reply.is_permanent() => About::Account,
        About::Unknown | About::Mail | About::Recipient if is_of_all => About::Pace,
        about => about,
    }
}

/// MAIL holds our own address. Its parameters are settled otherwise: SIZE by the cut (RFC 1870 section 6.1), SMTPUTF8
/// by the ASCII form of the address (RFC 6531 section 3.5). A user chooses some of them, so that a refusal closes the
/// way only as `Routes::learn` has it.
fn at_mail(reply: &Reply) -> About {
    match () {
        () if is_pace(reply) => About::Pace,
        () if is_settings(reply) => About::Account,
        () if is_size(reply) => About::Size,
        () if has_status(reply, &[(6, 7)]) || holds(reply, "smtputf8") => About::Mail,
        () if reply.is_permanent() => About::Account,
        () => About::Unknown,
    }
}

/// RCPT holds one recipient. A reply there may be about all our mail too: Postfix keeps its answer to EHLO, login and
/// MAIL back until then.
fn at_rcpt(reply: &Reply, known: &Known<'_>) -> About {
    let is_named = known.mailbox.is_some_and(|mailbox| names(&reply.text, mailbox));
    // That is the text of 550 in RFC 5321 section 4.2.2, whatever the reason. IONOS adds one about the sender.
    let is_of_550 = holds(reply, "mailbox unavailable") && says(reply, Words::Settings);
    match () {
        () if says(reply, Words::Quote) => About::Recipient,
        () if has_status(reply, &[(2, 2)]) || reply.code == 552 && holds(reply, "full") => About::Full,
        () if is_too_many_recipients(reply) => About::Recipients,
        () if has_status(reply, MAILBOX_STATUS) && !says(reply, Words::Settings) => About::Recipient,
        () if says(reply, Words::List) || is_rate_of_recipient(reply) => About::Recipient,
        () if is_pace(reply) => About::Pace,
        () if says(reply, Words::Recipient) && !is_of_550 => About::Recipient,
        () if is_settings(reply) && !(is_named && says(reply, Words::Account)) => About::Account,
        () if is_named || known.others_taken => About::Recipient,
        () => About::Unknown,
    }
}

/// At DATA the server knows the envelope and nothing of the content.
fn at_data(reply: &Reply) -> About {
    match () {
        () if is_pace(reply) => About::Pace,
        () if is_settings(reply) => About::Account,
        () if is_size(reply) => About::Size,
        () if holds(reply, "valid recipients") => About::Mail,
        () => About::Unknown,
    }
}

fn at_content(reply: &Reply) -> About {
    let is_of_login = LOGIN_CODES.contains(&reply.code) || has_status(reply, ACCOUNT_STATUS);
    match () {
        () if says(reply, Words::Quote) => About::Unknown,
        () if is_pace(reply) => About::Pace,
        () if says(reply, Words::List) || has_status(reply, &[(1, 1), (1, 10), (2, 2)]) => About::Recipient,
        () if says(reply, Words::Recipients) => About::Recipients,
        () if is_of_login || says(reply, Words::Settings) || says(reply, Words::Account) => About::Account,
        () if is_size(reply) => About::Size,
        () if says(reply, Words::Content) => About::Mail,
        () => About::Unknown,
    }
}

/// A reply that is final by its code and says that it is not is about how much we send: GMX names a mailbox besides.
fn is_pace(reply: &Reply) -> bool {
    let is_for_later = reply.is_permanent() && holds(reply, "try again later");
    !has_status(reply, ACCOUNT_STATUS) && (has_status(reply, PACE_STATUS) || says(reply, Words::Pace) || is_for_later)
}

/// The reply is about the connection that it comes over, and not about all our mail.
pub(crate) fn is_of_connection(reply: &Reply) -> bool {
    !reply.is_positive() && ["session", "connection", "reconnect"].iter().any(|word| holds(reply, word))
}

/// The reply says itself that it is about login, sender, relaying or the account.
pub(crate) fn is_settings(reply: &Reply) -> bool {
    let is_of_login = LOGIN_CODES.contains(&reply.code) || reply.is_permanent() && has_status(reply, LOGIN_STATUS);
    is_of_login || has_status(reply, ACCOUNT_STATUS) || says(reply, Words::Settings) || says(reply, Words::Account)
}

/// RFC 1870 section 6, RFC 3463 sections 3.3 and 3.4. A 552 that says anything else is about that.
fn is_size(reply: &Reply) -> bool {
    let is_552 = reply.code == 552 && !has_status(reply, &[(2, 2)]) && !says(reply, Words::Content);
    has_status(reply, &[(3, 4), (2, 3)]) || says(reply, Words::Size) || is_552
}

/// RFC 5321 section 4.5.3.1.10 (452, and 552 of old), RFC 3463 section 3.6 (X.5.3).
fn is_too_many_recipients(reply: &Reply) -> bool {
    let is_of_mailbox = has_status(reply, MAILBOX_STATUS) || says(reply, Words::Recipient) || holds(reply, "mailbox");
    let is_code = (reply.code == 552 || has_status(reply, &[(5, 3)])) && !is_pace(reply);
    !is_of_mailbox && (says(reply, Words::Recipients) || is_code)
}

/// The recipient gets too much just now, from us or from others.
fn is_rate_of_recipient(reply: &Reply) -> bool {
    holds(reply, "recipient rate") || holds(reply, "for this recipient") || holds(reply, "recipient has exceeded")
}

fn holds(reply: &Reply, words: &str) -> bool {
    reply.text.to_lowercase().contains(words)
}

fn says(reply: &Reply, kind: Words) -> bool {
    !reply.is_positive() && words::holds(&reply.text, kind)
}

/// Subject and detail of the enhanced status, whatever its class.
fn has_status(reply: &Reply, list: &[(u16, u16)]) -> bool {
    reply.enhanced.is_some_and(|status| list.contains(&(status.subject, status.detail)))
}

/// The text names that mailbox.
fn names(text: &str, mailbox: &str) -> bool {
    text.to_lowercase().contains(&mailbox.to_lowercase())
}

/// The outcome for a recipient, if `reply` decides it.
pub(crate) fn outcome(stage: Stage, reply: &Reply) -> Outcome {
    let (status, scope) = judge(stage, reply, &Known::default()).verdict(stage, reply);
    Outcome { status, stage, scope, enhanced: enhanced(status, reply), reason: reply.to_string() }
}

/// The subject of an outcome, if a reply has decided it.
pub(crate) fn about(outcome: &Outcome, known: &Known<'_>) -> Option<About> {
    Some(judge(outcome.stage, &reply_of(outcome)?, known))
}

/// The outcome with what else is known.
pub(crate) fn with(outcome: &Outcome, known: &Known<'_>) -> Outcome {
    let Some(reply) = reply_of(outcome) else { return outcome.clone() };
    let (status, scope) = judge(outcome.stage, &reply, known).verdict(outcome.stage, &reply);
    Outcome { status, scope, enhanced: enhanced(status, &reply), ..outcome.clone() }
}

/// The reply that an outcome quotes. Our own sentences begin with no code.
pub(crate) fn reply_of(outcome: &Outcome) -> Option<Reply> {
    let (code, text) = outcome.reason.split_at_checked(3)?;
    let is_code = code.bytes().all(|byte| byte.is_ascii_digit()) && (text.is_empty() || text.starts_with(' '));
    is_code.then(|| Some(Reply::new(code.parse().ok()?, text.trim_start())))?
}

/// The mail was refused for its size, by the server or by what the server says of itself.
pub(crate) fn is_too_large(outcome: &Outcome) -> bool {
    let is_said = (outcome.enhanced.subject, outcome.enhanced.detail) == (3, 4);
    let is_of_size = || about(outcome, &Known::default()) == Some(About::Size);
    outcome.status == Status::Bounced && outcome.stage != Stage::Rcpt && (is_said || is_of_size())
}

/// The server's enhanced status, with the class that agrees with `status`. If it gave none, the detail is "other" (RFC
/// 3463 section 3.1).
pub(crate) fn enhanced(status: Status, reply: &Reply) -> EnhancedStatus {
    let class = match status {
        Status::Bounced => 5,
        Status::Deferred => 4,
        Status::Sent => 2,
    };
    reply.enhanced.map_or(EnhancedStatus::new(class, 0, 0), |said| EnhancedStatus { class, ..said })
}

/// The scope of a refusal before any mail.
pub(crate) fn scope(stage: Stage, reply: &Reply) -> Scope {
    judge(stage, reply, &Known::default()).verdict(stage, reply).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corpus: `stage about reply` a line, under a heading that says where the replies are from.
    fn corpus() -> impl Iterator<Item = (&'static str, &'static str, Reply)> {
        let text = include_str!("../../fixtures/refusals.txt");
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let mut fields = line.splitn(3, ' ');
            let (stage, about, reply) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
            (stage, about, Reply::new(reply[..3].parse().unwrap(), reply[4..].trim()))
        })
    }

    #[test]
    fn each_reply_of_the_corpus_is_about_what_stands_there() {
        let mut wrong = Vec::new();
        for (stage, expected, reply) in corpus() {
            let (stage, fact) = stage.split_once('+').unwrap_or((stage, ""));
            let known = Known {
                mailbox: Some("ops1@b.example"),
                others_taken: fact == "taken",
                is_repeated: fact == "repeated",
                is_report_refused: fact == "report",
            };
            let about = judge(Stage::from_name(stage).unwrap(), &reply, &known);
            let found = format!("{about:?}").to_lowercase();
            if found != expected {
                wrong.push(format!("{stage} {fact} {expected}, not {found}: {reply}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(corpus().count() >= 250);
    }

    #[test]
    fn nothing_before_mail_and_no_refusal_of_our_address_bounces() {
        let before = [Stage::Greeting, Stage::Ehlo, Stage::Auth, Stage::Mail];
        for stage in before {
            for code in [220, 334, 421, 454, 500, 503, 535, 550, 554] {
                let outcome = outcome(stage, &Reply::new(code, "5.7.1 no"));
                assert_eq!(outcome.status, Status::Deferred, "{stage} {code}");
            }
        }
    }

    #[test]
    fn status_class_agrees_with_the_outcome() {
        let refused = outcome(Stage::Rcpt, &Reply::new(550, "5.1.1 unknown"));
        assert_eq!((refused.enhanced.to_string(), refused.reason.as_str()), ("5.1.1".into(), "550 5.1.1 unknown"));
        assert_eq!(outcome(Stage::Mail, &Reply::new(535, "5.7.8 no")).enhanced.to_string(), "4.7.8");
        assert_eq!(outcome(Stage::Content, &Reply::new(250, "ok")).enhanced.to_string(), "2.0.0");
        assert_eq!(outcome(Stage::Rcpt, &Reply::new(550, "no")).enhanced.to_string(), "5.0.0");
    }

    #[test]
    fn outcome_gives_its_reply_back_and_our_own_sentences_are_none() {
        let reply = Reply::new(550, "5.1.1 unknown");
        assert_eq!(reply_of(&outcome(Stage::Rcpt, &reply)), Some(reply.clone()));
        let own = Outcome { reason: "smarthost x: no answer".into(), ..outcome(Stage::Rcpt, &reply) };
        assert_eq!(reply_of(&own), None);
    }
}
