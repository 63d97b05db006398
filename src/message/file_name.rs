//! The name of an attached file as a parameter of a field, in the two forms that readers know. RFC 2231 is the
//! standard, and many readers know only its form in one piece; QQ and Outlook know only encoded words within quotes,
//! which RFC 2047 section 5 forbids and every mail program writes.

use email_encoding::headers::{rfc2047, writer::EmailWriter};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 2231 section 7: `attribute-char`, less the few that readers are known to stumble over.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// `filename="a.txt"`, or `filename*=utf-8''%E6...` in one piece, RFC 2231 section 4.
pub(crate) fn extended(attribute: &str, value: &str) -> String {
    if value.is_ascii() {
        quoted(attribute, value)
    } else {
        format!("{attribute}*=utf-8''{}", utf8_percent_encode(value, ENCODED))
    }
}

/// `name="a.txt"`, or `name="=?utf-8?b?...?="`.
pub(crate) fn encoded(attribute: &str, value: &str) -> String {
    if value.is_ascii() { quoted(attribute, value) } else { format!("{attribute}=\"{}\"", words(value)) }
}

/// RFC 2045 section 5.1.
fn quoted(attribute: &str, value: &str) -> String {
    format!("{attribute}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Encoded words on one line.
fn words(text: &str) -> String {
    let mut line = String::new();
    {
        let mut writer = EmailWriter::new(&mut line, 0, 0, false);
        // Writing to a string does not fail.
        let _ = rfc2047::encode(text, &mut writer);
    }
    line.replace("\r\n", "")
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};

    use super::*;

    #[test]
    fn plain_names_stay_plain() {
        assert_eq!(extended("filename", "a b.txt"), "filename=\"a b.txt\"");
        assert_eq!(encoded("name", "a\\\"b"), "name=\"a\\\\\\\"b\"");
    }

    #[test]
    fn other_names_can_be_read_in_both_forms() {
        assert_eq!(extended("filename", "é 1'.txt"), "filename*=utf-8''%C3%A9%201%27.txt");
        assert_eq!(encoded("name", "é"), "name=\"=?utf-8?b?w6k=?=\"");
        assert!(extended("filename", &"汇总表".repeat(28)).len() < 900);
        for name in ["报告 2026.txt", "naïve \"x\";.csv"] {
            for field in [
                format!("Content-Disposition: attachment; {}", extended("filename", name)),
                format!("Content-Type: text/plain; {}", encoded("name", name)),
            ] {
                let head = format!("{field}\r\n\r\n");
                let parsed = MessageParser::new().parse(head.as_bytes()).unwrap();
                assert_eq!(parsed.parts[0].attachment_name(), Some(name));
            }
        }
    }
}
