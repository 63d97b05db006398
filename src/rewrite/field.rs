//! Writes single fields: names, encoded values, mailbox lists, folded where RFC 5322 section 2.1.1 wants it.

use email_encoding::headers::{rfc2047, writer::EmailWriter};

use super::wire::{fold, head_to_wire};
use crate::message::Mailbox;

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

/// A field with parameters, whose structure must stand. Quoted values that are not ASCII become encoded words within
/// their quotes (RFC 2047 does not allow it, every reader understands it); any other character beyond ASCII becomes a
/// `?`.
pub(super) fn parameters(name: &str, value: &str, to: &mut Vec<u8>) {
    let encode = |(n, part): (usize, &str)| match (part.is_ascii(), n % 2) {
        (true, _) => part.to_string(),
        (false, 1) => encoded(part),
        (false, _) => part.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
    };
    let value = crate::outcome::clean(value);
    let parts: Vec<String> = value.split('"').enumerate().map(encode).collect();
    plain(name, &parts.join("\""), to);
}

/// One line of encoded words.
fn encoded(text: &str) -> String {
    let mut line = String::new();
    {
        let mut writer = EmailWriter::new(&mut line, 0, 0, false);
        // Writing to a string does not fail.
        let _ = rfc2047::encode(text, &mut writer);
    }
    line.replace("\r\n", "")
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
        let mut out = Vec::new();
        parameters("Content-Type", " multipart/mixed; boundary=\"b1\"; name=\"ü\"; x=é", &mut out);
        let expected = "Content-Type: multipart/mixed; boundary=\"b1\"; name=\"=?utf-8?b?w7w=?=\"; x=?\r\n";
        assert_eq!(out, expected.as_bytes());
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
