//! What a message says about its body, made true: a text with 8-bit bytes that are valid UTF-8 is utf-8,
//! whatever its label says. cron labels by a locale that has nothing to do with what the job printed.
//!
//! Only labels are touched here, never the body.

use crate::message::{MediaType, Message};

/// What the fields about the body have to become; none of them where they already tell the truth.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Labels {
    /// The value of Content-Type.
    pub(super) content_type: Option<String>,
    /// The value of Content-Transfer-Encoding.
    pub(super) encoding: Option<String>,
    /// MIME-Version has to be added: the others mean nothing without it (RFC 2045 section 4).
    pub(super) version: bool,
}

impl Labels {
    /// The labels for this message, or for what stands in for its body.
    pub(super) fn of(message: &Message, stand_in: Option<&[u8]>) -> Self {
        let mut labels = Self::default();
        let written = message.named("Content-Type").next().and_then(|field| field.media_type());
        if stand_in.is_some_and(|body| !body.is_ascii()) || is_raw_utf8(message) {
            labels.content_type = match &written {
                None if message.has("Content-Type") => None,
                None => Some("text/plain; charset=utf-8".to_string()),
                Some(kind) if kind.is_text() && !kind.is_utf8() => Some(kind.with_charset("utf-8")),
                Some(_) => None,
            };
            let is_text = written.as_ref().is_none_or(MediaType::is_text);
            // RFC 2045 section 6.2: without a field the encoding is 7bit, which this is not.
            labels.encoding = (is_text && !is_labelled_eight_bit(message)).then(|| "8bit".to_string());
        }
        let has_label = message.has("Content-Type") || labels.content_type.is_some();
        labels.version = has_label && !message.has("MIME-Version");
        labels
    }
}

/// The body holds UTF-8 beyond ASCII that no encoding hides.
fn is_raw_utf8(message: &Message) -> bool {
    let encoding = encoding(message);
    let is_plain = encoding.is_empty() || ["7bit", "8bit", "binary"].contains(&encoding.as_str());
    message.shape.eight_bit && message.shape.is_utf8() && is_plain
}

fn is_labelled_eight_bit(message: &Message) -> bool {
    encoding(message) == "8bit"
}

fn encoding(message: &Message) -> String {
    let field = message.named("Content-Transfer-Encoding").next();
    field.map(|field| crate::message::text(field.value).trim().to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(fields: &str, body: &str) -> (Option<String>, Option<String>, bool) {
        let message = Message::read(&mut format!("{fields}\n{body}").as_bytes(), &mut Vec::new()).unwrap();
        let Labels { content_type, encoding, version } = Labels::of(&message, None);
        (content_type, encoding, version)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    #[test]
    fn utf8_is_called_utf8() {
        let cron =
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=ANSI_X3.4-1968\nContent-Transfer-Encoding: 8bit\n";
        assert_eq!(labels(cron, "备份"), (some("text/plain; charset=utf-8"), None, false));
        assert_eq!(labels("Subject: x\n", "备份"), (some("text/plain; charset=utf-8"), some("8bit"), true));
        let html = "MIME-Version: 1.0\nContent-Type: text/html; format=flowed\nContent-Transfer-Encoding: binary\n";
        assert_eq!(labels(html, "é"), (some("text/html; charset=utf-8; format=flowed"), some("8bit"), false));
    }

    #[test]
    fn truth_is_left_alone() {
        let cron =
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=ANSI_X3.4-1968\nContent-Transfer-Encoding: 8bit\n";
        assert_eq!(labels(cron, "backup"), (None, None, false));
        let utf8 = "MIME-Version: 1.0\nContent-Type: text/plain; charset=\"UTF-8\"\nContent-Transfer-Encoding: 8bit\n";
        assert_eq!(labels(utf8, "备份"), (None, None, false));
        let parts = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n";
        assert_eq!(labels(parts, "--x\n\n备份\n--x--\n"), (None, None, false));
        let encoded = "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n";
        assert_eq!(labels(encoded, "é"), (None, None, false));
        assert_eq!(labels("Subject: x\n", "backup"), (None, None, false));
    }

    #[test]
    fn label_without_a_version_gets_one() {
        assert_eq!(labels("Subject: x\nContent-Type: text/plain\n", "backup"), (None, None, true));
    }
}
