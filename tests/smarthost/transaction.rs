//! One mail transaction: the words of MAIL and RCPT, and the verdict on them.
//!
//! Pure reading of text; the reply to a wrong command comes back as the error.

use super::server::Smarthost;

/// A transaction that MAIL has begun.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) reverse_path: String,
    pub(super) parameters: Vec<String>,
    pub(super) recipients: Vec<String>,
    /// The chunks of BDAT so far; `None` before the first.
    pub(super) chunks: Option<Vec<u8>>,
}

impl Transaction {
    /// Reads a MAIL command; the error is the reply to a wrong one.
    pub(super) fn begin(line: &str, host: &Smarthost, login: Option<&str>) -> Result<Self, String> {
        let (reverse_path, parameters) = path(line, "MAIL FROM:")?;
        if !reverse_path.is_empty() && !reverse_path.contains('@') {
            return Err("501 5.1.7 a sender has a domain".into());
        }
        for parameter in &parameters {
            check_mail_parameter(parameter, host)?;
        }
        let is_international = parameters.iter().any(|parameter| parameter.eq_ignore_ascii_case("SMTPUTF8"));
        if !reverse_path.is_ascii() && !is_international {
            return Err("553 5.6.7 this address needs SMTPUTF8".into());
        }
        if host.is_sender_bound && login.is_none_or(|login| !login.eq_ignore_ascii_case(&reverse_path)) {
            return Err("553 5.7.1 mail from must be same as authorization user".into());
        }
        Ok(Self { reverse_path, parameters, ..Self::default() })
    }

    /// Reads a RCPT command: the recipient with its parameters; the error is the reply to a wrong one.
    pub(super) fn recipient(&self, line: &str, host: &Smarthost) -> Result<String, String> {
        let (address, parameters) = path(line, "RCPT TO:")?;
        if let Some((_, reply)) = host.most_recipients.as_ref().filter(|(most, _)| self.recipients.len() >= *most) {
            return Err(reply.clone());
        }
        if !address.contains('@') && !address.eq_ignore_ascii_case("postmaster") {
            return Err("501 5.1.3 a recipient has a domain".into());
        }
        if !address.is_ascii() && !self.parameters.iter().any(|parameter| parameter.eq_ignore_ascii_case("SMTPUTF8")) {
            return Err("553 5.6.7 this address needs SMTPUTF8".into());
        }
        for parameter in &parameters {
            let is_known = matches!(name(parameter).as_str(), "NOTIFY" | "ORCPT");
            if !is_known || !host.offers("DSN") {
                return Err(format!("555 5.5.4 unsupported parameter {parameter}"));
            }
        }
        Ok([&[address], &parameters[..]].concat().join(" "))
    }
}

/// The address and the parameters of `VERB:<address> PARAMETER...`, strictly: no space before the address.
fn path(line: &str, verb: &str) -> Result<(String, Vec<String>), String> {
    let wrong = || format!("501 5.5.4 syntax: {verb}<address>");
    let rest = line.get(verb.len()..).filter(|_| line[..verb.len()].eq_ignore_ascii_case(verb)).ok_or_else(wrong)?;
    let (address, parameters) = split_path(rest).ok_or_else(wrong)?;
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return Err(wrong());
    }
    Ok((address.to_owned(), parameters.split_ascii_whitespace().map(str::to_owned).collect()))
}

/// The text between the angle brackets, and the text behind; brackets in a quoted local part do not count.
fn split_path(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = inner.find(|c| {
        let is_end = c == '>' && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// A parameter is allowed if its extension is offered (RFC 5321 section 4.1.1.11).
fn check_mail_parameter(parameter: &str, host: &Smarthost) -> Result<(), String> {
    let value = parameter.split_once('=').map(|(_, value)| value.to_ascii_uppercase());
    let is_supported = match (name(parameter).as_str(), value.as_deref()) {
        ("AUTH", Some(_)) => host.offers("AUTH"),
        ("BODY", Some("7BIT" | "8BITMIME")) => host.offers("8BITMIME"),
        ("BODY", Some("BINARYMIME")) => host.offers("BINARYMIME"),
        ("ENVID" | "RET", Some(_)) => host.offers("DSN"),
        ("SIZE", Some(size)) => host.offers("SIZE") && size.parse::<usize>().is_ok(),
        ("SMTPUTF8", None) => host.offers("SMTPUTF8"),
        _ => false,
    };
    if !is_supported {
        return Err(format!("555 5.5.4 unsupported parameter {parameter}"));
    }
    match value.and_then(|value| value.parse().ok()) {
        Some(size) if name(parameter) == "SIZE" && host.is_too_large(size) => Err(TOO_LARGE.into()),
        _ => Ok(()),
    }
}

/// The reply to a mail over the limit (RFC 1870 section 6).
pub(super) const TOO_LARGE: &str = "552 5.3.4 message size exceeds fixed maximum message size";

fn name(parameter: &str) -> String {
    parameter.split('=').next().unwrap_or_default().to_ascii_uppercase()
}

/// The content of DATA without the final dot and the stuffed ones (RFC 5321 section 4.5.2).
pub(super) fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let text = wire.strip_suffix(b".\r\n").unwrap_or(wire);
    let mut content = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        let is_stuffed = *byte == b'.' && (at == 0 || text[..at].ends_with(b"\r\n"));
        if !is_stuffed {
            content.push(*byte);
        }
    }
    content
}
