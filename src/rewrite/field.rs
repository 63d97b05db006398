//! Writes single fields: names, encoded values, mailbox lists, folded where RFC 5322 section 2.1.1 wants it.

use email_encoding::headers::{rfc2047, writer::EmailWriter};

use super::wire::{fold, head_to_wire};
use crate::message::{Mailbox, file_name, unquoted};

/// `Name: value` with a value that is known to be legal as it is.
pub(super) fn plain(name: &str, value: &str, to: &mut Vec<u8>) {
    head_to_wire(format!("{name}: {value}\r\n").as_bytes(), to);
}

/// A longer word does not fit on a line with others; encoded, it can be folded and comes back whole.
const LONGEST_WORD: usize = 900;

/// `Name: value` for text from anywhere: ASCII as it is, other text RFC 2047 encoded; both folded.
pub(super) fn unstructured(name: &str, value: &str, to: &mut Vec<u8>) {
    let value = crate::outcome::clean(value);
    let mut line = format!("{name}: ");
    if value.is_ascii() && value.split(' ').all(|word| word.len() <= LONGEST_WORD) {
        line.push_str(&value);
        fold(line.as_bytes(), to);
        return to.extend_from_slice(b"\r\n");
    }
    let length = line.len();
    {
        let mut writer = EmailWriter::new(&mut line, length, 0, false);
        // Writing to a string does not fail.
        let _ = rfc2047::encode(&value, &mut writer);
    }
    to.extend_from_slice(line.as_bytes());
    to.extend_from_slice(b"\r\n");
}

/// A field with parameters, whose structure must stand. A value beyond ASCII takes the form that readers know for that
/// parameter, see [`file_name`]; a character beyond ASCII at any other place becomes a `?`.
pub(super) fn parameters(name: &str, value: &str, to: &mut Vec<u8>) {
    let is_disposition = name.eq_ignore_ascii_case("Content-Disposition");
    let ascii = |text: &str| text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect::<String>();
    let value = crate::outcome::clean(value);
    let written = |part: &str| match part.split_once('=') {
        Some((attribute, value)) if !value.is_ascii() => {
            let (attribute, value) = (ascii(attribute), content(value));
            if is_disposition {
                file_name::extended(&attribute, &value)
            } else {
                file_name::encoded(&attribute, &value)
            }
        }
        _ => ascii(part),
    };
    plain(name, &pieces(&value).map(written).collect::<Vec<_>>().join(";"), to);
}

/// The pieces between semicolons that do not stand within quotes.
fn pieces(value: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |c| {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match c {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' => is_escaped = is_quoted && !was_escaped,
            _ => {}
        }
        c == ';' && !is_quoted
    })
}

/// The text of a parameter's value, in quotes, without, or with one that has no end.
fn content(value: &str) -> String {
    match value.trim().strip_prefix('"') {
        Some(rest) if !rest.ends_with('"') => rest.to_string(),
        _ => unquoted(value.trim()),
    }
}

/// `Name: mailbox, mailbox`, one mailbox a line if there are several.
pub(super) fn mailboxes(name: &str, mailboxes: &[Mailbox], to: &mut Vec<u8>) {
    let list: Vec<String> = mailboxes.iter().map(Mailbox::to_string).collect();
    plain(name, &list.join(",\r\n "), to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded_only_where_it_must_be() {
        let mut out = Vec::new();
        unstructured("Subject", "Cron <a@b> \"x\"\r\nBcc: y", &mut out);
        assert_eq!(out, b"Subject: Cron <a@b> \"x\" Bcc: y\r\n");
        out.clear();
        unstructured("Subject", "备份", &mut out);
        assert_eq!(out, b"Subject: =?utf-8?b?5aSH5Lu9?=\r\n");
    }

    #[test]
    fn parameters_keep_their_structure() {
        for (field, value, expected) in [
            (
                "Content-Type",
                " multipart/mixed; boundary=\"b1\"; name=\"ü\"; x=é",
                "multipart/mixed; boundary=\"b1\"; name=\"=?utf-8?b?w7w=?=\"; x=\"=?utf-8?b?w6k=?=\"",
            ),
            (
                "content-disposition",
                "attachment; filename=\"a;\\\"é\"; size=1",
                "attachment; filename*=utf-8''a%3B%22%C3%A9; size=1",
            ),
            ("Content-Disposition", "attachment; filename=\"é", "attachment; filename*=utf-8''%C3%A9"),
            ("Content-Type", "té/x; y; name=a\\b", "t?/x; y; name=a\\b"),
        ] {
            let mut out = Vec::new();
            parameters(field, value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{field}: {expected}\r\n"));
        }
    }

    #[test]
    fn long_encoded_text_is_folded() {
        let mut out = Vec::new();
        unstructured("Subject", &"备份失败".repeat(40), &mut out);
        let lines: Vec<&[u8]> = out.split(|b| *b == b'\n').collect();
        assert!(lines.len() > 3 && lines.iter().all(|line| line.len() <= 78));
        assert_eq!(crate::message::decoded(&out[8..]), "备份失败".repeat(40));
    }
}
