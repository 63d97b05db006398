//! The words by which servers tell what a refusal is about. They are a short cut: what they do not tell is seen from
//! what was refused, and from what becomes of the report.
//!
//! All of them stand in lower case. A comment names a server that uses them, if one is known.

/// We should have logged in.
const LOGIN: &[&str] = &[
    "auth first", // Tencent: 503 need EHLO and AUTH first
    "authenticate first",
    "authentication is required", // NetEase, Yahoo
    "authentication required",    // Exim, Postfix, Gmail
    "auth required",
    "client not authenticated",
    "client was not authenticated", // Exchange 5.7.57
    "must be authenticated",        // Courier
    "must issue a starttls",        // Gmail, Postfix
    "need to authenticate",
    "not authenticated",
    "not logged in", // Postfix
    "please authenticate",
    "unauthenticated senders not allowed", // SendGrid
    "unauthenticated email is not accepted",
    "invalid credentials", // Google's relay service
];

/// The login may not send as that address, or the address or its domain has yet to be shown to be ours.
const SENDER: &[&str] = &[
    "address is not verified",              // Amazon SES
    "blocked sender",                       // SparkPost, of our own address
    "bounce domain",                        // SparkPost
    "conform with authentication",          // Alibaba
    "demo domain",                          // Mailtrap
    "domain is not verified",               // Resend
    "domain not verified",                  // Brevo
    "domain lockdown",                      // MailChannels
    "from address does not match",          // SendGrid
    "from address is not one of your",      // iCloud
    "from domain must match authenticated", // SmarterMail
    "header from",                          // Exim, Strato: the login does not own it
    "identities failed the check",          // Amazon SES
    "invalid return path",                  // hydroxide
    "invalid sender",
    "must be same as authorization user", // Tencent
    "must equal authorized user",         // NetEase
    "no such sender",
    "not a verified",
    "not allowed to send:",      // Mailgun, of a domain
    "not allowed to send as",    // Exchange
    "not allowed to send from",  // Exim, Mailgun
    "not allowed to send mail",  // GMX
    "not authorized to perform", // Amazon SES: the key has no right to send
    "not authorized to send",
    "not authorised to send",     // Fastmail
    "not authorized to use",      // Exim
    "not local sender over smtp", // mail.ru
    "not owned by",               // Postfix, Yandex: user, auth user
    "notauthenticatedsender",     // Tencent Cloud SES
    "permissions to send as",     // Exchange 5.7.60
    "sender signature",           // Postmark
    "sendasdenied",               // Exchange
    "sender address rejected",    // Postfix: not logged in, not owned by user, domain not found
    "sender address is not",      // GMX, IONOS: allowed; others: registered
    "sender address must match",  // Strato
    "sender is not allowed",      // Zoho
    "sender is not verified",     // Brevo
    "sender not allowed",
    "sender not authorized",
    "sender rejected",
    "sender verify failed",
    "sender identity", // SendGrid
    "sending domain",  // SparkPost: unconfigured, unverified
    "sending from domain",
    "spoof", // OVH, Zoho
    "unknown sender address",
    "unverified",
    "verify your domain",
    "your domain is not",
];

/// The smarthost does not relay for us as we are.
const RELAY: &[&str] = &[
    "client host rejected",  // Postfix
    "ehlo command rejected", // Postfix
    "helo command rejected", // Postfix
    "invalid helo",
    "list of allowed rcpthosts", // qmail
    "as a relay",                // Symantec
    "mail relay denied",         // Google's relay service
    "not allowed to relay",
    "not authorized to relay", // Google's relay service
    "open relay not allowed",  // Mimecast
    "relay access denied",     // Postfix
    "relay denied",
    "relay not allowed",   // Stalwart
    "relay not permitted", // Exim
    "relaying denied",     // Sendmail, Mailgun
    "relaying disallowed", // Zoho
    "relaying is prohibited",
    "relaying not allowed",
    "send email directly to our servers", // Gmail: the address of this machine
    "unable to relay",                    // Exchange
];

/// The account is closed, unpaid or not open yet, until a person has mended it.
const ACCOUNT: &[&str] = &[
    "account blocked",
    "account disabled",
    "account has been", // disabled, suspended, locked, blocked
    "account inactive",
    "account is",     // disabled, suspended, under review, not active
    "account locked", // Coremail
    "account not active",
    "account suspended",
    "account was",
    "account unavailable", // DirectMail: main account unavailable
    "activate your",
    "blocked for sending",
    "expired plan",
    "is disabled for", // Yandex: SMTP is disabled for this account
    "mail service is not enabled",
    "not activated", // Brevo
    "not yet activated",
    "outgoing blocked", // Zoho
    "payment",
    "recharge",
    "sending disabled",
    "sending has been", // disabled, suspended
    "sending is disabled",
    "sending mail is blocked",
    "sending paused",    // Amazon SES
    "sending suspended", // Amazon SES
    "service is disabled",
    "smtp access is disabled",
    "smtp is disabled",
    "smtp service disabled",
    "subscription",
    "suspended",         // Yahoo, hosters
    "tenant is blocked", // Exchange
    "user disabled",
    "user is blocked",
    "user locked", // Coremail
    "userlocked",
];

/// Too much mail in too short a time. That is about all our mail and will pass, although some servers say so with 5xx.
const PACE: &[&str] = &[
    "credits exceeded",  // SendGrid
    "frequency limited", // Tencent: 550 Ip frequency limited
    "has exceeded its",
    "limit exceeded",
    "message rate",
    "messages per day",
    "messages per hour",
    "not enough sending quota", // DirectMail
    "out of quota",
    "quota exceeded", // Amazon SES, DirectMail
    "quota has been",
    "quota reached",
    "quotaexceeded", // Exchange: SubmissionQuotaExceededException
    "rate exceeded",
    "rate limit",
    "ratelimit",
    "relay quota",
    "sending limit", // Gmail: 550 5.4.5 daily user sending limit exceeded
    "sending quota", // Amazon SES: 454 throttling failure, daily message quota; Google Workspace
    "slow down",
    "throttl", // Yahoo, Amazon SES
    "too fast",
    "too many connections",
    "too many emails",
    "too many mails",
    "too many messages",
    "too much mail",
    "try after some",           // Zoho
    "unusual rate",             // Gmail
    "unusual sending activity", // Zoho
];

/// A limit and the sign that it is reached, in any order.
const LIMITS: &[&str] = &["limit", "quota", "threshold", "maximum", "max ", "allowance", "too many"];
const REACHED: &[&str] = &["exceed", "reached", "daily", "per day", "hour", "minute", "second", "you over", "today"];
/// Limits of one mail or one mailbox, which no time ends.
const NO_PACE: &[&str] =
    &["size", "octets", "bytes", "mailbox", "line ", "length", "large", "big", "hop", "header", "attachment"];

/// More recipients than the server takes in one mail.
const RECIPIENTS: &[&str] = &["recipients", "recipient", "rcpts", "rcpt", "addressees", "users"];
const MANY: &[&str] = &["too many", "maximum", "limit", "number of", "over size", "out of allow", "exceed"];
/// Limits of so many in a time.
const IN_A_TIME: &[&str] = &["rate", "daily", "day", "hour", "minute", "mailbox", "too many messages", "quota"];

/// The mail is larger than the server takes.
const SIZE: &[&str] = &[
    "exceeds fixed maximum message size",
    "exceeds fixed limit",
    "exceeds maximum",
    "exceeds size limit",
    "exceeds the maximum",
    "exceeds the size",
    "mail size",
    "max message size",
    "maximum message size",
    "message file too big",
    "message is too large",
    "message length",
    "message size",
    "message too big",
    "message too large",
    "size exceed",
    "size limit",
    "sizelimit",
    "size of the mail",
    "too big",
    "too large",
    "too long message",
    "toobig",
];

/// So much of it, in whatever words.
const TOO_MUCH: &[&str] = &["exceed", "limit", "maximum", "max ", "larger", "more than", "over "];
const OCTETS: &[&str] = &["octets", "bytes", "kilobyte", "megabyte", " kb", " mb", " kib", " mib"];

/// The mail itself: what it says, what it brings, how it is built.
const CONTENT: &[&str] = &[
    "attachment",
    "bare cr",
    "bare lf",
    "bulk mail",
    "content",
    "dkim",
    "dmarc",
    "dt:spm", // NetEase
    "dt:sum",
    "dt:spf",
    "duplicate header",
    "hop count",
    "infected",
    "junk",
    "line is too long",
    "line too long",
    "lines too long",
    "loop",
    "malware",
    "message-id",
    "not rfc",
    "rfc 2822",
    "rfc 5322",
    "rfc2822",
    "rfc5322",
    "phish",
    "spam",
    "suspicious",
    "syntax of the message",
    "too many hops",
    "unsolicited",
    " url",
    "virus",
];

/// The recipient's mailbox.
const RECIPIENT: &[&str] = &[
    "address rejected: undeliverable",
    "address unknown",
    "does not exist",
    "doesn't exist",
    "inactive user",
    "invalid mailbox",
    "invalid rcptto", // DirectMail
    "invalid recipient",
    "invalid user",
    "mailbox disabled",
    "mailbox full",
    "mailbox is",
    "mailbox not found",
    "mailbox unavailable",
    "mailbox unknown",
    "no mailbox",
    "no such address",
    "no such mailbox",
    "no such recipient",
    "no such user",
    "not a valid recipient",
    "not our customer",
    "recipient address rejected",
    "recipient not found",
    "recipient rejected",
    "recipient unknown",
    "recipients list suppressed",
    "unknown recipient",
    "unknown user",
    "unrouteable address", // Exim
    "user not found",
    "user unknown",
];

/// A list or group that takes no mail of ours, and a list of addresses that get no mail.
const LIST: &[&str] = &[
    "members only",
    "not authenticated for group",
    "only members",
    "resolver.", // Exchange, about one recipient
    "suppress",  // Amazon SES, Mailgun
    "to the group",
    "to the list",
    "to this group", // Exchange
    "to this list",
];

/// From here on the server quotes another one, that of the recipient.
const QUOTES: &[&str] =
    &[" said:", " says:", "callout", "recipient verify", "in reply to", "remote server", "remote host"];

/// The kinds of words in a refusal, each with its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// Login, sender, relaying: our settings.
    Settings,
    /// The account is closed.
    Account,
    /// Too much in too short a time.
    Pace,
    /// Too many recipients in one mail.
    Recipients,
    /// The size of the mail.
    Size,
    /// The content.
    Content,
    /// The recipient's mailbox.
    Recipient,
    /// A list or group.
    List,
    /// The words of another server about the recipient.
    Quote,
}

/// The text of a reply holds words of that kind.
pub(crate) fn holds(text: &str, kind: Words) -> bool {
    let text = text.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match kind {
        Words::Settings => any(LOGIN) || any(SENDER) || any(RELAY),
        Words::Account => any(ACCOUNT),
        Words::Pace => any(PACE) || any(LIMITS) && any(REACHED) && !any(NO_PACE),
        Words::Recipients => any(RECIPIENTS) && any(MANY) && !any(IN_A_TIME),
        Words::Size => (any(SIZE) || any(TOO_MUCH) && any(OCTETS)) && !any(&["header", "line"]),
        Words::Content => any(CONTENT),
        Words::Recipient => any(RECIPIENT),
        Words::List => any(LIST),
        Words::Quote => any(QUOTES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_lower_case() {
        let tables = [
            LOGIN, SENDER, RELAY, ACCOUNT, PACE, LIMITS, REACHED, NO_PACE, RECIPIENTS, MANY, IN_A_TIME, SIZE, CONTENT,
            RECIPIENT, LIST, QUOTES, TOO_MUCH, OCTETS,
        ];
        for word in tables.into_iter().flatten() {
            assert_eq!(*word, word.to_lowercase());
        }
    }
}
