//! A header section that is too large for the servers on its way. RFC 5322 sets no limit, but servers do: a large
//! provider's 64 KiB is the lowest usual one, Postfix cuts a field after 100 KB, and text that they cut or refuse is
//! lost. Fields past the limit leave in a text attached to the mail, with nothing cut.

use super::filter::Filter;
use super::quoted_printable::QuotedPrintable;
use crate::message::Message;

/// The most octets of a header section. The servers on the way add some.
const LIMIT: usize = 60 << 10;
/// A field that readers need stays in place if it is no larger than that.
const NEEDED: usize = 4 << 10;
/// The characters that stay of a subject that is too long.
const SUBJECT: usize = 250;

/// The fields left out of the header section.
#[derive(Debug)]
pub(super) struct SetAside {
    /// The header section is so large that a field may have to be left out.
    is_open: bool,
    boundary: String,
    fields: Vec<u8>,
    /// The fields about the body, which go with the body.
    labels: Vec<u8>,
}

/// The octets before and after a body that is no longer alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrapping {
    /// From the blank line on.
    pub(super) before: Vec<u8>,
    /// After the body's last line.
    pub(super) after: Vec<u8>,
}

impl SetAside {
    /// `unique` becomes part of a boundary.
    pub(super) fn of(message: &Message, unique: &str) -> Self {
        let octets: usize = message.fields().map(|field| field.octets.len()).sum();
        let boundary = format!("header-{unique}");
        Self { is_open: octets > LIMIT, boundary, fields: Vec::new(), labels: Vec::new() }
    }

    /// True if a field of that size has to be left out of a header section that is `total` octets with it.
    pub(super) fn takes(&self, total: usize, size: usize, is_needed: bool) -> bool {
        size > 0 && total > LIMIT && !(is_needed && size <= NEEDED)
    }

    pub(super) fn add(&mut self, field: &[u8]) {
        self.is_open = true;
        self.fields.extend_from_slice(field.trim_ascii_end());
        self.fields.push(b'\n');
    }

    /// The octets of `out` from `start` on are about the body.
    pub(super) fn add_label(&mut self, out: &mut Vec<u8>, start: usize) {
        if self.is_open {
            self.labels.extend(out.drain(start..));
        }
    }

    /// Ends the header section: the mail becomes a multipart if a field was left out.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Option<Wrapping> {
        if self.fields.is_empty() {
            out.extend_from_slice(&self.labels);
            return None;
        }
        if !out.windows(14).any(|octets| octets.eq_ignore_ascii_case(b"\r\nMIME-Version")) {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        let boundary = &self.boundary;
        out.extend_from_slice(format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n").as_bytes());
        // The content of the body decides (RFC 2045 section 6.4); 8bit is never less than the truth.
        out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
        let mut before = format!("--{boundary}\r\n").into_bytes();
        before.extend_from_slice(&self.labels);
        before.extend_from_slice(b"\r\n");
        let mut after = format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Disposition: attachment; filename=\"header.txt\"\r\n\
             Content-Description: fields too large for the header section\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        .into_bytes();
        let mut encode = QuotedPrintable::encode();
        encode.push(&self.fields, &mut after);
        encode.end(&mut after);
        after.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Some(Wrapping { before, after })
    }
}

/// A subject that people can read in a list.
pub(super) fn shortened(subject: String) -> String {
    if subject.len() > NEEDED { subject.chars().take(SUBJECT).chain(['…']).collect() } else { subject }
}
