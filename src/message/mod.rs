//! RFC 5322 octets: the header section kept as it came, its fields found by offset, and the facts that one pass over
//! the body has learnt.
//!
//! Nothing is parsed into a tree and nothing is thrown away: a field that needs no repair leaves byte for byte. This
//! module never holds the body; the body streams to the caller's writer, so memory stays bounded whatever a job prints.

mod address_list;
pub(crate) mod charset;
mod chunk;
pub(crate) mod cron;
mod domain;
pub(crate) mod dots;
mod encoded_word;
pub(crate) mod file_name;
mod iso2022;
pub(crate) mod job;
mod mailbox;
mod part_labels;
pub(crate) mod parts;
mod plain_text;
mod scan;
mod shape;
mod start;
mod tail;
mod unfolded;
mod utf8;
mod value;

use std::io::{self, Read, Write};

pub(crate) use address_list::AddressList;
pub(crate) use chunk::unquoted;
pub(crate) use domain::{ascii_domain, in_ascii, with_ascii_domain};
pub use mailbox::Mailbox;
pub(crate) use mailbox::may_be_addresses;
pub(crate) use mailbox::{has_odd_dots, quoted};
pub(crate) use plain_text::plain_text;
pub(crate) use scan::{HEADER_LIMIT, LONGEST_NAME};
use scan::{Scan, Section, Span};
pub(crate) use shape::{LONGEST_LINE, Shape};
use start::Start;
pub(crate) use tail::{TAIL_LIMIT, Tail};
pub(crate) use unfolded::unfolded;
pub(crate) use value::MediaType;
pub use value::{decoded, text};

/// A message as it was handed in: fields and facts. The body went to the writer given to [`Message::read`].
#[derive(Debug, Default)]
pub struct Message {
    octets: Vec<u8>,
    /// The number of octets that came from outside; the rest are fields that were added.
    came: usize,
    fields: Vec<Span>,
    /// The facts about the body.
    pub(crate) shape: Shape,
    /// The first lines were spoilt by a script, and are put right.
    pub(crate) is_start_mended: bool,
    /// Parameters of fields stood on lines of their own.
    pub(crate) has_joined_lines: bool,
    /// The blank line between fields and body was missing (RFC 5322 section 2.1 wants it).
    pub(crate) separator_missing: bool,
}

/// A field that the caller gave by an option: its name, and its value in any bytes.
pub(crate) type Given = (String, Vec<u8>);

/// One header field, RFC 5322 section 2.2.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The name as it was written, without blanks; empty for a line between fields that is no field.
    pub name: &'a str,
    /// The bytes after the colon up to the line end, folds included.
    pub value: &'a [u8],
    /// The field as it was written, line end included.
    pub octets: &'a [u8],
}

impl Field<'_> {
    /// True if this is the field `name`; names do not differ by case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The mailboxes of an address field, groups opened; texts that cannot be a mailbox are left out. Control
    /// characters are read as the blanks that they leave as (`rewrite::wire`), so that the mail goes to those that it
    /// names.
    pub(crate) fn mailboxes(&self) -> Vec<Mailbox> {
        self.addresses().mailboxes
    }

    /// The list of an address field, and the words in it that may name somebody.
    pub(crate) fn addresses(&self) -> AddressList {
        let is_odd = |byte: &u8| byte.is_ascii_control() && !b"\t\r\n\x1b".contains(byte);
        let value: Vec<u8> = self.value.iter().map(|byte| if is_odd(byte) { b' ' } else { *byte }).collect();
        AddressList::read(&value)
    }

    /// The media type of a Content-Type field; `None` if its value names no type.
    pub fn media_type(&self) -> Option<MediaType> {
        MediaType::parse(self.value)
    }
}

impl Message {
    /// Reads `input` to its end; the header section stays here, the body goes to `body`.
    ///
    /// # Errors
    /// Only those of `input` and `body`: no octets are refused.
    pub fn read(input: &mut dyn Read, body: &mut dyn Write) -> io::Result<Self> {
        Self::read_from(Start::passing(), input, body)
    }

    /// As [`Message::read`], but a start that a script has spoilt is put right. The first lines may be a job's output:
    /// only a caller who leaves the recipients to the header section wants fields there in any case.
    ///
    /// # Errors
    /// Those of [`Message::read`].
    pub fn read_mended(input: &mut dyn Read, body: &mut dyn Write) -> io::Result<Self> {
        Self::read_from(Start::mending(), input, body)
    }

    fn read_from(mut start: Start, input: &mut dyn Read, body: &mut dyn Write) -> io::Result<Self> {
        let mut scan = Scan::default();
        let mut shape = Shape::default();
        let mut tee = Tee { shape: &mut shape, body };
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let octets = start.push(&buffer[..count]);
            if scan.is_done() {
                tee.write_all(&octets)?;
            } else if let Some(rest) = scan.push(&octets) {
                tee.begin(&scan, &rest)?;
            }
        }
        let held = start.finish();
        let begun = if held.is_empty() { None } else { scan.push(&held) };
        for rest in [begun, scan.finish()].into_iter().flatten() {
            tee.begin(&scan, &rest)?;
        }
        shape.finish();
        let is_start_mended = start.is_mended;
        let Section { octets, fields, separator_missing, has_joined } = scan.into_section();
        let separator_missing = separator_missing && shape.bytes > 0;
        let (came, has_joined_lines) = (octets.len(), has_joined);
        Ok(Self { octets, came, fields, shape, is_start_mended, has_joined_lines, separator_missing })
    }

    /// A message of our own making, for callers who give a body only: `fields` become its header section, and line ends
    /// within their values become blanks.
    ///
    /// # Errors
    /// Those of `input` and `body`.
    pub(crate) fn compose(fields: &[Given], input: &mut dyn Read, body: &mut dyn Write) -> io::Result<Self> {
        let mut message = Self::default();
        fields.iter().for_each(|(name, value)| message.add(name, value));
        message.octets.push(b'\n');
        message.came = message.octets.len();
        if let Some(boundary) = message.boundary() {
            message.shape.expect_parts(&boundary);
        }
        let mut tee = Tee { shape: &mut message.shape, body };
        io::copy(input, &mut tee)?;
        message.shape.finish();
        Ok(message)
    }

    /// The header section as it came, with the blank line if there was one.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.came]
    }

    /// Adds fields that the message lacks; its own fields win.
    pub(crate) fn add_missing(&mut self, fields: &[Given]) {
        for (name, value) in fields {
            if !self.has(name) {
                self.add(name, value);
            }
        }
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        let start = self.octets.len();
        self.octets.extend_from_slice(name.as_bytes());
        self.octets.extend_from_slice(b": ");
        self.octets.extend(value.iter().map(|b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b }));
        let end = self.octets.len();
        self.octets.push(b'\n');
        let name = start..start + name.len();
        self.fields.push(Span { whole: start..end + 1, value: name.end + 1..end, name });
    }

    /// The fields in the order they were written.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|span| Field {
            // Scan takes only printable ASCII for a name.
            name: std::str::from_utf8(&self.octets[span.name.clone()]).unwrap_or_default(),
            value: &self.octets[span.value.clone()],
            octets: &self.octets[span.whole.clone()],
        })
    }

    /// The fields of that name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Field<'a>> {
        self.fields().filter(move |field| field.is(name))
    }

    fn boundary(&self) -> Option<String> {
        self.named("Content-Type").next()?.media_type()?.boundary().map(str::to_string)
    }

    /// Text before the first field was left out: the `From ` line of a mailbox file, or a byte order mark.
    pub fn has_preamble(&self) -> bool {
        self.fields.first().is_some_and(|first| first.whole.start > 0)
    }

    /// True if a field of that name stands in the header section.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// The mailboxes of all fields of these names.
    pub(crate) fn mailboxes(&self, names: &[&str]) -> Vec<Mailbox> {
        self.fields().filter(|f| names.iter().any(|n| f.is(n))).flat_map(|f| f.mailboxes()).collect()
    }
}

/// Looks at the bytes on their way to the body.
struct Tee<'a> {
    shape: &'a mut Shape,
    body: &'a mut dyn Write,
}

impl Tee<'_> {
    /// Takes the first octets of the body, behind the header section that was found.
    fn begin(&mut self, scan: &Scan, rest: &[u8]) -> io::Result<()> {
        if let Some(boundary) = scan.boundary() {
            self.shape.expect_parts(&boundary);
        }
        self.write_all(rest)
    }
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.body.write_all(bytes)?;
        self.shape.learn(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.body.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> (Message, Vec<u8>) {
        let mut body = Vec::new();
        let message = Message::read(&mut &input[..], &mut body).unwrap();
        (message, body)
    }

    #[test]
    fn composed_fields_cannot_carry_a_second_field() {
        let mut body = Vec::new();
        let fields = [("Subject".to_string(), b"a\r\nBcc: x@y".to_vec())];
        let message = Message::compose(&fields, &mut &b"Error: no\n"[..], &mut body).unwrap();
        assert!(!message.has("Bcc"));
        assert_eq!(message.named("subject").next().unwrap().value, b" a  Bcc: x@y");
        assert_eq!(body, b"Error: no\n");
        assert_eq!(message.shape.bytes, 10);
    }

    #[test]
    fn control_characters_beside_an_address_are_blanks() {
        for (value, address) in [("a@x.org\u{1}", "a@x.org"), ("\u{7f}root\0", "root"), ("0@\u{1}", "0@")] {
            let (message, _) = read(format!("To: {value}\n\n").as_bytes());
            let field = message.named("To").next().unwrap();
            let addresses: Vec<_> = field.mailboxes().into_iter().map(|mailbox| mailbox.address).collect();
            assert_eq!(addresses, [address], "{value:?}");
        }
    }

    #[test]
    fn reading_in_single_bytes_gives_the_same() {
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(1).min(buffer.len());
                buffer[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let input = b"From x\r\nSubject: a\r\n b\r\nTo: c\r\n\r\nbody\r\n";
        let (whole, body) = read(input);
        let mut dripped = Vec::new();
        let drip = Message::read(&mut Drip(input), &mut dripped).unwrap();
        assert_eq!(dripped, body);
        assert_eq!(drip.fields, whole.fields);
        assert_eq!(drip.octets, whole.octets);
        assert_eq!(body, b"body\r\n");
    }
}
