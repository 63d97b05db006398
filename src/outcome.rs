//! The words for the outcome of a mail: the server's reply, the enhanced status, the stage of the dialogue, and the
//! outcome for one recipient.
//!
//! It lives on the lowest floor: every module may use these words, and they use no other module. An outcome never has
//! an empty status or an empty reason.

use std::fmt;
use std::str::FromStr;

/// An enhanced mail system status code, RFC 3463 (`5.1.1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EnhancedStatus {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub(crate) class: u8,
    /// The subject of the status (address, mailbox, system, network, ...).
    pub(crate) subject: u16,
    /// The detail within the subject.
    pub(crate) detail: u16,
}

impl EnhancedStatus {
    /// The status `class.subject.detail`.
    pub(crate) const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// The text is not of the form `class "." subject "." detail` of RFC 3463 section 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAStatus;

impl FromStr for EnhancedStatus {
    type Err = NotAStatus;

    fn from_str(text: &str) -> Result<Self, NotAStatus> {
        let mut parts = text.split('.');
        let mut number = |most: u16| -> Result<u16, NotAStatus> {
            let part = parts.next().ok_or(NotAStatus)?;
            if part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(NotAStatus);
            }
            part.parse().ok().filter(|n| *n <= most).ok_or(NotAStatus)
        };
        let (class, subject, detail) = (number(5)?, number(999)?, number(999)?);
        match (class, parts.next()) {
            (2 | 4 | 5, None) => Ok(Self::new(class as u8, subject, detail)),
            _ => Err(NotAStatus),
        }
    }
}

/// A server's answer: RFC 5321 section 4.2, with the enhanced status of RFC 2034 if it gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub(crate) code: u16,
    /// The enhanced status at the front of the text, if there was one.
    pub(crate) enhanced: Option<EnhancedStatus>,
    /// The text of all lines, joined by single blanks, without code and enhanced status, fit to print.
    pub(crate) text: String,
}

impl Reply {
    /// Takes the enhanced status off the front of `text`, if its class agrees with `code`.
    pub(crate) fn new(code: u16, text: &str) -> Self {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        match first.parse::<EnhancedStatus>() {
            Ok(status) if u16::from(status.class) == code / 100 => {
                Self { code, enhanced: Some(status), text: clean(rest) }
            }
            _ => Self { code, enhanced: None, text: clean(text) },
        }
    }

    /// 2xx or 3xx: the command was taken.
    pub(crate) fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// 5xx: do not try the same again.
    pub(crate) fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(status) = self.enhanced {
            write!(f, " {status}")?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text)?;
        }
        Ok(())
    }
}

/// The stage of the dialogue with the smarthost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Our own settings, before any packet left.
    Setup,
    /// Looking up the host name.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake and the check of the certificate.
    Tls,
    /// The server's greeting.
    Greeting,
    /// EHLO.
    Ehlo,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, up to its 354.
    Data,
    /// The content, up to the reply to the final dot.
    Content,
}

impl Stage {
    const NAMES: [(Stage, &'static str); 11] = [
        (Stage::Setup, "setup"),
        (Stage::Resolve, "resolve"),
        (Stage::Connect, "connect"),
        (Stage::Tls, "tls"),
        (Stage::Greeting, "greeting"),
        (Stage::Ehlo, "ehlo"),
        (Stage::Auth, "auth"),
        (Stage::Mail, "mail"),
        (Stage::Rcpt, "rcpt"),
        (Stage::Data, "data"),
        (Stage::Content, "content"),
    ];

    /// The stage of that name, as `Display` writes it.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, n)| *n == name).map(|(stage, _)| *stage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(stage, _)| stage == self).map_or("", |(_, n)| n);
        f.write_str(name)
    }
}

/// The outcome of the mail for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Refused for good.
    Bounced,
    /// Kept, to be tried again.
    Deferred,
    /// The smarthost has taken it.
    Sent,
}

impl Status {
    /// The word that the log and the journal use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Bounced => "bounced",
            Status::Deferred => "deferred",
            Status::Sent => "sent",
        }
    }

    /// The status of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Status::Bounced, Status::Deferred, Status::Sent].into_iter().find(|s| s.name() == name)
    }
}

/// The scope of a trouble: one recipient, the whole mail, or every mail for that smarthost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One recipient.
    Recipient,
    /// This mail, for every recipient.
    Message,
    /// The smarthost as a whole: no other mail would fare better now.
    Host,
    /// Our own configuration (login, sender, certificate): nothing leaves until a person mends it.
    Configuration,
}

/// The end of one attempt for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Sent, deferred or bounced.
    pub(crate) status: Status,
    /// The stage that decided it.
    pub(crate) stage: Stage,
    /// Its scope.
    pub(crate) scope: Scope,
    /// The server's enhanced status, or the nearest one of RFC 3463.
    pub(crate) enhanced: EnhancedStatus,
    /// The server's reply, or our own sentence if there was none. It is never empty.
    pub(crate) reason: String,
}

/// Text from outside made fit for one line of a log or a terminal: control characters become `?`, runs of blanks and
/// line ends one blank.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().map(|c| if is_printable(c) { c } else { '?' }));
    }
    out
}

/// The character neither controls a terminal nor turns the direction of the line (Unicode TR 36, 3.1).
pub(crate) fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_takes_the_enhanced_status_only_when_it_agrees_with_the_code() {
        let reply = Reply::new(550, "5.1.1 no such user");
        assert_eq!(reply.enhanced, Some(EnhancedStatus::new(5, 1, 1)));
        assert_eq!(reply.text, "no such user");
        assert_eq!(Reply::new(250, "5.1.1 odd").enhanced, None);
        assert_eq!(Reply::new(421, "10.0.0.1 busy").enhanced, None);
    }

    #[test]
    fn status_is_read_strictly() {
        assert!("5.1.1".parse::<EnhancedStatus>().is_ok());
        for bad in ["", "5", "5.1", "5.1.1.1", "3.1.1", "5.1000.1", "5.+1.1", "5..1"] {
            assert_eq!(bad.parse::<EnhancedStatus>(), Err(NotAStatus), "{bad}");
        }
    }

    #[test]
    fn text_from_outside_cannot_make_a_second_line() {
        assert_eq!(clean("a\r\nb\tc\u{1b}[31m \u{202e}x"), "a b c?[31m ?x");
    }

    #[test]
    fn stage_names_are_read_back() {
        for (stage, name) in Stage::NAMES {
            assert_eq!(Stage::from_name(name), Some(stage));
            assert_eq!(stage.to_string(), name);
        }
    }
}
