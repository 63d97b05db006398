//! The requests of a sender about the delivery of a mail, RFC 3461: RET and ENVID about the mail, NOTIFY and ORCPT
//! about a recipient.
//!
//! Only the words, with their forms on the wire; the modules that send and report decide who is told.

use std::fmt;
use std::str::FromStr;

/// The longest ENVID, RFC 3461 section 4.4.
const LONGEST_ENVID: usize = 100;
/// The longest ORCPT, RFC 3461 section 4.2.
const LONGEST_ORCPT: usize = 500;

/// The requests about a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfMail {
    /// The part of it that a report of failure brings back.
    pub(crate) ret: Option<Ret>,
    /// The sender's own name for this submission.
    pub(crate) envid: Option<Envid>,
}

/// The requests about a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfRecipient {
    /// The events to report.
    pub(crate) notify: Option<Notify>,
    /// The recipient that the sender meant.
    pub(crate) orcpt: Option<Orcpt>,
}

impl OfRecipient {
    /// True if a failure must be reported: it must, unless the sender says otherwise (RFC 3461 section 4.1).
    pub(crate) fn wants_failure(&self) -> bool {
        self.notify.is_none_or(|notify| notify.failure)
    }
}

/// The text is no value of that parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAValue;

/// RET: the part of the mail that a report of failure brings back, RFC 3461 section 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ret {
    /// All of it.
    Full,
    /// Its header section.
    Hdrs,
}

impl FromStr for Ret {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        match text.to_ascii_uppercase().as_str() {
            "FULL" => Ok(Self::Full),
            "HDRS" => Ok(Self::Hdrs),
            _ => Err(NotAValue),
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Hdrs => "HDRS",
        })
    }
}

/// NOTIFY: the events to report, RFC 3461 section 4.1; no event at all is NEVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// It was delivered.
    pub(crate) success: bool,
    /// It could not be delivered.
    pub(crate) failure: bool,
    /// It takes long.
    pub(crate) delay: bool,
}

impl FromStr for Notify {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let text = text.to_ascii_uppercase();
        let mut notify = Self::default();
        if text == "NEVER" {
            return Ok(notify);
        }
        for event in text.split(',') {
            match event {
                "DELAY" => notify.delay = true,
                "FAILURE" => notify.failure = true,
                "SUCCESS" => notify.success = true,
                _ => return Err(NotAValue),
            }
        }
        Ok(notify)
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let asked: Vec<&str> = events.iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| *name).collect();
        f.write_str(if asked.is_empty() { "NEVER".to_string() } else { asked.join(",") }.as_str())
    }
}

/// ENVID: the sender's own name for a submission, RFC 3461 section 4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envid(String);

impl Envid {
    /// The name that `text` is as it stands, even if it would have another meaning in the form of the wire.
    pub(crate) fn plain(text: &str) -> Option<Self> {
        let is_one = text.bytes().all(is_printable) && (1..=LONGEST_ENVID).contains(&encoded(text).len());
        is_one.then(|| Self(text.to_string()))
    }

    /// The name itself, in printable ASCII.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for Envid {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        Self::plain(&decoded(text)?).ok_or(NotAValue)
    }
}

impl fmt::Display for Envid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoded(&self.0))
    }
}

/// ORCPT: the recipient that the sender meant, RFC 3461 section 4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orcpt {
    kind: String,
    address: String,
}

impl Orcpt {
    /// Type and address as they are, in printable ASCII: `rfc822;a+b@x.org`.
    pub(crate) fn text(&self) -> String {
        format!("{};{}", self.kind, self.address)
    }
}

impl FromStr for Orcpt {
    type Err = NotAValue;

    fn from_str(text: &str) -> Result<Self, NotAValue> {
        let (kind, address) = text.split_once(';').ok_or(NotAValue)?;
        let is_kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let address = decoded(address)?;
        if text.len() > LONGEST_ORCPT || !is_kind || address.trim().is_empty() {
            return Err(NotAValue);
        }
        Ok(Self { kind: kind.to_string(), address })
    }
}

impl fmt::Display for Orcpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.kind, encoded(&self.address))
    }
}

/// RFC 3461 section 4.4 wants printable ASCII in ENVID; a report can hold no more in ORCPT either.
fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// xtext, RFC 3461 section 4.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'+' | b'=' | b' ' => format!("+{byte:02X}"),
        byte => char::from(byte).to_string(),
    };
    text.bytes().map(encode).collect()
}

fn decoded(text: &str) -> Result<String, NotAValue> {
    let mut parts = text.split('+');
    let mut decoded = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(NotAValue)?;
        // RFC 3461 has the digits in capitals; others are understood.
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(NotAValue)?;
        decoded.push(char::from(byte));
        decoded.push_str(rest);
    }
    let is_text = !decoded.is_empty() && decoded.bytes().all(is_printable) && !text.contains([' ', '=']);
    if is_text { Ok(decoded) } else { Err(NotAValue) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_a_list_or_never() {
        let read = |text: &str| text.parse::<Notify>().map(|notify| notify.to_string()).ok();
        assert_eq!(read("never").as_deref(), Some("NEVER"));
        assert_eq!(read("delay,Success").as_deref(), Some("SUCCESS,DELAY"));
        for wrong in ["", "NEVER,SUCCESS", "FAILURE,", "often", "SUCCESS FAILURE"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!("FAILURE".parse::<Notify>().unwrap().failure);
        assert!(OfRecipient::default().wants_failure());
        assert!(!OfRecipient { notify: "SUCCESS,DELAY".parse().ok(), orcpt: None }.wants_failure());
    }

    #[test]
    fn values_of_the_wire_are_decoded_and_read_back() {
        let envid: Envid = "QQ314+2B159+20x".parse().unwrap();
        assert_eq!((envid.text(), envid.to_string().as_str()), ("QQ314+159 x", "QQ314+2B159+20x"));
        let orcpt: Orcpt = "rfc822;a+2Bb@x.org".parse().unwrap();
        assert_eq!((orcpt.text().as_str(), orcpt.to_string().as_str()), ("rfc822;a+b@x.org", "rfc822;a+2Bb@x.org"));
        assert_eq!(Envid::plain("QQ314+159").unwrap().to_string(), "QQ314+2B159");
    }

    #[test]
    fn what_could_leave_its_line_is_no_value() {
        let (longest, too_long) = ("+3D".repeat(33), "+3D".repeat(34));
        for wrong in ["", "a+0D+0Ab", "a b", "a=b", "a+2", "a+zz", "a+é", "é", &"x".repeat(101), &too_long] {
            assert_eq!(wrong.parse::<Envid>(), Err(NotAValue), "{wrong}");
        }
        assert_eq!(Envid::plain(&"=".repeat(34)), None, "its length counts as it is sent");
        assert_eq!(longest.parse::<Envid>().ok(), Envid::plain(&"=".repeat(33)));
        for wrong in ["", "a@x.org", ";a@x.org", "rfc822;", "rfc822;+20", "r c;a", "rfc822;a+0Ab", "utf-8;ü@x.org"] {
            assert_eq!(wrong.parse::<Orcpt>(), Err(NotAValue), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_reads_back(text in "[ -~é]{0,20}") {
            if let Ok(envid) = text.parse::<Envid>() {
                prop_assert_eq!(envid.to_string().parse(), Ok(envid));
            }
            if let Ok(orcpt) = format!("rfc822;{text}").parse::<Orcpt>() {
                prop_assert_eq!(orcpt.to_string().parse(), Ok(orcpt));
            }
            if let Some(envid) = Envid::plain(&text) {
                prop_assert_eq!(envid.to_string().parse(), Ok(envid));
            }
        }
    }
}
