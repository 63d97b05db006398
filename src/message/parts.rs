//! A text with files beside it (RFC 2046 section 5.1.3): the one place that knows lettre's MIME builder and guesses the
//! type of a file.
//!
//! Files travel in base64, whatever they hold, so they arrive octet for octet. Pure: the caller brings the octets.

use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Body, MultiPart, SinglePart};

use super::{Message, file_name, text};
use crate::outcome::clean;
use ContentTransferEncoding::{Base64, EightBit, QuotedPrintable, SevenBit};

/// A file to go with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// The name that its reader sees.
    pub(crate) name: String,
    /// Its content.
    pub(crate) octets: Vec<u8>,
}

/// The fields that describe the body alone, and go into the part with it.
const OF_BODY: [&str; 4] = ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"];

/// The octets of a message like `message`, whose `body` is now the first of several parts.
pub(crate) fn with_attachments(message: &Message, body: Vec<u8>, attachments: &[Attachment]) -> Vec<u8> {
    let first = MultiPart::mixed().singlepart(first(message, body));
    let parts = attachments.iter().fold(first, |parts, attachment| parts.singlepart(part(attachment)));
    octets(message, &parts.formatted())
}

/// The octets of a message like `message`, whose `body` is no text and therefore goes in base64.
pub(crate) fn in_base64(message: &Message, body: &[u8]) -> Vec<u8> {
    octets(message, &base64(written(message).unwrap_or_else(unknown), body).formatted())
}

/// The fields that are not about the body, then the body with its own fields.
fn octets(message: &Message, body: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    for field in message.fields().filter(|field| !OF_BODY.iter().any(|name| field.is(name))) {
        octets.extend_from_slice(field.octets.trim_ascii_end());
        octets.push(b'\n');
    }
    octets.extend_from_slice(b"MIME-Version: 1.0\n");
    octets.extend_from_slice(body);
    octets
}

/// The body as a part, with the labels it had.
fn first(message: &Message, body: Vec<u8>) -> SinglePart {
    let media = message.named("Content-Type").next().and_then(|field| field.media_type());
    let encoding = message.named("Content-Transfer-Encoding").next();
    let encoding = encoding.and_then(|field| text(field.value).trim().to_ascii_lowercase().parse().ok());
    let as_it_is = |body: Body| {
        let kind = written(message).unwrap_or(ContentType::TEXT_PLAIN);
        SinglePart::builder().header(kind).body(body)
    };
    match (encoding, media) {
        // A message that names an encoding has already encoded its body.
        (Some(encoding @ (Base64 | QuotedPrintable)), _) => as_it_is(Body::dangerous_pre_encoded(body, encoding)),
        (_, Some(media)) if media.has_parts() => as_it_is(plain(body)),
        (_, Some(media)) if !media.is_text() => base64(written(message).unwrap_or_else(unknown), &body),
        (_, media) => {
            let value = media.map_or("text/plain; charset=utf-8".into(), |media| media.with_charset("utf-8"));
            let kind = ContentType::parse(&value).unwrap_or(ContentType::TEXT_PLAIN);
            SinglePart::builder().header(kind).body(plain(text(&body).into_bytes()))
        }
    }
}

/// The type that the message gives its body, if it can be written again.
fn written(message: &Message) -> Option<ContentType> {
    let value = text(message.named("Content-Type").next()?.value);
    ContentType::parse(clean(&value).trim()).ok()
}

/// As it stands, so that people can read it raw. `rewrite` encodes the octets that cannot stand on the wire.
fn plain(body: Vec<u8>) -> Body {
    let encoding = if body.is_ascii() { SevenBit } else { EightBit };
    Body::dangerous_pre_encoded(body, encoding)
}

fn part(attachment: &Attachment) -> SinglePart {
    let name = clean(&attachment.name);
    let kind = format!("{};\r\n {}", guess(&name, &attachment.octets), file_name::encoded("name", &name));
    let disposition = format!("attachment;\r\n {}", file_name::extended("filename", &name));
    let body = Body::new_with_encoding(attachment.octets.clone(), Base64).unwrap_or_else(Body::new);
    SinglePart::builder().header(Disposition(disposition)).header(Kind(kind)).body(body)
}

/// Makes a field of a value that is ready for the wire: lettre's own know one form of a file's name only.
macro_rules! ready_field {
    ($field:ident $name:literal) => {
        #[derive(Clone, Debug)]
        struct $field(String);

        impl Header for $field {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(value.to_string()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::dangerous_new_pre_encoded(Self::name(), self.0.clone(), self.0.clone())
            }
        }
    };
}

ready_field!(Disposition "Content-Disposition");
ready_field!(Kind "Content-Type");

fn base64(kind: ContentType, octets: &[u8]) -> SinglePart {
    let body = Body::new_with_encoding(octets.to_vec(), Base64).unwrap_or_else(Body::new);
    SinglePart::builder().header(kind).body(body)
}

/// RFC 2046 section 4.5.1.
const UNKNOWN: &str = "application/octet-stream";

fn unknown() -> ContentType {
    ContentType::parse(UNKNOWN).unwrap_or(ContentType::TEXT_PLAIN)
}

/// The media type of a file: by its name, else by whether it is text.
fn guess(name: &str, octets: &[u8]) -> String {
    let is_text = || !octets.contains(&0) && std::str::from_utf8(octets).is_ok();
    match mime_guess::from_path(name).first_raw() {
        Some(kind) if kind.starts_with("text/") && is_text() => format!("{kind}; charset=utf-8"),
        // A text names its charset, and this one is in no charset that could be named.
        Some(kind) if kind.starts_with("text/") => UNKNOWN.into(),
        // RFC 2046 section 5.2: these may not be encoded.
        Some(kind) if kind.starts_with("message/") || kind.starts_with("multipart/") => UNKNOWN.into(),
        Some(kind) => kind.into(),
        None if is_text() => "text/plain; charset=utf-8".into(),
        None => UNKNOWN.into(),
    }
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    fn message(fields: &str) -> Message {
        Message::read(&mut format!("{fields}\n").as_bytes(), &mut Vec::new()).unwrap()
    }

    fn attachment(name: &str, octets: &[u8]) -> Attachment {
        Attachment { name: name.into(), octets: octets.into() }
    }

    #[test]
    fn files_arrive_octet_for_octet_under_their_names() {
        let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let files = [
            attachment("日志 \"a\".log", b"one\ntwo\r\nthree"),
            attachment("all", &every),
            attachment("-.csv", "a;é\n".as_bytes()),
            attachment(&"long".repeat(60), b""),
        ];
        let octets = with_attachments(&message("Subject: s\n"), b"text\n".to_vec(), &files);
        let parsed = MessageParser::new().parse(&octets).unwrap();
        assert_eq!((parsed.subject(), parsed.body_text(0).unwrap().trim_end()), (Some("s"), "text"));
        let found: Vec<_> = parsed.attachments().map(|part| (part.attachment_name(), part.contents())).collect();
        let expected: Vec<_> = files.iter().map(|file| (Some(file.name.as_str()), file.octets.as_slice())).collect();
        assert!(found == expected, "{:?}", found.iter().map(|(name, _)| name).collect::<Vec<_>>());
        assert!(octets.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
    }

    #[test]
    fn text_keeps_its_type_and_can_be_read() {
        for (fields, body, expected) in [
            ("", &b"plain\n"[..], "plain"),
            ("", "备份\n".as_bytes(), "备份"),
            ("Content-Type: text/plain; charset=US-ASCII\n", "é\n".as_bytes(), "é"),
            ("Content-Transfer-Encoding: base64\n", b"aGk=\n", "hi"),
            ("Content-Transfer-Encoding: Quoted-Printable\n", b"=68i\n", "hi"),
            ("", b"a\0b\rc\n", "a\0b\rc"),
        ] {
            let octets = with_attachments(&message(fields), body.to_vec(), &[attachment("f", b"x")]);
            let parsed = MessageParser::new().parse(&octets).unwrap();
            assert_eq!(parsed.body_text(0).unwrap().trim_end(), expected);
            assert!(octets.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
        }
        let html =
            with_attachments(&message("Content-Type: text/html\n"), b"<b>x</b>".to_vec(), &[attachment("f", b"")]);
        let parsed = MessageParser::new().parse(&html).unwrap();
        assert_eq!(parsed.html_part(0).unwrap().content_type().unwrap().subtype(), Some("html"));
    }

    #[test]
    fn body_that_is_no_text_survives() {
        let every: Vec<u8> = (0..=255).collect();
        let octets = in_base64(&message("Subject: s\nContent-Type: application/pdf\n"), &every);
        let parsed = MessageParser::new().parse(&octets).unwrap();
        assert_eq!(parsed.parts[0].contents(), every);
        assert_eq!(parsed.content_type().unwrap().subtype(), Some("pdf"));
    }

    #[test]
    fn parts_stay_parts() {
        let fields = "Content-Type: multipart/alternative; boundary=b\nMIME-Version: 1.0\n";
        let body = b"--b\n\none\n--b\nContent-Type: text/html\n\n<p>two\n--b--\n";
        let octets = with_attachments(&message(fields), body.to_vec(), &[attachment("f", b"x")]);
        let parsed = MessageParser::new().parse(&octets).unwrap();
        assert_eq!((parsed.body_text(0).unwrap().trim(), parsed.attachment_count()), ("one", 1));
    }

    #[test]
    fn type_is_guessed_by_name_and_then_by_content() {
        for (name, octets, kind) in [
            ("a.pdf", &b"x"[..], "application/pdf"),
            ("a.tar.gz", b"x", "application/gzip"),
            ("a.csv", b"x", "text/csv; charset=utf-8"),
            ("a.txt", b"\xff", UNKNOWN),
            ("syslog.1", b"x", "text/plain; charset=utf-8"),
            ("core", b"\0", UNKNOWN),
            ("m.eml", b"x", UNKNOWN),
        ] {
            assert!(guess(name, octets).starts_with(kind), "{name}: {}", guess(name, octets));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_and_any_octets_make_a_message_that_reads_back(
            name in ".{0,80}",
            octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            let built = with_attachments(&message("Subject: s\n"), body, &[attachment(&name, &octets)]);
            let parsed = MessageParser::new().parse(&built).unwrap();
            proptest::prop_assert_eq!(parsed.attachment_count(), 1);
            proptest::prop_assert_eq!(parsed.attachment(0).unwrap().contents(), &octets[..]);
            let names: Vec<_> = parsed.headers().iter().map(|h| h.name().to_string()).collect();
            proptest::prop_assert_eq!(names, ["Subject", "MIME-Version", "Content-Type"]);
        }
    }
}
