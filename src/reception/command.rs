//! One command line: a verb, an address, parameters (RFC 5321 section 4.1).
//!
//! We read it as the big servers do: `MAIL FROM: a@x` without brackets and with a blank is understood. A line that we
//! do not understand is answered here.

use super::Reply;
use crate::dsn::{OfMail, OfRecipient};

/// The request of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Data,
    Ehlo,
    Helo,
    Help,
    Mail(Mail),
    Noop,
    Quit,
    Rcpt(Recipient),
    Rset,
    Vrfy,
}

/// MAIL: the sender, and the facts about the mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mail {
    pub(super) reverse_path: String,
    pub(super) dsn: OfMail,
    /// The octets announced, RFC 1870.
    pub(super) size: Option<u64>,
}

/// RCPT: a recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) address: String,
    pub(super) dsn: OfRecipient,
}

impl Command {
    /// Reads a line without its end; the error is the answer to a wrong line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Reply> {
        let no_text = |_| Reply::new(500, "5.5.2 this is neither ASCII nor UTF-8");
        let line = std::str::from_utf8(line).map_err(no_text)?.trim_ascii_end();
        if line.contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(Reply::new(500, "5.5.2 a command has no control characters"));
        }
        let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim_ascii_start();
        match verb.to_ascii_uppercase().as_str() {
            "DATA" if !rest.is_empty() => Err(Reply::new(501, "5.5.4 DATA stands alone")),
            "DATA" => Ok(Self::Data),
            "EHLO" | "HELO" if rest.is_empty() => Err(Reply::new(501, "5.5.4 say who you are")),
            "EHLO" => Ok(Self::Ehlo),
            "HELO" => Ok(Self::Helo),
            "HELP" => Ok(Self::Help),
            "MAIL" => mail(rest).map(Self::Mail),
            "NOOP" => Ok(Self::Noop),
            "QUIT" => Ok(Self::Quit),
            "RCPT" => recipient(rest).map(Self::Rcpt),
            "RSET" => Ok(Self::Rset),
            "VRFY" if rest.is_empty() => Err(Reply::new(501, "5.5.4 say whom")),
            "VRFY" => Ok(Self::Vrfy),
            "AUTH" | "BDAT" | "ETRN" | "EXPN" | "STARTTLS" | "TURN" => {
                Err(Reply::new(502, "5.5.1 this is not offered here"))
            }
            _ => Err(Reply::new(500, "5.5.2 this is no command")),
        }
    }
}

fn mail(text: &str) -> Result<Mail, Reply> {
    let (reverse_path, parameters) = path(text, "FROM:").ok_or_else(|| syntax("MAIL FROM:<address>"))?;
    let mut mail = Mail { reverse_path, ..Mail::default() };
    for (keyword, value) in parameters {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            // The content's own bytes decide.
            ("BODY", Some(value)) if ["7BIT", "8BITMIME"].iter().any(|known| value.eq_ignore_ascii_case(known)) => {}
            ("ENVID", Some(value)) => mail.dsn.envid = Some(value.parse().map_err(|_| wrong_value("ENVID"))?),
            ("RET", Some(value)) => mail.dsn.ret = Some(value.parse().map_err(|_| wrong_value("RET"))?),
            ("SIZE", Some(value)) => mail.size = Some(value.parse().map_err(|_| wrong_value("SIZE"))?),
            ("SMTPUTF8", None) => {}
            ("BODY" | "ENVID" | "RET" | "SIZE" | "SMTPUTF8", _) => return Err(wrong_value(keyword)),
            _ => return Err(unknown_parameter()),
        }
    }
    Ok(mail)
}

fn recipient(text: &str) -> Result<Recipient, Reply> {
    let wrong = || syntax("RCPT TO:<address>");
    let (address, parameters) = path(text, "TO:").filter(|(address, _)| !address.is_empty()).ok_or_else(wrong)?;
    let mut recipient = Recipient { address, ..Recipient::default() };
    for (keyword, value) in parameters {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("NOTIFY", Some(value)) => {
                recipient.dsn.notify = Some(value.parse().map_err(|_| wrong_value("NOTIFY"))?);
            }
            ("ORCPT", Some(value)) => recipient.dsn.orcpt = Some(value.parse().map_err(|_| wrong_value("ORCPT"))?),
            ("NOTIFY" | "ORCPT", _) => return Err(wrong_value(keyword)),
            _ => return Err(unknown_parameter()),
        }
    }
    Ok(recipient)
}

fn syntax(form: &str) -> Reply {
    Reply::new(501, &format!("5.5.4 say {form}"))
}

fn wrong_value(keyword: &str) -> Reply {
    Reply::new(501, &format!("5.5.4 {} has no such value", keyword.to_ascii_uppercase()))
}

/// RFC 5321 section 4.1.1.11.
fn unknown_parameter() -> Reply {
    Reply::new(555, "5.5.4 a parameter is not known here")
}

/// A keyword, and its value if it has one.
type Parameter<'a> = (&'a str, Option<&'a str>);

/// The address behind `FROM:` or `TO:` without brackets and source route, and the parameters behind it.
fn path<'a>(text: &'a str, word: &str) -> Option<(String, Vec<Parameter<'a>>)> {
    let (found, rest) = text.split_at_checked(word.len())?;
    let rest = rest.trim_ascii_start();
    let (address, parameters) = match rest.strip_prefix('<') {
        Some(inner) => inner.split_at_checked(end(inner, |c| c == '>')?)?,
        None => rest.split_at_checked(end(rest, |c| c == ' ').unwrap_or(rest.len()))?,
    };
    let parameters = if rest.starts_with('<') { &parameters[1..] } else { parameters };
    let is_apart = parameters.is_empty() || parameters.starts_with([' ', '\t']);
    // RFC 5321 appendix F.2: the route of `<@a,@b:c@d>` is ignored.
    let address = address.strip_prefix('@').and_then(|route| Some(route.split_once(':')?.1)).unwrap_or(address);
    let is_path = (rest.starts_with('<') || !address.is_empty()) && end(address, |c| "<> \t".contains(c)).is_none();
    let is_meant = found.eq_ignore_ascii_case(word) && is_apart && is_path;
    let parameter = |word: &'a str| match word.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (word, None),
    };
    is_meant.then(|| (address.to_string(), parameters.split_ascii_whitespace().map(parameter).collect()))
}

/// The offset of the first such character outside quotes.
fn end(text: &str, is_end: impl Fn(char) -> bool) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.find(|c| {
        let is_found = is_end(c) && !is_quoted && !is_escaped;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> u16 {
        Command::parse(line.as_bytes()).err().map_or(250, |reply| reply.code())
    }

    fn to(line: &str) -> String {
        match Command::parse(line.as_bytes()) {
            Ok(Command::Rcpt(recipient)) => recipient.address,
            Ok(Command::Mail(mail)) => mail.reverse_path,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn addresses_are_read_as_callers_write_them() {
        assert_eq!(to("MAIL FROM:<>"), "");
        assert_eq!(to("mail from: <a@x.org>  "), "a@x.org");
        assert_eq!(to("RCPT TO:<root>"), "root");
        assert_eq!(to("RCPT TO: a@x.org"), "a@x.org");
        assert_eq!(to("RCPT TO:<@a.org,@b.org:c@d.org>"), "c@d.org");
        assert_eq!(to(r#"RCPT TO:<"a> b"@x.org> NOTIFY=NEVER"#), r#""a> b"@x.org"#);
        assert_eq!(to("RCPT TO:<jürgen@x.org>"), "jürgen@x.org");
    }

    #[test]
    fn what_is_no_command_is_told_by_its_kind() {
        for line in ["", "FOO", "MAILFROM:<a@x.org>", "Subject: x", "EHLO\rx", "NOOP \u{7f}"] {
            assert_eq!(code(line), 500, "{line:?}");
        }
        for line in ["AUTH PLAIN AAA", "STARTTLS", "BDAT 9 LAST", "EXPN staff"] {
            assert_eq!(code(line), 502, "{line}");
        }
        for line in [
            "EHLO",
            "HELO ",
            "VRFY",
            "DATA now",
            "MAIL",
            "MAIL TO:<a@x.org>",
            "MAIL FROM:",
            "MAIL FROM:a b@x.org>",
            "MAIL FROM:<a@x.org",
            "MAIL FROM:<a@x.org>SIZE=1",
            "MAIL FROM:<Al <a@x.org>",
            "MAIL FROM:<a b@x.org>",
            "RCPT TO:<>",
            "RCPT TO:",
            "MAIL FROM:<a> SIZE=x",
            "MAIL FROM:<a> SIZE",
            "MAIL FROM:<a> BODY=BINARYMIME",
            "MAIL FROM:<a> RET=ALL",
            "RCPT TO:<a> NOTIFY=",
            "RCPT TO:<a> ORCPT=a",
        ] {
            assert!([501, 555].contains(&code(line)), "{line}: {}", code(line));
        }
        assert_eq!(code("MAIL FROM:<a> AUTH=<>"), 555);
        assert_eq!(code("RCPT TO:<a> RET=FULL"), 555);
        assert_eq!(code("MAIL FROM:<a> size=9 body=8bitmime smtputf8"), 250);
        assert!(Command::parse(b"NOOP \xff").is_err());
    }
}
