//! The one table of what a reply means at a stage. The first row that fits counts.
//!
//! A fault of our own configuration never bounces a mail: a login, a sender, a smarthost that does not relay for us.
//! Providers give such faults every code there is, so some rows go by words. A comment names a server that uses them,
//! if one is known.

use crate::outcome::{EnhancedStatus, Outcome, Reply, Scope, Stage, Status};

/// What a row looks at.
enum Says {
    Anything,
    /// The first digit of the code.
    Class(u16),
    Code(&'static [u16]),
    /// Subject and detail of a permanent enhanced status.
    Permanent(&'static [(u16, u16)]),
    /// A negative reply that holds one of these, in lower case.
    Words(&'static [&'static str]),
}

struct Row(&'static [Stage], Says, Status, Scope);

const OPENING: &[Stage] = &[Stage::Setup, Stage::Resolve, Stage::Connect, Stage::Tls, Stage::Greeting];
const TRANSACTION: &[Stage] = &[Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Content];
const BEFORE_CONTENT: &[Stage] = &[Stage::Mail, Stage::Rcpt, Stage::Data];
const ALL: &[Stage] = &[
    Stage::Setup,
    Stage::Resolve,
    Stage::Connect,
    Stage::Tls,
    Stage::Greeting,
    Stage::Ehlo,
    Stage::Auth,
    Stage::Mail,
    Stage::Rcpt,
    Stage::Data,
    Stage::Content,
];

/// RFC 4954 section 6 (530, 534, 535, 538), and 5.7.x of RFC 4954, RFC 3207 and of Exchange.
const LOGIN_CODES: &[u16] = &[530, 534, 535, 538];
const LOGIN_STATUS: &[(u16, u16)] = &[(7, 3), (7, 8), (7, 9), (7, 11), (7, 57), (7, 60), (7, 139)];

/// We should have logged in.
const LOGIN_WORDS: &[&str] = &[
    "auth first", // Tencent: 503 need EHLO and AUTH first
    "authenticate first",
    "authentication is required", // NetEase, Yahoo
    "authentication required",    // Exim, Postfix, Gmail
    "auth required",
    "client was not authenticated", // Exchange 5.7.57
    "must be authenticated",        // Courier
    "must issue a starttls",        // Gmail, Postfix
    "need to authenticate",
    "not authenticated",
    "please authenticate",
    "unauthenticated senders not allowed", // SendGrid
];

/// The login may not send as that address.
const SENDER_WORDS: &[&str] = &[
    "address is not verified",              // Amazon SES
    "conform with authentication",          // Alibaba
    "from address is not one of your",      // iCloud
    "from domain must match authenticated", // SmarterMail
    "must be same as authorization user",   // Tencent
    "must equal authorized user",           // NetEase
    "not allowed to send as",               // Exchange
    "not authorized to send as",
    "not authorised to send from",   // Fastmail
    "not local sender over smtp",    // mail.ru
    "not owned by",                  // Postfix, Yandex: user, auth user
    "permissions to send as",        // Exchange 5.7.60
    "sendasdenied",                  // Exchange
    "sender address rejected",       // Postfix: not logged in, not owned by user, domain not found
    "sender address is not allowed", // GMX, IONOS
    "sender is not allowed",         // Zoho
    "sender not allowed",
    "sender not authorized",
    "verified sender identity", // SendGrid
];

/// The smarthost does not relay for us as we are.
const RELAY_WORDS: &[&str] = &[
    "helo command rejected",     // Postfix
    "list of allowed rcpthosts", // qmail
    "relay access denied",       // Postfix
    "relay not permitted",       // Exim
    "relaying denied",           // Sendmail, Mailgun
    "relaying disallowed",       // Zoho
    "relaying not allowed",
    "unable to relay", // Exchange
];

/// Too much mail in too short a time. That is about all our mail and will pass, although some servers say so with a
/// 550.
const PACE_WORDS: &[&str] = &[
    "frequency limited", // Tencent: 550 Ip frequency limited
    "message rate",
    "rate exceeded",
    "rate limit",
    "ratelimit",
    "sending limit", // Gmail: 550 5.4.5 daily user sending limit exceeded
    "sending quota", // Amazon SES: 454 throttling failure, daily message quota; Google Workspace
    "slow down",
    "throttl", // Yahoo, Amazon SES
    "too fast",
    "too many connections",
    "too many emails",
    "too many mails",
    "too many messages",
];

const TABLE: &[Row] = &[
    // RFC 5321 section 3.8: 421 may be the reply to any command, and closes the channel.
    Row(ALL, Says::Code(&[421]), Status::Deferred, Scope::Host),
    Row(TRANSACTION, Says::Words(PACE_WORDS), Status::Deferred, Scope::Host),
    Row(OPENING, Says::Anything, Status::Deferred, Scope::Host),
    Row(&[Stage::Ehlo, Stage::Auth], Says::Class(5), Status::Deferred, Scope::Configuration),
    Row(&[Stage::Ehlo, Stage::Auth], Says::Anything, Status::Deferred, Scope::Host),
    Row(TRANSACTION, Says::Code(LOGIN_CODES), Status::Deferred, Scope::Configuration),
    Row(BEFORE_CONTENT, Says::Permanent(LOGIN_STATUS), Status::Deferred, Scope::Configuration),
    // Past the content, 5.7.x is about the mail: Yahoo refuses spam with 5.7.9.
    Row(&[Stage::Content], Says::Permanent(&[(7, 57), (7, 60)]), Status::Deferred, Scope::Configuration),
    Row(TRANSACTION, Says::Words(LOGIN_WORDS), Status::Deferred, Scope::Configuration),
    Row(TRANSACTION, Says::Words(SENDER_WORDS), Status::Deferred, Scope::Configuration),
    Row(TRANSACTION, Says::Words(RELAY_WORDS), Status::Deferred, Scope::Configuration),
    // RFC 5321 section 4.5.3.1.10: 552 means "too many recipients". The others go in another transaction.
    Row(&[Stage::Rcpt], Says::Code(&[552]), Status::Deferred, Scope::Recipient),
    Row(&[Stage::Rcpt], Says::Class(5), Status::Bounced, Scope::Recipient),
    Row(&[Stage::Rcpt], Says::Class(4), Status::Deferred, Scope::Recipient),
    Row(TRANSACTION, Says::Class(5), Status::Bounced, Scope::Message),
    Row(TRANSACTION, Says::Class(4), Status::Deferred, Scope::Message),
    Row(&[Stage::Content], Says::Class(2), Status::Sent, Scope::Message),
];

/// What `reply` at `stage` means. A reply that fits no row, such as 250 to AUTH, defers.
pub(super) fn judge(stage: Stage, reply: &Reply) -> (Status, Scope) {
    TABLE
        .iter()
        .find(|Row(stages, says, ..)| stages.contains(&stage) && says.fits(reply))
        .map_or((Status::Deferred, Scope::Host), |Row(.., status, scope)| (*status, *scope))
}

/// The outcome for a recipient, if `reply` decides it.
pub(super) fn outcome(stage: Stage, reply: &Reply) -> Outcome {
    let (status, scope) = judge(stage, reply);
    Outcome { status, stage, scope, enhanced: enhanced(status, reply), reason: reply.to_string() }
}

/// The server's enhanced status, with the class that agrees with `status`. If it gave none, the detail is "other" (RFC
/// 3463 section 3.1).
pub(super) fn enhanced(status: Status, reply: &Reply) -> EnhancedStatus {
    let class = match status {
        Status::Bounced => 5,
        Status::Deferred => 4,
        Status::Sent => 2,
    };
    reply.enhanced.map_or(EnhancedStatus::new(class, 0, 0), |said| EnhancedStatus { class, ..said })
}

impl Says {
    fn fits(&self, reply: &Reply) -> bool {
        match self {
            Says::Anything => true,
            Says::Class(class) => reply.code / 100 == *class,
            Says::Code(codes) => codes.contains(&reply.code),
            Says::Permanent(list) => {
                reply.enhanced.is_some_and(|s| s.class == 5 && list.contains(&(s.subject, s.detail)))
            }
            Says::Words(words) => {
                let text = reply.text.to_lowercase();
                !reply.is_positive() && words.iter().any(|word| text.contains(word))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(stage: Stage, code: u16, text: &str) -> (Status, Scope) {
        judge(stage, &Reply::new(code, text))
    }

    #[test]
    fn nothing_before_mail_bounces() {
        for &stage in ALL.iter().filter(|stage| !TRANSACTION.contains(stage)) {
            for code in [220, 334, 421, 454, 500, 535, 554] {
                assert_eq!(judged(stage, code, "5.7.1 no").0, Status::Deferred, "{stage} {code}");
            }
        }
    }

    #[test]
    fn each_row_of_the_table_holds() {
        use Scope::{Configuration, Host, Message, Recipient};
        use Stage::{Auth, Content, Data, Ehlo, Greeting, Mail, Rcpt};
        use Status::{Bounced, Deferred, Sent};
        for (stage, code, text, expected) in [
            (Greeting, 554, "no service", (Deferred, Host)),
            (Greeting, 450, "busy", (Deferred, Host)),
            (Ehlo, 501, "bad name", (Deferred, Configuration)),
            (Ehlo, 450, "later", (Deferred, Host)),
            (Auth, 535, "5.7.8 bad", (Deferred, Configuration)),
            (Auth, 454, "4.7.0 later", (Deferred, Host)),
            (Auth, 421, "closing", (Deferred, Host)),
            (Mail, 421, "closing", (Deferred, Host)),
            (Rcpt, 421, "closing", (Deferred, Host)),
            (Mail, 530, "log in", (Deferred, Configuration)),
            (Content, 550, "5.7.60 x", (Deferred, Configuration)),
            (Rcpt, 550, "5.1.1 no such user", (Bounced, Recipient)),
            (Rcpt, 450, "4.2.1 greylisted", (Deferred, Recipient)),
            (Rcpt, 552, "too many", (Deferred, Recipient)),
            (Mail, 550, "5.1.8 bad sender", (Bounced, Message)),
            (Mail, 552, "5.3.4 too big", (Bounced, Message)),
            (Data, 554, "no valid recipients", (Bounced, Message)),
            (Content, 552, "5.3.4 too big", (Bounced, Message)),
            (Content, 550, "5.7.1 this is spam", (Bounced, Message)),
            (Content, 451, "4.3.0 later", (Deferred, Message)),
            (Data, 451, "later", (Deferred, Message)),
            (Mail, 452, "4.3.1 disk full", (Deferred, Message)),
            (Content, 250, "2.0.0 queued", (Sent, Message)),
            (Mail, 354, "what?", (Deferred, Host)),
        ] {
            assert_eq!(judged(stage, code, text), expected, "{stage} {code} {text}");
        }
    }

    #[test]
    fn faults_of_our_configuration_are_recognised() {
        for (stage, code, text) in [
            (Stage::Mail, 501, "Mail from address must be same as authorization user."),
            (Stage::Mail, 503, "Error: need EHLO and AUTH first !"),
            (Stage::Mail, 530, "5.7.0 Authentication Required. For more information, go to"),
            (Stage::Mail, 530, "5.7.57 Client not authenticated to send mail"),
            (Stage::Mail, 553, "Mail from must equal authorized user"),
            (Stage::Mail, 553, "5.7.1 Sender address rejected: not owned by auth user."),
            (Stage::Rcpt, 550, "relay not permitted, authentication required"),
            (Stage::Rcpt, 553, "5.7.1 <a@b>: Sender address rejected: not owned by user c@d"),
            (Stage::Rcpt, 553, "5.7.1 <a@b>: Sender address rejected: not logged in"),
            (Stage::Mail, 436, "\"MAIL FROM\" doesn't conform with authentication (Auth Account:a@b|Mail Account:c@d)"),
            (Stage::Mail, 550, "5.7.0 From address is not one of your addresses"),
            (Stage::Mail, 550, "Unauthenticated senders not allowed"),
            (Stage::Mail, 550, "not local sender over smtp"),
            (Stage::Mail, 550, "Sender address is not allowed."),
            (Stage::Content, 551, "5.7.1 Not authorised to send from this header address"),
            (Stage::Rcpt, 553, "Relaying disallowed as a@b"),
            (Stage::Rcpt, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
            (Stage::Rcpt, 554, "5.7.1 <a@b>: Relay access denied"),
            (Stage::Rcpt, 454, "4.7.1 <a@b>: Relay access denied"),
            (Stage::Rcpt, 504, "5.5.2 <web1>: Helo command rejected: need fully-qualified hostname"),
            (Stage::Rcpt, 553, "Sender is not allowed to relay emails"),
            (Stage::Content, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
            (Stage::Content, 554, "5.2.252 SendAsDenied; a@b not allowed to send as c@d"),
            (Stage::Content, 554, "Message rejected: Email address is not verified."),
            (Stage::Content, 550, "The from address does not match a verified Sender Identity."),
        ] {
            assert_eq!(judged(stage, code, text), (Status::Deferred, Scope::Configuration), "{code} {text}");
        }
    }

    #[test]
    fn too_much_is_about_all_mail_and_passes() {
        for (stage, code, text) in [
            (Stage::Mail, 450, "4.7.1 Error: too many messages from 10.0.0.1"),
            (Stage::Mail, 550, "5.4.5 Daily user sending limit exceeded"),
            (Stage::Content, 454, "Throttling failure: Maximum sending rate exceeded"),
            (Stage::Rcpt, 451, "4.7.0 Rate limit reached"),
        ] {
            assert_eq!(judged(stage, code, text), (Status::Deferred, Scope::Host), "{text}");
        }
        assert_eq!(judged(Stage::Rcpt, 452, "4.5.3 Too many recipients").1, Scope::Recipient);
    }

    #[test]
    fn words_never_touch_what_was_taken() {
        assert_eq!(judged(Stage::Content, 250, "queued, authentication required").0, Status::Sent);
    }

    #[test]
    fn words_stand_in_lower_case() {
        for word in [LOGIN_WORDS, SENDER_WORDS, RELAY_WORDS, PACE_WORDS].into_iter().flatten() {
            assert_eq!(*word, word.to_lowercase());
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
}
