//! The value of a field: the one place that knows mail-parser.
//!
//! mail-parser decodes RFC 2047 words, folds and media types of every vintage. `scan.rs` decides where fields begin and
//! end, since mail-parser would lose bodies there.

use mail_parser::{Attribute, HeaderName, MessageParser, MimeHeaders};

/// The value of an unstructured field as a reader would see it: unfolded, RFC 2047 decoded.
pub fn decoded(value: &[u8]) -> String {
    let field = as_field("Subject", &text(value));
    MessageParser::new()
        .header_text(HeaderName::Subject)
        .parse_headers(field.as_bytes())
        .and_then(|message| message.subject().map(str::to_string))
        .unwrap_or_default()
}

/// A type has more parameters than this only to cost time.
const MOST_PARAMETERS: usize = 500;

/// A media type with its parameters, RFC 2045 section 5.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `text/plain`, in lower case.
    name: String,
    /// Names in lower case, and values without quotes.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// The type that a Content-Type field with this value names; `None` if it names no type.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let field = as_field("Content-Type", &text(first_parameters(value)));
        let message = MessageParser::new().with_mime_headers().parse_headers(field.as_bytes())?;
        let kind = message.content_type()?;
        let (main, sub) = (token(kind.ctype()), token(kind.subtype()?));
        if main.is_empty() || sub.is_empty() {
            return None;
        }
        let name = format!("{main}/{sub}").to_ascii_lowercase();
        let pair = |attribute: &Attribute<'_>| (attribute.name.to_lowercase(), attribute.value.to_string());
        let parameters = kind.attributes().unwrap_or_default().iter().map(pair).collect();
        Some(Self { name, parameters })
    }

    /// Type and subtype, `text/plain`, in lower case.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Text of any kind.
    pub(crate) fn is_text(&self) -> bool {
        self.name.starts_with("text/")
    }

    /// A body of parts, RFC 2046 section 5.1.
    pub fn has_parts(&self) -> bool {
        self.name.starts_with("multipart/")
    }

    /// Text without any markup.
    pub(crate) fn is_plain_text(&self) -> bool {
        self.is("text/plain")
    }

    /// A whole message, RFC 2046 section 5.2.1.
    pub fn is_message(&self) -> bool {
        self.is("message/rfc822") || self.is("message/global")
    }

    /// It is this type; `name` is in lower case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// The boundary of a multipart that has one, RFC 2046 section 5.1.1.
    pub(crate) fn boundary(&self) -> Option<&str> {
        self.parameter("boundary").filter(|boundary| self.has_parts() && !boundary.is_empty())
    }

    /// The charset that it names.
    pub(crate) fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The field's value with that charset, the other parameters as they were.
    pub(crate) fn with_charset(&self, charset: &str) -> String {
        let mut value = format!("{}; charset={charset}", self.name);
        let is_other = |name: &str| name != "charset" && !name.is_empty() && token(name) == name;
        for (name, text) in self.parameters.iter().filter(|(name, _)| is_other(name)) {
            let needs_no_quotes = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
            let text = crate::outcome::clean(text);
            if !text.is_empty() && text.bytes().all(needs_no_quotes) {
                value.push_str(&format!("; {name}={text}"));
            } else {
                value.push_str(&format!("; {name}=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
            }
        }
        value
    }
}

/// The value up to the last parameter that counts. For each piece of a parameter (RFC 2231 section 3) mail-parser looks
/// through all others; no real type has more than a few.
fn first_parameters(value: &[u8]) -> &[u8] {
    let end = value.iter().enumerate().filter(|(_, byte)| **byte == b';').nth(MOST_PARAMETERS);
    end.map_or(value, |(end, _)| &value[..end])
}

/// The token that a text begins with, RFC 2045 section 5.1.
fn token(text: &str) -> &str {
    let is_token = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
    &text[..text.find(|c| !is_token(c)).unwrap_or(text.len())]
}

/// Bytes of unknown charset as text: UTF-8 if they are, else the charset they look like.
pub fn text(bytes: &[u8]) -> String {
    super::charset::text(bytes, None)
}

/// A header section of that one field. Octets that could end it early become blanks.
fn as_field(name: &str, value: &str) -> String {
    let value: String = value.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }).collect();
    format!("{name}: {}\r\n\r\n", value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_no_part_of_a_type() {
        let kind = MediaType::parse("text/plain\r\n \"备".as_bytes()).unwrap();
        assert_eq!((kind.name(), kind.with_charset("utf-8").as_str()), ("text/plain", "text/plain; charset=utf-8"));
        let kind = MediaType::parse(b"text/html; format=flowed; a b=c").unwrap();
        assert_eq!(kind.with_charset("utf-8"), "text/html; charset=utf-8; format=flowed");
        assert_eq!(MediaType::parse("text/备".as_bytes()), None);
    }

    #[test]
    fn parameters_beyond_any_number_do_not_count() {
        let many: String = (0..100_000).map(|n| format!("; p{n}*1=a")).collect();
        let kind = MediaType::parse(format!("text/plain; charset=x{many}; late=b").as_bytes()).unwrap();
        assert_eq!((kind.charset(), kind.parameters.len(), kind.parameter("late")), (Some("x"), MOST_PARAMETERS, None));
    }

    #[test]
    fn unstructured_values_are_unfolded_and_decoded() {
        assert_eq!(decoded(b" =?utf-8?B?5aSH5Lu9?=\r\n =?utf-8?Q?_ok?= "), "备份 ok");
        assert_eq!(decoded("备份".as_bytes()), "备份");
        assert_eq!(decoded(b"caf\xe9"), "café");
        assert_eq!(decoded(b"x\rInjected: y"), "x Injected: y");
        assert_eq!(decoded(b""), "");
    }
}
