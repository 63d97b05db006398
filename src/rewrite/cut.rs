//! A mail in wire form made smaller: head and tail of a plain text stay, with a notice between them. Any other content
//! would be broken in two: there only the notice stays. The caller, which keeps the whole, says in the notice where it
//! is.
//!
//! Pure, and in bounded memory: one pass; a [`Tail`] holds the last octets.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};

use crate::message::{Message, TAIL_LIMIT, Tail, text};

/// The most octets of the notice and the line ends around it.
const NOTICE: u64 = 4 << 10;
/// The end of a line is looked for in so many octets around the place of the cut. No line is longer (RFC 5322 section
/// 2.1.1), but in quoted-printable a line of text may be many lines on the wire.
const REACH: usize = 64 << 10;

/// The facts that a reader of a cut mail is told.
#[derive(Clone, Debug)]
pub(crate) struct CutNotice {
    /// The octets that the message had.
    pub(crate) total: u64,
    /// The octets that the mail may have.
    pub(crate) most: u64,
    /// The machine that keeps the whole.
    pub(crate) host: String,
    /// Its path there.
    pub(crate) place: String,
}

impl CutNotice {
    /// The text for the place of the cut, in ASCII, with a blank line before and after it.
    pub(crate) fn between(&self, left_out: u64) -> String {
        format!(
            "\r\n[mailx-t: about {} of {} are left out here, for no more than {}\r\ncan be sent. {}]\r\n\r\n",
            size(left_out),
            size(self.total),
            size(self.most),
            self.whereabouts()
        )
    }

    /// The text in place of a body that cannot stay in part.
    fn instead(&self) -> String {
        format!(
            "[mailx-t: this message has {}, and no more than {} can be sent.\r\nIt is not plain text, so that none of \
             it could be left here.\r\n{}]\r\n",
            size(self.total),
            size(self.most),
            self.whereabouts()
        )
    }

    fn whereabouts(&self) -> String {
        format!("The whole is kept on {}, compressed, in\r\n{}", ascii(&self.host), ascii(&self.place))
    }
}

/// A mail in wire form on its way to a smaller one.
#[derive(Debug)]
pub(crate) struct Cut<R: Read> {
    head: Vec<u8>,
    text: Option<Text>,
    body: BufReader<R>,
}

impl<R: Read> Cut<R> {
    /// Reads the header section of `content`, a mail in wire form.
    ///
    /// # Errors
    /// Those of `content`.
    pub(crate) fn of(content: R) -> io::Result<Self> {
        let mut body = BufReader::with_capacity(REACH, content);
        let head = head(&mut body)?;
        let message = Message::read(&mut head.as_slice(), &mut io::sink())?;
        let text = Text::of(&message);
        let mut cut = Self { head, text, body };
        if text.is_none() {
            cut.head = message.fields().filter(|f| !is_about_body(f.name)).flat_map(|f| f.octets).copied().collect();
            cut.head.extend_from_slice(b"\r\n");
        }
        Ok(cut)
    }

    /// Some of its text will stay; else it will be plain ASCII.
    pub(crate) fn is_text(&self) -> bool {
        self.text.is_some()
    }

    /// Writes the mail with no more than `notice.most` octets; `size` are those of the mail it was. A text that is
    /// small enough already stays as it is.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(crate) fn write(mut self, size: u64, notice: &CutNotice, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        let Some(text) = self.text else { return to.write_all(notice.instead().as_bytes()) };
        if size <= notice.most {
            return io::copy(&mut self.body, to).map(drop);
        }
        let room = notice.most.saturating_sub(self.head.len() as u64 + NOTICE);
        let tail = usize::try_from(room / 2).unwrap_or(TAIL_LIMIT).min(TAIL_LIMIT);
        let start = text.start(&mut self.body, room - tail as u64, to)?;
        let mut end = Tail::new(tail);
        copy(&mut self.body, &mut |piece| end.push(piece))?;
        let end = text.end(end.octets());
        // The whole may be larger than the mail cut here: its middle may have been left out before.
        let kept = self.head.len() as u64 + start + end.len() as u64;
        let between = notice.between(notice.total.max(size).saturating_sub(kept));
        to.write_all(text.encoded(&between).as_bytes())?;
        to.write_all(end)
    }
}

/// All octets up to the empty line, and the empty line.
fn head(content: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        if content.read_until(b'\n', &mut head)? == 0 || head[start..] == *b"\r\n" {
            return Ok(head);
        }
    }
}

fn copy(from: &mut dyn BufRead, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    loop {
        let piece = from.fill_buf()?;
        if piece.is_empty() {
            return Ok(());
        }
        take(piece);
        let taken = piece.len();
        from.consume(taken);
    }
}

/// Fields that would lie about a notice.
fn is_about_body(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "mime-version" || name.starts_with("content-")
}

/// The form of a body's text on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    AsItIs,
    QuotedPrintable,
}

impl Text {
    /// `None` for a body that is no plain text, or that may not be cut between two lines.
    fn of(message: &Message) -> Option<Self> {
        let kind = message.named("Content-Type").next();
        if kind.is_some_and(|field| field.media_type().is_none_or(|kind| kind.name() != "text/plain")) {
            return None;
        }
        let encoding = message.named("Content-Transfer-Encoding").next();
        let encoding = encoding.map(|field| text(field.value).trim().to_ascii_lowercase()).unwrap_or_default();
        match encoding.as_str() {
            "" | "7bit" | "8bit" | "binary" => Some(Self::AsItIs),
            "quoted-printable" => Some(Self::QuotedPrintable),
            _ => None,
        }
    }

    /// Copies the first lines, at most `room` octets; returns the number of octets.
    fn start(self, content: &mut dyn Read, room: u64, to: &mut dyn Write) -> io::Result<u64> {
        let mut held = Vec::with_capacity(2 * REACH);
        let mut written = 0;
        let mut content = content.take(room);
        while (&mut content).take(REACH as u64).read_to_end(&mut held)? > 0 {
            // Octets that are written cannot be the place of the cut any more.
            let sure = held.len().saturating_sub(REACH);
            to.write_all(&held[..sure])?;
            held.drain(..sure);
            written += sure as u64;
        }
        let mut ends = self.ends(&held);
        let line = ends.next_back().or_else(|| Self::AsItIs.ends(&held).next_back()).unwrap_or(0);
        // In the middle of a line of text, the line on the wire ends with a mark that it goes on.
        let line =
            held[..line].strip_suffix(b"=\r\n").filter(|_| self == Self::QuotedPrintable).unwrap_or(&held[..line]);
        to.write_all(line)?;
        if !line.ends_with(b"\n") {
            to.write_all(b"\r\n")?;
        }
        Ok(written + line.len() as u64)
    }

    /// The octets from the first line that starts within `tail`.
    fn end(self, tail: &[u8]) -> &[u8] {
        let line = self.ends(tail).next().or_else(|| Self::AsItIs.ends(tail).next());
        &tail[line.unwrap_or(0)..]
    }

    /// The places after the ends of lines of text. In quoted-printable a line that ends with `=` goes on.
    fn ends(self, octets: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
        let after = |(at, byte): (usize, &u8)| (*byte == b'\n').then_some(at + 1);
        // The octets before these are not known: the first two could belong to such an end.
        let goes_on =
            move |end: &usize| self == Self::QuotedPrintable && (*end < 3 || octets[..*end].ends_with(b"=\r\n"));
        octets.iter().enumerate().filter_map(after).filter(move |end| !goes_on(end))
    }

    /// A notice in the form of such a text.
    fn encoded(self, notice: &str) -> String {
        match self {
            Self::AsItIs => notice.to_string(),
            Self::QuotedPrintable => quoted_printable(notice),
        }
    }
}

/// RFC 2045 section 6.7, for ASCII: `=` is written as a code, and no line has more than 76 characters.
fn quoted_printable(ascii: &str) -> String {
    let mut out = String::new();
    for line in ascii.split_inclusive("\r\n") {
        let (mut width, text) = (0, line.trim_end_matches("\r\n"));
        for c in text.chars() {
            if width > 70 {
                out.push_str("=\r\n");
                width = 0;
            }
            match c {
                '=' => out.push_str("=3D"),
                c => out.push(c),
            }
            width += if c == '=' { 3 } else { 1 };
        }
        out.push_str(&line[text.len()..]);
    }
    out
}

/// A size with one digit after the point: `25.0 MiB`.
fn size(octets: u64) -> String {
    bytesize::ByteSize(octets).display().iec().to_string()
}

/// A path may hold anything.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            // Writing to a string does not fail.
            c => drop(write!(out, "{}", c.escape_default())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(total: usize, most: u64) -> CutNotice {
        CutNotice { total: total as u64, most, host: "web1".into(), place: "/var/spool/mailx-t/failed/ID.gz".into() }
    }

    fn cut_to(most: u64, wire: &str) -> String {
        let mut out = Vec::new();
        let cut = Cut::of(wire.as_bytes()).unwrap();
        cut.write(wire.len() as u64, &notice(wire.len(), most), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    const HEAD: &str = "From: a@x.org\r\nSubject: s\r\n";

    #[test]
    fn head_and_tail_of_a_text_stay_with_a_notice_between_them() {
        let lines: String = (0..20_000).map(|n| format!("line {n} é\r\n")).collect();
        let wire = format!("{HEAD}\r\n{lines}");
        for most in [20_000, 50_001, 150_000] {
            let cut = cut_to(most, &wire);
            assert!(cut.len() as u64 <= most && cut.len() as u64 > most - NOTICE, "{} of {most}", cut.len());
            let (start, rest) = cut.split_once("\r\n[mailx-t: about ").unwrap();
            let (told, end) = rest.split_once("]\r\n\r\n").unwrap();
            assert!(wire.starts_with(start) && start.ends_with("é\r\n"), "{:?}", &start[start.len() - 20..]);
            assert!(wire.ends_with(end) && end.starts_with("line "), "{:?}", &end[..20]);
            assert!(told.contains("\r\n/var/spool/mailx-t/failed/ID.gz") && told.contains("kept on web1"), "{told}");
        }
    }

    #[test]
    fn mail_that_is_small_enough_is_left_alone() {
        let wire = format!("{HEAD}\r\nbody\r\n");
        assert_eq!(cut_to(wire.len() as u64, &wire), wire);
    }

    #[test]
    fn what_is_no_plain_text_is_replaced_by_a_notice() {
        let parts = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n";
        let html = "MIME-Version: 1.0\r\nContent-Type: text/html\r\n";
        let encoded = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n";
        for fields in [parts, html, encoded] {
            let cut = cut_to(20_000, &format!("{HEAD}{fields}\r\n{}", "AAAA\r\n".repeat(9_000)));
            assert!(cut.starts_with(&format!("{HEAD}\r\n[mailx-t: this message has 52.")), "{cut}");
            assert!(cut.ends_with("]\r\n") && !cut.contains("AAAA") && cut.is_ascii());
        }
    }

    #[test]
    fn quoted_printable_text_is_cut_between_lines_of_text() {
        let fields = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n";
        let lines: String = (0..9_000).map(|n| format!("line {n} goes =\r\non =C3=A9\r\n")).collect();
        let cut = cut_to(40_000, &format!("{HEAD}{fields}\r\n{lines}"));
        let (start, rest) = cut.split_once("\r\n[mailx-t: about ").unwrap();
        assert!(start.ends_with("on =C3=A9\r\n"), "{:?}", &start[start.len() - 40..]);
        let end = rest.split_once("]\r\n\r\n").unwrap().1;
        assert!(end.starts_with("line "), "{:?}", &end[..40]);
    }

    #[test]
    fn text_of_one_endless_line_is_cut_within_it() {
        let fields = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n";
        let line = "x".repeat(70) + "=\r\n";
        let cut = cut_to(200_000, &format!("{HEAD}{fields}\r\n{}", line.repeat(9_000)));
        let (start, end) = cut.split_once("\r\n[mailx-t: about ").unwrap();
        assert!(start.ends_with("x\r\n") && end.ends_with("x=\r\n"));
        assert!(cut.len() > 190_000 && cut.len() < 200_000);
    }

    #[test]
    fn middle_that_was_left_out_before_counts() {
        let wire = format!("{HEAD}\r\n{}", "line\r\n".repeat(9_000));
        let mut out = Vec::new();
        let notice = CutNotice { total: 3 << 30, ..notice(0, 20_000) };
        Cut::of(wire.as_bytes()).unwrap().write(wire.len() as u64, &notice, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("about 3.0 GiB of 3.0 GiB are left out"));
    }

    #[test]
    fn place_is_told_in_ascii_lines_that_any_text_can_hold() {
        let place = "/home/jürgen/a=b\r\nBcc: x/ID.gz".to_string();
        let told = CutNotice { place, ..notice(1 << 20, 1 << 10) }.between(5);
        assert!(told.is_ascii() && told.contains("/home/j\\u{fc}rgen/a=b\\r\\nBcc: x/ID.gz"), "{told}");
        assert!(quoted_printable(&told).split("\r\n").all(|line| line.len() <= 76));
        assert!(quoted_printable(&told).contains("a=3Db"));
    }

    proptest::proptest! {
        #[test]
        fn no_mail_becomes_larger_than_it_may_be(
            lines in proptest::collection::vec("[ -~é]{0,60}=?", 0..90), most in 5_000u64..7_000, is_quoted: bool,
        ) {
            let encoding = if is_quoted { "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n" } else { "" };
            let wire = format!("{HEAD}{encoding}\r\n{}\r\n", lines.join("\r\n"));
            let cut = cut_to(most, &wire);
            proptest::prop_assert!(cut.len() as u64 <= most.max(wire.len() as u64) && cut.len() <= wire.len().max(5_000));
            proptest::prop_assert!(cut.ends_with("\r\n") && !cut.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}
