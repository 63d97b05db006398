//! The charset of bytes that are not UTF-8. Their label counts if they can be in that charset, then the configured one,
//! then the one that they look like.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{EUC_KR, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Names of US-ASCII that programs write (RFC 1345), and those of no charset at all. cron asks the C library, which
/// says `ANSI_X3.4-1968` in the C locale on Linux and `646` on Solaris.
const ASCII: &[&str] = &[
    "",
    "646",
    "ansi_x3.4-1968",
    "ansi_x3.4-1986",
    "ascii",
    "c",
    "cp367",
    "csascii",
    "ibm367",
    "iso-ir-6",
    "iso646-us",
    "iso_646.irv:1991",
    "none",
    "posix",
    "unknown",
    "unknown-8bit",
    "us",
    "us-ascii",
    "x-unknown",
];

/// The label names no charset for bytes over 127.
pub(crate) fn is_ascii(label: &str) -> bool {
    ASCII.contains(&label.trim().to_ascii_lowercase().as_str())
}

/// The label names a charset that we can read.
pub(crate) fn is_known(label: &str) -> bool {
    !is_ascii(label) && Encoding::for_label_no_replacement(label.trim().as_bytes()).is_some()
}

/// Octets that begin like these can be in the charset of that name. A charset that we do not know may be right.
pub(crate) fn is_plausible(label: &str, sample: &[u8]) -> bool {
    if is_ascii(label) {
        return false;
    }
    Encoding::for_label(label.trim().as_bytes()).is_none_or(|encoding| encoding != UTF_8 && is_clean(encoding, sample))
}

/// The label is right for a text with bytes over 127: the whole of it is UTF-8 or not, and begins like `sample`. What
/// is UTF-8 is nothing else.
pub(crate) fn fits(label: &str, is_utf8: bool, sample: &[u8]) -> bool {
    if is_utf8 {
        ["utf-8", "utf8"].iter().any(|name| label.eq_ignore_ascii_case(name))
    } else {
        is_plausible(label, sample)
    }
}

/// The name of the charset of octets that begin like these; `fallback` is preferred if they can be in it.
pub(crate) fn name(sample: &[u8], fallback: Option<&str>) -> String {
    match fallback.filter(|label| is_plausible(label, sample)) {
        Some(label) => label.to_string(),
        None => written(guess(sample), sample),
    }
}

/// Octets as text: UTF-8 if they are, else the charset that [`name`] tells.
pub(crate) fn text(octets: &[u8], fallback: Option<&str>) -> String {
    if let Ok(text) = std::str::from_utf8(octets) {
        return text.to_string();
    }
    let chosen = fallback.filter(|label| is_plausible(label, octets));
    let chosen = chosen.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    let whole = |encoding: &'static Encoding| encoding.decode_without_bom_handling_and_without_replacement(octets);
    let text = chosen.and_then(whole).or_else(|| whole(guess(octets)));
    text.unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(octets).0).into_owned()
}

/// Octets as text in the charset of that name, whatever they look like.
pub(crate) fn decode(label: &str, octets: &[u8]) -> String {
    let encoding = Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252);
    encoding.decode(octets).0.into_owned()
}

/// The octets begin with the byte order mark of UTF-16, and read on without an error or a control character.
pub(crate) fn is_utf16(octets: &[u8]) -> bool {
    let found = Encoding::for_bom(octets).filter(|(encoding, _)| [UTF_16LE, UTF_16BE].contains(encoding));
    let Some((encoding, mark)) = found else { return false };
    let text = &octets[mark..octets.len() - octets.len() % 2];
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b');
    is_clean(encoding, text) && !encoding.decode_without_bom_handling(text).0.contains(odd)
}

/// The charset that HTML names itself, in its first kilobyte as the HTML standard wants it (section 4.2.5.4); `None` if
/// it names none that can be read.
pub(crate) fn of_html(octets: &[u8]) -> Option<String> {
    let text: String = octets.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let label = |tag: &str| {
        let value = tag.split('>').next()?.split("charset").nth(1)?.trim_start().strip_prefix('=')?;
        let value = value.trim_start().trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !c.is_ascii_graphic() || "\"'/;".contains(c)).unwrap_or(value.len());
        Some(value[..end].to_string())
    };
    text.split("<meta").skip(1).filter_map(label).find(|label| is_known(label))
}

/// The most octets over 127 that do not tell the charsets of China and Korea apart: a file's name, say.
const FEW: usize = 16;

/// The charset that the bytes look like; if they look like none, Windows-1252, in which every byte has a meaning. A few
/// bytes that may be Chinese or Korean are Chinese: there GBK is still in use.
fn guess(sample: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let mut found = detector.guess(None, Utf8Detection::Deny);
    if found == EUC_KR && sample.iter().filter(|byte| !byte.is_ascii()).count() <= FEW {
        found = detector.guess(Some(b"cn"), Utf8Detection::Deny);
    }
    if is_clean(found, sample) { found } else { WINDOWS_1252 }
}

/// The name that mail programs know. GBK is decoded as GB18030; bytes that Windows-1252 leaves open have a meaning in
/// ISO 8859-1.
fn written(encoding: &'static Encoding, sample: &[u8]) -> String {
    const OPEN: [u8; 5] = [0x81, 0x8d, 0x8f, 0x90, 0x9d];
    if encoding == GBK {
        return GB18030.name().to_ascii_lowercase();
    }
    if encoding == WINDOWS_1252 && sample.iter().any(|byte| OPEN.contains(byte)) {
        return "iso-8859-1".to_string();
    }
    encoding.name().to_ascii_lowercase()
}

/// The bytes decode without an error. The sample may end within a character.
fn is_clean(encoding: &'static Encoding, sample: &[u8]) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut rest = sample;
    let mut out = [0; 4096];
    loop {
        let (result, read, _, had_errors) = decoder.decode_to_utf8(rest, &mut out, false);
        if had_errors {
            return false;
        }
        rest = &rest[read..];
        if result == encoding_rs::CoderResult::InputEmpty {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(label: &str, text: &str) -> Vec<u8> {
        Encoding::for_label(label.as_bytes()).unwrap().encode(text).0.into_owned()
    }

    #[test]
    fn charset_is_told_from_the_text() {
        for (label, text) in [
            ("gb18030", "备份失败：磁盘空间不足，请检查日志。"),
            ("shift_jis", "バックアップに失敗しました。ディスクがいっぱいです。"),
            ("windows-1252", "Sauvegarde échouée, disque plein à 100 %"),
            ("windows-1251", "Резервное копирование не удалось: диск заполнен"),
        ] {
            assert_eq!(name(&encoded(label, text), None), label, "{text}");
            assert_eq!(super::text(&encoded(label, text), None), text);
        }
    }

    #[test]
    fn label_stands_if_the_bytes_can_be_in_it() {
        let gbk = encoded("gbk", "备份");
        assert!(is_plausible("GBK", &gbk) && is_plausible("iso-8859-1", &gbk) && is_plausible("cp437", &gbk));
        for label in ["us-ascii", "ANSI_X3.4-1968", "646", "utf-8", ""] {
            assert!(!is_plausible(label, &gbk), "{label}");
        }
        assert!(!is_plausible("shift_jis", b"\xff\xff"));
        assert!(is_plausible("gbk", &gbk[..3]));
    }

    #[test]
    fn configured_charset_is_preferred_to_a_guess() {
        let text = encoded("koi8-r", "диск");
        assert_eq!(name(&text, Some("koi8-r")), "koi8-r");
        assert_eq!(super::text(&text, Some("KOI8-R")), "диск");
        assert_ne!(name(b"\xff\xff", Some("shift_jis")), "shift_jis");
    }

    #[test]
    fn bytes_that_are_in_no_charset_are_in_one_that_has_them_all() {
        assert_eq!(name(b"\x81", None), "iso-8859-1");
        assert!(!super::text(b"\xff\x81\xfe", None).contains('\u{fffd}'));
    }

    proptest::proptest! {
        #[test]
        fn no_byte_becomes_a_replacement_character(
            octets in proptest::collection::vec(0x80u8.., 1..40)
        ) {
            let is_lost = super::text(&octets, None).contains('\u{fffd}');
            proptest::prop_assert!(!is_lost);
        }
    }
}
