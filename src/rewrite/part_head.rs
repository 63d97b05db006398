//! The header section of a part: its labels made true, its fields legal, all other octets as they came.

use super::field;
use super::treatment::{Labels, Treatment};
use super::wire::head_to_wire;
use crate::message::{LONGEST_NAME, charset, decoded, unfolded};

/// The fields of a part, or of a message within a message.
#[derive(Debug, Default)]
pub(super) struct Head {
    fields: Vec<Vec<u8>>,
    /// The labels of the body.
    pub(super) labels: Labels,
    is_message: bool,
    /// The charset of text that is not UTF-8 and has no label that can be right.
    pub(super) fallback: Option<String>,
}

impl Head {
    pub(super) fn read(octets: &[u8], is_message: bool, fallback: Option<&str>) -> Self {
        let mut fields: Vec<Vec<u8>> = Vec::new();
        for line in unfolded(octets).split_inclusive(|b| *b == b'\n') {
            match fields.last_mut() {
                Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => last.extend_from_slice(line),
                _ => fields.push(line.to_vec()),
            }
        }
        let value = |name: &str| {
            let field = fields.iter().find(|field| is_named(field, name))?;
            field.iter().position(|b| *b == b':').map(|colon| &field[colon + 1..])
        };
        let labels = Labels::read(value("content-type"), value("content-transfer-encoding"));
        Self { labels, is_message, fallback: fallback.map(str::to_string), fields }
    }

    pub(super) fn is_digest(&self) -> bool {
        self.labels.kind.as_ref().is_some_and(|kind| kind.is("multipart/digest"))
    }

    /// In the head of a container only the encoding can be wrong.
    pub(super) fn write_container(&self, eight_bit: bool, out: &mut Vec<u8>) {
        let encoding = match self.labels.encoding.as_str() {
            "" | "7bit" => None,
            _ if !eight_bit => Some("7bit"),
            "8bit" => None,
            _ => Some("8bit"),
        };
        self.write(&Treatment { encoding, ..Treatment::default() }, out);
    }

    /// The fields, changed as the treatment says, and the blank line.
    pub(super) fn write(&self, treatment: &Treatment, out: &mut Vec<u8>) {
        let (mut content_type, mut encoding) = (treatment.content_type.as_deref(), treatment.encoding);
        let is_labelled = content_type.is_some() || encoding.is_some();
        for field in &self.fields {
            let new = match (content_type, encoding) {
                (Some(_), _) if is_named(field, "content-type") => content_type.take(),
                (_, Some(_)) if is_named(field, "content-transfer-encoding") => encoding.take(),
                _ => None,
            };
            match new {
                Some(value) => out.extend_from_slice(&[name_of(field), b": ", value.as_bytes(), b"\r\n"].concat()),
                None => as_written(field, self.fallback.as_deref(), out),
            }
        }
        if is_labelled && self.is_message && !self.fields.iter().any(|field| is_named(field, "mime-version")) {
            field::plain("MIME-Version", "1.0", out);
        }
        for (name, value) in [("Content-Type", content_type), ("Content-Transfer-Encoding", encoding)] {
            if let Some(value) = value {
                field::plain(name, value, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// A field as it came, its 8-bit text encoded.
fn as_written(octets: &[u8], fallback: Option<&str>, out: &mut Vec<u8>) {
    let name = std::str::from_utf8(name_of(octets)).ok().filter(|name| !name.is_empty());
    let colon = octets.iter().position(|b| *b == b':').unwrap_or_default();
    let value = octets.get(colon + 1..).unwrap_or_default();
    match name {
        Some(name) if !octets.is_ascii() && name.to_ascii_lowercase().starts_with("content-") => {
            field::parameters(name, &charset::text(value, fallback), out);
        }
        Some(name) if !octets.is_ascii() => {
            field::unstructured(name, &decoded(charset::text(value, fallback).as_bytes()), out)
        }
        Some(_) => head_to_wire(octets, out),
        // A line that is no field is not made one.
        None => field::unstructured("X-Malformed", &charset::text(octets, fallback), out),
    }
}

/// The name of a field; empty for a line that is no field.
fn name_of(field: &[u8]) -> &[u8] {
    let colon = field.iter().position(|b| *b == b':').unwrap_or_default();
    let name = field[..colon].trim_ascii_end();
    let is_name = name.len() <= LONGEST_NAME && name.iter().all(u8::is_ascii_graphic);
    if is_name { name } else { b"" }
}

fn is_named(field: &[u8], name: &str) -> bool {
    name_of(field).eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_after_a_blank_and_a_colon_has_no_colon() {
        let mut out = Vec::new();
        as_written("Content-Description : \u{e9}t\u{e9}\n".as_bytes(), None, &mut out);
        as_written("Subject : \u{e9}\n".as_bytes(), None, &mut out);
        let found = String::from_utf8(out).unwrap();
        let subject = found.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        assert_eq!(decoded(subject.as_bytes()).trim(), "\u{e9}");
        assert!(found.starts_with("Content-Description: ") && !found.contains(": :"), "{found}");
    }
}
