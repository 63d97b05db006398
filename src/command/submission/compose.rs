//! Makes a message of stdin and of the options of mail(1): fields, a text to begin with, files to attach. A plain body
//! streams. A body with files, or one that is no text, is held in memory, so it has a limit.

use std::fs::File;
use std::io::{self, Read, Write};

use crate::error::Error;
use crate::message::parts::{self, Attachment};
use crate::message::{Given, MediaType, Message};

/// The most octets of a body and its files: they are held in memory, several times over once they are encoded.
const MOST: u64 = 64 << 20;

/// The parts of a mail that the caller gave besides stdin.
#[derive(Debug, Default)]
pub struct Composition {
    /// Fields.
    pub fields: Vec<Given>,
    /// A file that the body starts with; stdin follows it.
    pub(crate) start: Option<File>,
    /// The files to attach.
    pub(crate) enclosures: Vec<Enclosure>,
    /// A file that goes with the mail cannot be opened: the mail is not sent, and its text is rescued.
    pub(crate) fault: Option<Box<Error>>,
    /// An empty body without anything else is no mail.
    pub(crate) skip_empty: bool,
}

/// A file to attach, opened with the caller's own rights.
#[derive(Debug)]
pub(crate) struct Enclosure {
    /// The name that the reader sees.
    pub(crate) name: String,
    /// The file.
    pub(crate) file: File,
}

/// Reads stdin as a body.
///
/// # Errors
/// The errors of `input`, of the files, and of `body`.
pub(super) fn body(given: &Composition, input: &mut dyn Read, body: &mut dyn Write) -> io::Result<Message> {
    match &given.start {
        Some(start) => enclose(given, &mut start.chain(input), body, &Message::compose),
        None => enclose(given, input, body, &Message::compose),
    }
}

/// The way in which stdin is read as a message.
pub(super) type Formatted = fn(&mut dyn Read, &mut dyn Write) -> io::Result<Message>;

/// Reads stdin as a message whose own fields win.
///
/// # Errors
/// As [`body`].
pub(super) fn formatted(
    given: &Composition,
    reading: Formatted,
    input: &mut dyn Read,
    body: &mut dyn Write,
) -> io::Result<Message> {
    enclose(given, input, body, &|fields, input, body| {
        let mut message = reading(input, body)?;
        message.add_missing(fields);
        Ok(message)
    })
}

/// A mail that cannot be sent because of a file. The caller's own text must not be lost for that.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(super) struct Unsent {
    /// The body, as far as it was read.
    pub(super) text: Vec<u8>,
    /// The trouble with the file.
    pub(super) source: io::Error,
}

/// The reader that makes a message of fields and input.
type Reading<'r> = &'r dyn Fn(&[Given], &mut dyn Read, &mut dyn Write) -> io::Result<Message>;

fn enclose(given: &Composition, input: &mut dyn Read, body: &mut dyn Write, read: Reading) -> io::Result<Message> {
    let is_text = given.enclosures.is_empty() && !is_declared_binary(&given.fields);
    if is_text {
        return read(&given.fields, input, body);
    }
    let mut left = MOST;
    let mut plain = Vec::new();
    let message = read(&given.fields, &mut input.take(MOST + 1), &mut plain)?;
    let spent = spend(&mut left, plain.len(), "the body");
    let opened = spent.and_then(|()| given.enclosures.iter().map(|enclosure| enclosure.read(&mut left)).collect());
    let opened: Vec<Attachment> = match opened {
        Ok(opened) => opened,
        Err(source) => return Err(io::Error::other(Unsent { text: plain, source })),
    };
    let octets = match opened.as_slice() {
        [] => parts::in_base64(&message, &plain),
        attachments => parts::with_attachments(&message, plain, attachments),
    };
    Message::read(&mut octets.as_slice(), body)
}

impl Enclosure {
    fn read(&self, left: &mut u64) -> io::Result<Attachment> {
        let mut octets = Vec::new();
        let read = (&self.file).take(*left + 1).read_to_end(&mut octets);
        read.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.name)))?;
        spend(left, octets.len(), &self.name)?;
        Ok(Attachment { name: self.name.clone(), octets })
    }
}

fn spend(left: &mut u64, octets: usize, what: &str) -> io::Result<()> {
    let too_much = || io::Error::other(format!("{what} is too much: with files beside it a mail has at most 64 MiB"));
    *left = left.checked_sub(octets as u64).ok_or_else(too_much)?;
    Ok(())
}

/// The caller says that stdin is no text, and does not say that it is encoded already.
fn is_declared_binary(fields: &[Given]) -> bool {
    let value = |name: &str| fields.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let media = value("Content-Type").and_then(|value| MediaType::parse(value));
    value("Content-Transfer-Encoding").is_none() && media.is_some_and(|media| !media.is_text() && !media.has_parts())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enclosure(octets: &[u8]) -> Enclosure {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(octets).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        Enclosure { name: "f".into(), file }
    }

    #[test]
    fn file_that_starts_the_body_comes_before_stdin() {
        let given = Composition { start: Some(enclosure(b"quoted\n").file), ..Composition::default() };
        let mut found = Vec::new();
        body(&given, &mut &b"own\n"[..], &mut found).unwrap();
        assert_eq!(found, b"quoted\nown\n");
    }

    #[test]
    fn file_goes_with_a_message_that_keeps_its_own_fields() {
        let fields = vec![("Subject".to_string(), b"option".to_vec()), ("X-Job".to_string(), b"1".to_vec())];
        let given = Composition { fields, enclosures: vec![enclosure(b"file")], ..Composition::default() };
        let mut found = Vec::new();
        let message = formatted(&given, Message::read, &mut &b"Subject: own\n\ntext\n"[..], &mut found).unwrap();
        let value = |name| message.named(name).map(|field| field.value.trim_ascii().to_vec()).collect::<Vec<_>>();
        assert_eq!((value("Subject"), value("X-Job")), (vec![b"own".to_vec()], vec![b"1".to_vec()]));
        assert!(value("Content-Type")[0].starts_with(b"multipart/mixed"));
        assert!(String::from_utf8(found).unwrap().contains("ZmlsZQ=="));
    }

    #[test]
    fn what_memory_cannot_hold_is_refused() {
        let given = Composition { enclosures: vec![enclosure(b"file")], ..Composition::default() };
        let refused = body(&given, &mut io::repeat(b'x').take(MOST + 5), &mut io::sink()).unwrap_err();
        assert!(refused.to_string().contains("at most 64 MiB"), "{refused}");
    }

    #[test]
    fn body_that_is_declared_no_text_is_encoded() {
        let given = |encoding: Option<&str>| {
            let encoding = encoding.map(|name| ("Content-Transfer-Encoding".to_string(), name.into()));
            let kind = ("content-type".to_string(), b"application/pdf".to_vec());
            let fields = [kind].into_iter().chain(encoding).collect();
            let mut found = Vec::new();
            body(&Composition { fields, ..Composition::default() }, &mut &b"\0\n\r"[..], &mut found).unwrap();
            found.trim_ascii_end().to_vec()
        };
        assert_eq!(given(None), b"AAoN");
        assert_eq!(given(Some("base64")), b"\0");
    }
}
