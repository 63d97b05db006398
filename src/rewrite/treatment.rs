//! The treatment of one body: the message's own, or that of a part in it. Its labels are made true, and it is encoded
//! if it cannot stand on the wire as it is. cron labels by its own locale, and the job's output may be anything.

use super::decoding::Decoding;
use super::filter::Filter;
use super::repair::Repair;
use crate::message::{LONGEST_LINE, MediaType, Shape, charset};

/// The way a body passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    /// As it came, except for its line ends.
    #[default]
    AsItIs,
    /// RFC 2045 section 6.8.
    Base64,
    /// Base64 already: its lines are folded.
    FoldBase64,
    /// Quoted-printable already: octets that it cannot hold are encoded.
    MendQuotedPrintable,
    /// It is a message: its own body is treated.
    Message,
    /// A multipart with this boundary: its parts are treated.
    Parts(Vec<u8>),
    /// RFC 2045 section 6.7.
    QuotedPrintable,
}

/// The demands on a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand<'a> {
    /// Bytes over 127 may leave.
    pub(super) eight_bit: bool,
    /// Codes for a terminal are taken out before.
    pub(super) strip: bool,
    /// The charset of text that is not UTF-8.
    pub(super) fallback: Option<&'a str>,
}

/// A header section's words about its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    /// There is a Content-Type.
    pub(super) has_type: bool,
    /// The Content-Type, if it names a type.
    pub(super) kind: Option<MediaType>,
    /// The Content-Transfer-Encoding in lower case; empty without one.
    pub(super) encoding: String,
}

/// The work to do; empty if the labels tell the truth and the body is legal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Treatment {
    /// The new value of Content-Type.
    pub(super) content_type: Option<String>,
    /// The new value of Content-Transfer-Encoding.
    pub(super) encoding: Option<&'static str>,
    /// The decoding that a text passes before.
    pub(super) decoding: Decoding,
    /// The way the body passes.
    pub(super) coding: Coding,
}

impl Treatment {
    /// The filter that carries it out, for a body that holds no other.
    pub(super) fn filter(&self) -> Box<dyn Filter> {
        self.decoding.before(self.coding.filter(None))
    }

    /// Decides for a body of that shape under these labels.
    pub(super) fn of(labels: &Labels, shape: &Shape, demand: &Demand<'_>) -> Self {
        let is_legal = is_legal(shape, demand) && (demand.eight_bit || !shape.eight_bit);
        let kind = labels.kind.as_ref();
        let has_legal_parts = is_legal && !shape.raw_label && !shape.has_false_labels();
        if let Some(boundary) = kind.and_then(MediaType::boundary) {
            let coding = (!has_legal_parts).then(|| Coding::Parts(boundary.into()));
            return Self::of_container(labels, shape, demand, coding);
        }
        if kind.is_some_and(MediaType::is_message) && !labels.is_encoded() {
            return Self::of_container(labels, shape, demand, (!has_legal_parts).then_some(Coding::Message));
        }
        match labels.encoding.as_str() {
            "quoted-printable" if is_legal && !shape.eight_bit => Self::default(),
            "quoted-printable" => Self { coding: Coding::MendQuotedPrintable, ..Self::default() },
            // For any other body the label is wrong.
            "base64" if !shape.unlike_base64 => {
                if is_legal {
                    Self::default()
                } else {
                    Self { coding: Coding::FoldBase64, ..Self::default() }
                }
            }
            _ if labels.is_text() => Self::of_text(labels, shape, demand, is_legal),
            _ => Self::of_data(labels, shape, is_legal),
        }
    }

    /// The repairs that it makes.
    pub(super) fn repairs(&self) -> impl Iterator<Item = Repair> {
        let coding = match self.coding {
            Coding::AsItIs => self.encoding.map(|_| Repair::Encoding),
            Coding::Message | Coding::Parts(_) => Some(Repair::Parts),
            _ => Some(Repair::Encoding),
        };
        let is_relabelled = self.content_type.is_some() || self.decoding != Decoding::AsItIs;
        is_relabelled.then_some(Repair::Charset).into_iter().chain(coding)
    }

    /// RFC 2045 section 6.4: a container of other bodies is never encoded itself, and names the encoding that the worst
    /// of them needs.
    fn of_container(labels: &Labels, shape: &Shape, demand: &Demand<'_>, coding: Option<Coding>) -> Self {
        let needed = if shape.eight_bit && demand.eight_bit { "8bit" } else { "7bit" };
        let is_wrong = match labels.encoding.as_str() {
            "" | "7bit" => needed == "8bit",
            "8bit" => !demand.eight_bit,
            _ => true,
        };
        Self { encoding: is_wrong.then_some(needed), coding: coding.unwrap_or_default(), ..Self::default() }
    }

    fn of_text(labels: &Labels, shape: &Shape, demand: &Demand<'_>, is_legal: bool) -> Self {
        let decoding = Decoding::of(shape);
        if decoding == Decoding::Utf16 {
            let (content_type, coding) = (labels.with_charset("utf-8"), Coding::QuotedPrintable);
            return Self { content_type, encoding: Some("quoted-printable"), decoding, coding };
        }
        if shape.is_binary() && labels.kind.as_ref().is_none_or(MediaType::is_plain_text) {
            let content_type = (!labels.has_type || labels.kind.is_some()).then(|| "application/octet-stream".into());
            return Self { content_type, encoding: Some("base64"), coding: Coding::Base64, ..Self::default() };
        }
        let content_type = charset_for(labels, shape, demand).and_then(|charset| labels.with_charset(&charset));
        if is_legal {
            Self { content_type, encoding: labels.untrue(shape), decoding, coding: Coding::AsItIs }
        } else {
            Self { content_type, encoding: Some("quoted-printable"), decoding, coding: Coding::QuotedPrintable }
        }
    }

    /// Line ends in a body that is no text may have another meaning: bytes that look like data all stay as they are.
    fn of_data(labels: &Labels, shape: &Shape, is_legal: bool) -> Self {
        let is_textual = shape.is_utf8() && !shape.is_binary();
        if is_legal && is_textual {
            Self { encoding: labels.untrue(shape), ..Self::default() }
        } else {
            Self { encoding: Some("base64"), coding: Coding::Base64, ..Self::default() }
        }
    }
}

impl Coding {
    /// Bytes over 127 pass it.
    pub(super) fn keeps_eight_bit(&self) -> bool {
        matches!(self, Coding::AsItIs | Coding::Message | Coding::Parts(_))
    }
}

impl Labels {
    /// For a text that stands in for the body: labels that cannot be its own do not count.
    pub(super) fn of_stand_in(self) -> Self {
        let is_encoded = self.is_encoded();
        let plain = || MediaType::parse(b"text/plain");
        Self {
            kind: self.kind.filter(MediaType::is_plain_text).or_else(|| plain().filter(|_| self.has_type)),
            // Whatever it is, it is not this encoding: the true one takes its place.
            encoding: if is_encoded { "binary".to_string() } else { self.encoding },
            ..self
        }
    }

    /// The text may be written for a terminal: it is plain text. In the charsets of ISO 2022 such codes are characters.
    pub(super) fn is_for_terminals(&self) -> bool {
        let charset = self.kind.as_ref().and_then(MediaType::charset).unwrap_or_default();
        self.is_plain_text() && !charset.to_ascii_lowercase().starts_with("iso-2022")
    }

    /// Text that people can read in the raw message.
    pub(super) fn is_plain_text(&self) -> bool {
        self.kind.as_ref().is_none_or(MediaType::is_plain_text) && !self.is_encoded()
    }

    /// Reads the fields of a header section: values of Content-Type and Content-Transfer-Encoding.
    pub(super) fn read(content_type: Option<&[u8]>, encoding: Option<&[u8]>) -> Self {
        let word = |value: &[u8]| {
            let text = crate::message::text(value);
            text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
        };
        Self {
            has_type: content_type.is_some(),
            kind: content_type.and_then(MediaType::parse),
            encoding: encoding.map(word).unwrap_or_default(),
        }
    }

    /// The Content-Type with that charset; `None` for one that names no type, which stays.
    fn with_charset(&self, charset: &str) -> Option<String> {
        match &self.kind {
            Some(kind) => Some(kind.with_charset(charset)),
            None => (!self.has_type).then(|| format!("text/plain; charset={charset}")),
        }
    }

    fn is_text(&self) -> bool {
        self.kind.as_ref().is_none_or(MediaType::is_text)
    }

    pub(super) fn is_encoded(&self) -> bool {
        ["base64", "quoted-printable"].contains(&self.encoding.as_str())
    }

    /// The encoding of a body that leaves as it is, if the label says something else. RFC 2045 section 6.2: without a
    /// field it is 7bit. `binary` is for servers that offer it (RFC 3030); we never ask them for it.
    fn untrue(&self, shape: &Shape) -> Option<&'static str> {
        let needed = if shape.eight_bit { "8bit" } else { "7bit" };
        let is_wrong = match self.encoding.as_str() {
            "" | "7bit" => shape.eight_bit,
            "binary" | "base64" | "quoted-printable" => true,
            "8bit" => false,
            _ => shape.eight_bit,
        };
        is_wrong.then_some(needed)
    }
}

/// The charset that a text has to name, unless it does already.
fn charset_for(labels: &Labels, shape: &Shape, demand: &Demand<'_>) -> Option<String> {
    let written = labels.kind.as_ref().and_then(MediaType::charset).unwrap_or_default();
    if shape.is_iso_2022_jp() {
        let is_named = written.to_ascii_lowercase().starts_with("iso-2022-jp");
        return (!is_named).then(|| "iso-2022-jp".to_string());
    }
    if !shape.eight_bit {
        return None;
    }
    if shape.sample().is_empty() {
        // No such byte has come yet, but one may.
        return charset::is_ascii(written).then(|| "utf-8".to_string());
    }
    let is_utf8 = shape.is_utf8() || shape.is_mostly_utf8();
    if charset::fits(written, is_utf8, shape.sample()) {
        return None;
    }
    if is_utf8 {
        return Some("utf-8".to_string());
    }
    let is_html = labels.kind.as_ref().is_some_and(|kind| kind.is("text/html"));
    let own = is_html.then(|| charset::of_html(shape.opening())).flatten();
    let own = own.filter(|label| charset::is_plausible(label, shape.sample()));
    Some(own.unwrap_or_else(|| charset::name(shape.sample(), demand.fallback)))
}

/// It can stand on the wire once the codes for a terminal are gone.
fn is_legal(shape: &Shape, demand: &Demand<'_>) -> bool {
    // A code may move the cursor past text that a carriage return would have let be written over.
    let longest = if shape.escapes { shape.longest_line } else { shape.longest_piece };
    shape.is_legal() || (demand.strip && !shape.nul && longest <= LONGEST_LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: Demand<'_> = Demand { eight_bit: true, strip: false, fallback: None };

    fn of(content_type: &str, encoding: &str, body: &[u8]) -> Treatment {
        let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let (content_type, encoding) = (content_type.to_string(), encoding.to_string());
        let labels =
            Labels::read(some(content_type.leak()).map(str::as_bytes), some(encoding.leak()).map(str::as_bytes));
        let mut shape = Shape::default();
        shape.learn(body);
        shape.finish();
        Treatment::of(&labels, &shape, &DEMAND)
    }

    fn treatment(content_type: Option<&str>, encoding: Option<&'static str>, coding: Coding) -> Treatment {
        Treatment { content_type: content_type.map(str::to_string), encoding, coding, ..Treatment::default() }
    }

    #[test]
    fn utf8_is_called_utf8() {
        let utf8 = "备份".as_bytes();
        let plain = |encoding| treatment(Some("text/plain; charset=utf-8"), encoding, Coding::AsItIs);
        assert_eq!(of("text/plain; charset=ANSI_X3.4-1968", "8bit", utf8), plain(None));
        assert_eq!(of("text/plain; charset=iso-8859-1", "8bit", utf8), plain(None));
        assert_eq!(of("", "", utf8), plain(Some("8bit")));
        let html = treatment(Some("text/html; charset=utf-8; format=flowed"), Some("8bit"), Coding::AsItIs);
        assert_eq!(of("text/html; format=flowed", "binary", utf8), html);
    }

    #[test]
    fn truth_is_left_alone() {
        for (content_type, encoding, body) in [
            ("text/plain; charset=ANSI_X3.4-1968", "8bit", "backup"),
            ("text/plain; charset=\"UTF-8\"", "8bit", "备份"),
            ("multipart/mixed; boundary=x", "8bit", "--x\n\n备份\n--x--\n"),
            ("multipart/mixed; boundary=x", "", "--x\n\nbackup\n--x--\n"),
            ("text/plain", "base64", "eHg=\n"),
            ("text/plain", "quoted-printable", "=C3=A9\n"),
            ("application/json", "", "{}\n"),
            ("text/plain", "x-uuencode", "begin 644 x\n"),
            ("", "", "backup"),
        ] {
            assert_eq!(of(content_type, encoding, body.as_bytes()), Treatment::default(), "{content_type} {encoding}");
        }
    }

    #[test]
    fn text_that_readers_cannot_show_becomes_text_that_they_can() {
        let found = of("text/plain; charset=us-ascii", "7bit", b"\x1b$B%P%C%/\x1b(B\n");
        assert_eq!(found, treatment(Some("text/plain; charset=iso-2022-jp"), None, Coding::AsItIs));
        let marked = of("text/plain; charset=utf-8", "8bit", "\u{feff}é\n".as_bytes());
        assert_eq!(marked, Treatment { decoding: Decoding::WithoutMark, ..Treatment::default() });
        let utf16 = of("", "", b"\xff\xfea\0\n\0");
        let decoded = treatment(Some("text/plain; charset=utf-8"), Some("quoted-printable"), Coding::QuotedPrintable);
        assert_eq!(utf16, Treatment { decoding: Decoding::Utf16, ..decoded });
        assert_eq!(of("", "", b"\xff\xfe\0\0\x01\0").decoding, Decoding::AsItIs);
        assert_eq!(of("application/json", "", "\u{feff}{}".as_bytes()).decoding, Decoding::AsItIs);
    }

    #[test]
    fn html_names_its_own_charset() {
        let (big5, _, _) = encoding_rs::BIG5.encode("備份");
        let html = [b"<html><head><META http-equiv=x content=\"text/html; charset=Big5\">", big5.as_ref()].concat();
        let expected = treatment(Some("text/html; charset=big5"), Some("8bit"), Coding::AsItIs);
        assert_eq!(of("text/html", "", &html), expected);
        let utf8 = "<meta charset='gbk'>备份".as_bytes();
        assert_eq!(of("text/html", "8bit", utf8).content_type.as_deref(), Some("text/html; charset=utf-8"));
    }

    #[test]
    fn other_charsets_keep_a_label_that_can_be_right() {
        let gbk = encoding_rs::GBK.encode("备份失败：磁盘空间不足，请检查日志。").0;
        assert_eq!(of("text/plain; charset=GBK", "8bit", &gbk), Treatment::default());
        let guessed = treatment(Some("text/plain; charset=gb18030"), Some("8bit"), Coding::AsItIs);
        assert_eq!(of("text/plain; charset=us-ascii", "", &gbk), guessed);
        assert_eq!(of("text/plain; charset=utf-8", "7bit", &gbk), guessed);
    }

    #[test]
    fn text_that_is_not_legal_becomes_quoted_printable() {
        let long = vec![b'x'; 999];
        for body in [&b"a\0b\n"[..], b"50%\r100%\n", &long] {
            let expected = treatment(None, Some("quoted-printable"), Coding::QuotedPrintable);
            assert_eq!(of("", "", body), expected);
            assert_eq!(of("text/plain", "8bit", body), expected);
        }
    }

    #[test]
    fn line_that_a_code_makes_longer_is_not_legal_once_stripped() {
        let half = "x".repeat(900);
        let strip = Demand { strip: true, ..DEMAND };
        let of = |body: String| Treatment::of(&Labels::default(), &Shape::of(body.as_bytes()), &strip).coding;
        assert_eq!(of(format!("{half}\r\x1b[901G{half}\n")), Coding::QuotedPrintable);
        assert_eq!(of(format!("{half}\r{half}\n")), Coding::AsItIs);
    }

    #[test]
    fn only_what_is_no_text_becomes_base64() {
        let noise: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let expected = treatment(Some("application/octet-stream"), Some("base64"), Coding::Base64);
        assert_eq!(of("", "", &noise), expected);
        assert_eq!(of("application/gzip", "", &noise), treatment(None, Some("base64"), Coding::Base64));
        assert_eq!(of("image/png", "8bit", b"\x89PNG\r\n"), treatment(None, Some("base64"), Coding::Base64));
    }

    #[test]
    fn encoded_bodies_are_mended_as_what_they_are() {
        let line = vec![b'A'; 4000];
        assert_eq!(of("text/plain", "base64", &line), treatment(None, None, Coding::FoldBase64));
        assert_eq!(of("text/plain", "quoted-printable", &line), treatment(None, None, Coding::MendQuotedPrintable));
        assert_eq!(of("text/plain", "base64", "备份".as_bytes()).encoding, Some("8bit"));
        let plain = "error, disk full! ".repeat(100);
        let expected = treatment(None, Some("quoted-printable"), Coding::QuotedPrintable);
        assert_eq!(of("text/plain", "base64", plain.as_bytes()), expected, "plain text that says it is base64");
        assert_eq!(of("text/plain", "base64", b"all is well\n"), treatment(None, Some("7bit"), Coding::AsItIs));
        assert_eq!(of("text/plain", "base64", b"\x01\r").coding, Coding::QuotedPrintable);
        let parts = of("multipart/mixed; boundary=\"b 1\"", "", &line);
        assert_eq!(parts, treatment(None, None, Coding::Parts(b"b 1".to_vec())));
        assert_eq!(of("multipart/mixed; boundary=b", "base64", b"--b--\n").encoding, Some("7bit"));
        assert_eq!(of("multipart/mixed; boundary=b", "", "é".as_bytes()).encoding, Some("8bit"));
        assert_eq!(of("message/rfc822", "", &line).coding, Coding::Message);
    }
}
