//! The text of a mail that is one plain text, as its reader sees it.

use mail_parser::{MessageParser, MimeHeaders, PartType};

/// The text of a message in wire form; `None` if it is anything but one part of `text/plain`.
pub(crate) fn plain_text(octets: &[u8]) -> Option<String> {
    let message = MessageParser::new().parse(octets)?;
    let part = message.parts.first().filter(|_| message.parts.len() == 1)?;
    let is_plain = |kind: &mail_parser::ContentType<'_>| {
        kind.ctype().eq_ignore_ascii_case("text") && kind.subtype().is_none_or(|sub| sub.eq_ignore_ascii_case("plain"))
    };
    if !part.content_type().is_none_or(is_plain) || part.attachment_name().is_some() {
        return None;
    }
    match &part.body {
        PartType::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_text_is_read_in_its_encoding_and_charset() {
        for (message, text) in [
            ("Subject: x\r\n\r\nall is well\r\n", "all is well"),
            ("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n备份完成\r\n", "备份完成"),
            (
                "MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; charset=utf-8\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n5aSH5Lu9\r\n",
                "备份",
            ),
            (
                "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
                 Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n",
                "café",
            ),
        ] {
            assert_eq!(plain_text(message.as_bytes()).unwrap().trim_end(), text, "{message}");
        }
    }

    #[test]
    fn anything_else_has_no_one_text() {
        for kind in [
            "Content-Type: text/html\r\n\r\n<p>x</p>",
            "Content-Type: application/pdf\r\n\r\nx",
            "Content-Type: text/plain; name=report.txt\r\n\r\nx",
            "Content-Disposition: attachment; filename=report.txt\r\n\r\nx",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--",
            "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nx",
        ] {
            assert_eq!(plain_text(format!("MIME-Version: 1.0\r\n{kind}\r\n").as_bytes()), None, "{kind}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_read_without_harm(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = plain_text(&octets);
        }
    }
}
