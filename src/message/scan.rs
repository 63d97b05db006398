//! Finds the end of the fields and the start of the body, line by line as the bytes arrive.
//!
//! The rule of the big MTAs: the header section ends at an empty line, or before the first line that is neither a field
//! nor a continuation. Four rules go beyond it. If no field of a known name was found, there was no header section and
//! every byte is body, also if the first line looks like `error: disk full`. A line that is no field, between lines
//! that are fields, belongs to them: otherwise readers would see the Bcc behind it. The value of a variable of cron
//! goes on to its bracket, over lines of any kind, since it may be a secret. A leading mbox line (`From root Mon ...`)
//! or byte order mark before genuine fields is dropped.

use std::ops::Range;

use super::unfolded::missing_fold;
use super::value::MediaType;

/// The most bytes of a header section, in memory; the bytes after them start the body.
pub(crate) const HEADER_LIMIT: usize = 2 << 20;

/// Names that make a header section believable: the originator, destination, identification, informational, trace and
/// MIME fields of RFC 5322 and 2045, and the fields that mailers add.
const KNOWN: &[&str] = &[
    "apparently-to",
    "auto-submitted",
    "bcc",
    "cc",
    "comments",
    "date",
    "delivered-to",
    "errors-to",
    "from",
    "importance",
    "in-reply-to",
    "keywords",
    "list-id",
    "message-id",
    "mime-version",
    "organization",
    "precedence",
    "priority",
    "received",
    "references",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "user-agent",
    "x-cron-env",
    "x-mailer",
    "x-priority",
];

const KNOWN_PREFIXES: &[&str] = &["content-", "resent-", "list-"];

/// The field in which cron hands on a variable of the crontab.
pub(crate) const CRON_ENV: &str = "X-Cron-Env";

/// The most parameters on a line of their own that are joined to their fields: each moves all that stands behind it.
const MOST_JOINED: usize = 20;

/// A longer name is no field's: it could not stand on a line with its colon.
pub(crate) const LONGEST_NAME: usize = 512;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The place of a field in the octets: all of it, its name, and its value after the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) whole: Range<usize>,
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Span {
    /// The line is no field; it only stands among them.
    fn is_malformed(&self) -> bool {
        self.name.is_empty()
    }
}

/// The header section that was found.
pub(super) struct Section {
    pub(super) octets: Vec<u8>,
    pub(super) fields: Vec<Span>,
    /// The body came without a blank line before it.
    pub(super) separator_missing: bool,
    /// Parameters stood on lines of their own.
    pub(super) has_joined: bool,
}

/// The state of the search.
#[derive(Debug, Default)]
pub(super) struct Scan {
    octets: Vec<u8>,
    /// Start of the first line not yet judged.
    line: usize,
    /// The offset at which the search for a line end goes on.
    searched: usize,
    /// The fields, and between them the lines that are no fields, which have no name.
    fields: Vec<Span>,
    /// A field has a known name.
    believable: bool,
    /// The first line is an mbox separator.
    mbox: bool,
    separator_missing: bool,
    /// The number of parameters that stood on lines of their own.
    joined: usize,
    done: bool,
    /// The last field is a variable of cron without its closing bracket; the end of its first line.
    open_variable: Option<usize>,
    /// A variable came to no closing bracket: no field is given more than its own lines.
    is_variable_unending: bool,
}

impl Scan {
    /// True once the header section has ended.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes more input; returns the first bytes of the body once the header section has ended.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.octets.extend_from_slice(bytes);
        if let Some(body) = self.judge_lines() {
            return Some(body);
        }
        if self.octets.len() > HEADER_LIMIT {
            if let Some(body) = self.retract_variable() {
                return Some(body);
            }
            self.separator_missing = true;
            let body = self.settle(self.line, false);
            return Some(self.end(body));
        }
        None
    }

    /// Judges the whole lines that have come; returns the first bytes of the body once the header section has ended.
    fn judge_lines(&mut self) -> Option<Vec<u8>> {
        while let Some(at) = self.octets[self.searched..].iter().position(|b| *b == b'\n') {
            let end = self.searched + at + 1;
            self.searched = end;
            if let Some(body) = self.judge(end) {
                return Some(self.end(body));
            }
        }
        self.searched = self.octets.len();
        None
    }

    /// The last variable of cron has no closing bracket: its first line is all of it, and the lines behind it are
    /// judged like any others.
    fn retract_variable(&mut self) -> Option<Vec<u8>> {
        let end = self.open_variable.take()?;
        self.is_variable_unending = true;
        if let Some(last) = self.fields.last_mut() {
            last.whole.end = end;
            last.value.end = content(&self.octets, last.value.start..end).end;
        }
        (self.line, self.searched) = (end, end);
        self.judge_lines()
    }

    /// The input has ended; returns the body that was held back, if the header section had not ended.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        if self.done {
            return None;
        }
        if let Some(body) = self.retract_variable() {
            return Some(body);
        }
        let end = self.octets.len();
        let judged = if self.line < end { self.judge(end) } else { None };
        let body = judged.unwrap_or_else(|| self.settle(end, false));
        Some(self.end(body))
    }

    /// The result, once the section has ended.
    pub(super) fn into_section(self) -> Section {
        let Self { octets, fields, separator_missing, joined, .. } = self;
        let has_joined = joined > 0 && !fields.is_empty();
        Section { octets, fields, separator_missing, has_joined }
    }

    /// The boundary of the multipart that the fields announce, once the section has ended.
    pub(super) fn boundary(&self) -> Option<String> {
        let is_type = |span: &&Span| self.octets[span.name.clone()].eq_ignore_ascii_case(b"content-type");
        let kind = MediaType::parse(&self.octets[self.fields.iter().find(is_type)?.value.clone()])?;
        kind.boundary().map(str::to_string)
    }

    /// The line from `start` to `end` is a parameter of the field before it: makes it a fold, and returns its new end.
    fn join(&mut self, start: usize, end: usize) -> Option<usize> {
        let last = self.fields.last_mut().filter(|_| self.joined < MOST_JOINED)?;
        let fold = missing_fold(&self.octets[last.whole.clone()], &self.octets[start..end])?;
        self.octets.splice(start..start, fold.iter().copied());
        self.joined += 1;
        let end = end + fold.len();
        self.searched = end;
        last.whole.end = end;
        last.value.end = content(&self.octets, start..end).end;
        Some(end)
    }

    /// Judges the line from `self.line` to `end`; returns where the body starts if it ends the section.
    fn judge(&mut self, end: usize) -> Option<usize> {
        let mut start = self.line;
        let first = start == 0;
        if first && self.octets[..end].starts_with(BYTE_ORDER_MARK) {
            start = BYTE_ORDER_MARK.len();
        }
        let text = content(&self.octets, start..end);
        let line = &self.octets[text.clone()];
        if self.continues_variable(line)
            && let Some(last) = self.fields.last_mut()
        {
            last.whole.end = end;
            last.value.end = text.end;
            self.open_variable = self.open_variable.filter(|_| !line.trim_ascii_end().ends_with(b">"));
            self.line = end;
            return None;
        }
        self.open_variable = None;
        if line.is_empty() {
            return Some(self.settle(end, true));
        }
        if let Some(end) = self.join(start, end) {
            self.line = end;
            return None;
        }
        let line = &self.octets[text.clone()];
        if first && is_mbox(line) {
            self.mbox = true;
        } else if let (b' ' | b'\t', Some(last)) = (line[0], self.fields.last_mut()) {
            last.whole.end = end;
            last.value.end = text.end;
        } else if let Some((name, value)) = split(line) {
            self.believable |= is_known(&line[..name]);
            let is_open = is_variable(&line[..name]) && is_unclosed(&line[value..]) && !self.is_variable_unending;
            self.open_variable = is_open.then_some(end);
            self.fields.push(Span { whole: start..end, name: start..start + name, value: start + value..text.end });
        } else if self.believable {
            self.fields.push(Span { whole: start..end, name: start..start, value: text });
        } else {
            self.separator_missing = true;
            return Some(self.line);
        }
        self.line = end;
        None
    }

    /// The line belongs to the value of the variable of cron before it: that has no closing bracket yet, or the line
    /// itself closes one and is no field.
    fn continues_variable(&self, line: &[u8]) -> bool {
        let begins_one = split(line).is_some_and(|(name, _)| is_variable(&line[..name]));
        let is_behind_one = || self.fields.last().is_some_and(|last| is_variable(&self.octets[last.name.clone()]));
        match self.open_variable {
            Some(_) => !begins_one,
            None => line.trim_ascii_end().ends_with(b">") && split(line).is_none() && is_behind_one(),
        }
    }

    /// The offset of the body, once the first empty line, or the end of the octets, has come at `end`. Lines that are
    /// no fields belong to the section if each stands alone, and known fields follow before an empty line; and if a
    /// blind copy field follows, in any case. Else the first of them starts the body.
    fn settle(&mut self, end: usize, is_separated: bool) -> usize {
        let Some(first) = self.fields.iter().position(Span::is_malformed) else { return end };
        let doubtful = &self.fields[first..];
        let stand_alone = !doubtful.windows(2).any(|two| two.iter().all(Span::is_malformed));
        let goes_on = doubtful.last().is_some_and(|last| !last.is_malformed());
        let is = |span: &Span, of: fn(&[u8]) -> bool| of(&self.octets[span.name.clone()]);
        if is_separated && stand_alone && goes_on && doubtful.iter().any(|span| is(span, is_known)) {
            return end;
        }
        let blind = doubtful.iter().rposition(|span| is(span, is_blind)).map_or(0, |at| at + 1);
        let Some(prose) = doubtful[blind..].iter().position(Span::is_malformed) else { return end };
        let count = first + blind + prose;
        self.separator_missing = true;
        let body = self.fields[count].whole.start;
        self.fields.truncate(count);
        body
    }

    /// Ends the section before `body`, or before everything if nothing in it is believable.
    fn end(&mut self, body: usize) -> Vec<u8> {
        self.done = true;
        if self.believable {
            return self.octets.split_off(body);
        }
        self.fields.clear();
        self.separator_missing = false;
        std::mem::take(&mut self.octets)
    }
}

/// The range without its line end.
fn content(octets: &[u8], line: Range<usize>) -> Range<usize> {
    let mut end = line.end;
    if octets[line.start..end].ends_with(b"\n") {
        end -= 1;
        if octets[line.start..end].ends_with(b"\r") {
            end -= 1;
        }
    }
    line.start..end
}

fn is_mbox(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

/// Lengths of the name and of all up to the value, if the line starts a field: RFC 5322 section 2.2, and section 4.5
/// for blanks before the colon.
pub(super) fn split(line: &[u8]) -> Option<(usize, usize)> {
    let name = line.iter().take_while(|b| (33..127).contains(*b) && **b != b':').count();
    let blanks = line[name..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    ((1..=LONGEST_NAME).contains(&name) && line.get(name + blanks) == Some(&b':')).then_some((name, name + blanks + 1))
}

pub(super) fn is_known(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    KNOWN.iter().any(|known| known.as_bytes() == name)
        || KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

/// A field of cron that holds a variable of the crontab.
fn is_variable(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(CRON_ENV.as_bytes())
}

/// The value has an opening bracket and no closing one at its end: cron writes both.
fn is_unclosed(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    value.starts_with(b"<") && !value.ends_with(b">")
}

fn is_blind(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"bcc") || name.eq_ignore_ascii_case(b"resent-bcc")
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    /// Name and value of each field.
    type Fields = Vec<(String, Vec<u8>)>;

    fn read(input: &[u8]) -> (Fields, Vec<u8>, bool) {
        let mut body = Vec::new();
        let message = Message::read(&mut &input[..], &mut body).unwrap();
        let fields = message.fields().map(|f| (f.name.to_string(), f.value.to_vec())).collect();
        (fields, body, message.separator_missing)
    }

    fn names(input: &[u8]) -> Vec<String> {
        read(input).0.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn line_ends_of_any_kind_are_read() {
        for input in
            [&b"To: a\nSubject: b\n\nc\n"[..], b"To: a\r\nSubject: b\r\n\r\nc\n", b"To: a\r\nSubject: b\n\r\nc\n"]
        {
            let (fields, body, missing) = read(input);
            assert_eq!(fields, [("To".into(), b" a".to_vec()), ("Subject".into(), b" b".to_vec())]);
            assert_eq!(body, b"c\n");
            assert!(!missing);
        }
    }

    #[test]
    fn without_a_header_section_every_byte_is_body() {
        for input in [
            &b"error: disk full\n"[..],
            b"error: disk full\n\nmore\n",
            b"hello world\n",
            b"hello",
            b"\nDate: late\n\nx",
            b"12:03:44 start\n12:03:45 end\n",
            b"see http://x\n",
            b"From here on it fails\n",
            b" Date: a\n\nx",
            b"\xff\xfe\x00",
            b"",
        ] {
            let (fields, body, _) = read(input);
            assert_eq!(body, input);
            assert!(fields.is_empty());
        }
    }

    #[test]
    fn variable_of_cron_goes_on_to_its_bracket() {
        for (variable, behind) in [
            ("<A=b\nSECRET=x>", ""),
            ("<A=b\nSECRET: x\nTo: y>", ""),
            ("<A=b\n\nSECRET=x>", ""),
            ("<A=b\nSECRET=x>", "X-Cron-Env: <LOGNAME=root>\n"),
            ("<A=b>\nSECRET=x>", "X-Cron-Env: <LOGNAME=root>\n"),
        ] {
            let input = format!("To: a\nX-Cron-Env: {variable}\n{behind}\nout\n");
            let (fields, body, _) = read(input.as_bytes());
            assert_eq!(fields[1], ("X-Cron-Env".into(), format!(" {variable}").into()), "{input}");
            assert_eq!((fields.len(), body.as_slice()), (2 + behind.lines().count(), &b"out\n"[..]), "{input}");
        }
    }

    #[test]
    fn variable_without_a_closing_bracket_is_one_line_and_loses_nothing() {
        let (fields, body, _) = read(b"To: a\nX-Cron-Env: <A=b\nX-Cron-Env: <C=d\nCc: c\n\nout\n");
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names.as_slice(), body.as_slice()), (&["To", "X-Cron-Env", "X-Cron-Env", "Cc"][..], &b"out\n"[..]));
    }

    #[test]
    fn missing_blank_line_ends_the_fields_and_loses_nothing() {
        let (fields, body, missing) = read(b"To: a\nSubject: b\nfirst line\nsecond: line\n");
        assert_eq!(fields.len(), 2);
        assert_eq!(body, b"first line\nsecond: line\n");
        assert!(missing);
    }

    #[test]
    fn line_that_is_no_field_between_fields_ends_nothing() {
        let (fields, body, missing) = read(b"To: a\nbroken line\n more\nSubject: b\nBcc: c\n\nx\n");
        let malformed = (String::new(), b"broken line\n more".to_vec());
        assert_eq!(fields[1], malformed);
        assert_eq!((fields.len(), body.as_slice(), missing), (4, &b"x\n"[..], false));
    }

    #[test]
    fn text_with_colons_in_it_is_body_where_the_blank_line_is_missing() {
        for body in [
            "Hi Bob,\nhere it is.\nDate: today\n\nBye\n",
            "report\nhost: a\n\nmore\n",
            "report\nDate: today\n",
            "report\nDate: today\nend\n\nmore\n",
        ] {
            assert_eq!(read(format!("To: a\n{body}").as_bytes()).1, body.as_bytes());
        }
    }

    #[test]
    fn blind_copy_is_found_behind_any_lines_and_the_text_behind_it_is_body() {
        for behind in ["", "Hello\nBob: hi\n", "Hello\n\nBob\n"] {
            let (fields, body, missing) = read(format!("To: a\none\ntwo\nBcc: c\nX-Y: d\n{behind}").as_bytes());
            assert_eq!(fields.iter().map(|f| f.0.as_str()).collect::<Vec<_>>(), ["To", "", "", "Bcc", "X-Y"]);
            assert_eq!((body.as_slice(), missing), (behind.as_bytes(), !behind.is_empty()));
        }
    }

    #[test]
    fn last_field_needs_no_line_end() {
        let (fields, body, missing) = read(b"To: a\nSubject: b");
        assert_eq!(fields[1], ("Subject".into(), b" b".to_vec()));
        assert!(body.is_empty() && !missing);
    }

    #[test]
    fn mbox_line_and_byte_order_mark_go_before_genuine_fields() {
        assert_eq!(names(b"From root@host Mon Jan  1 00:00:00 2026\nTo: a\n\nx"), ["To"]);
        assert_eq!(names(b">From root\nTo: a\n\nx"), ["To"]);
        assert_eq!(names(b"\xef\xbb\xbfTo: a\n\nx"), ["To"]);
    }

    #[test]
    fn folded_values_keep_their_folds() {
        let (fields, ..) = read(b"To: a,\r\n\tb\r\nSubject :c\n\nx");
        assert_eq!(fields[0].1, b" a,\r\n\tb");
        assert_eq!(fields[1], ("Subject".into(), b"c".to_vec()));
    }

    #[test]
    fn name_with_a_blank_in_it_is_no_field() {
        assert_eq!(names(b"To: a\nSub ject: b\n\nx"), ["To"]);
    }

    #[test]
    fn endless_header_section_becomes_body_past_the_limit() {
        let mut input = b"To: a\n".to_vec();
        while input.len() <= HEADER_LIMIT + 200_000 {
            input.extend_from_slice(b"X-Filler: some text that goes on and on\n");
        }
        let (fields, body, missing) = read(&input);
        assert!(missing && !body.is_empty());
        assert!(fields.len() * 40 + body.len() >= input.len() - 40);
        assert!(body.starts_with(b"X-Filler: "));
    }

    proptest::proptest! {
        #[test]
        fn no_byte_is_lost(input in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let mut body = Vec::new();
            let message = Message::read(&mut &input[..], &mut body).unwrap();
            proptest::prop_assert!(input.ends_with(&body));
            proptest::prop_assert_eq!(message.shape.bytes, body.len() as u64);
            if message.fields().next().is_none() && !message.octets.is_empty() {
                proptest::prop_assert!(false, "octets without fields");
            }
        }

        #[test]
        fn fields_and_body_are_told_apart_in_anything_that_looks_like_mail(
            input in "(From x\n)?((To|X-Y|Subject|[a-z]{1,5}): ?[ -~]{0,9}\r?\n([ \t][ -~]{0,9}\n)?){0,5}(\r?\n)?[ -~\n]{0,30}"
        ) {
            let mut body = Vec::new();
            let message = Message::read(&mut input.as_bytes(), &mut body).unwrap();
            proptest::prop_assert!(input.as_bytes().ends_with(&body));
            for field in message.fields() {
                proptest::prop_assert!(!field.name.contains(' '));
            }
        }
    }
}
