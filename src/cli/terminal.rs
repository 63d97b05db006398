//! The three standard streams: any of them may be closed, and none may make us fail. Where a person sits at one, a
//! mail is typed and ends with a lone dot.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::command::list;
use crate::message::Given;

/// Which of the standard streams a person sits at.
#[derive(Clone, Copy, Debug, Default)]
pub struct People {
    /// Types the message.
    pub(crate) at_stdin: bool,
    /// Reads our complaints.
    pub(crate) at_stderr: bool,
}

/// Where a person sits.
pub(crate) fn people() -> People {
    People { at_stdin: io::stdin().is_terminal(), at_stderr: io::stderr().is_terminal() }
}

/// How a listing is written: columns that a person looks at have a word for them below.
pub(crate) fn listing(form: list::Form) -> list::Form {
    if form == list::Form::Text && io::stdout().is_terminal() { list::Form::Screen } else { form }
}

/// One sentence on stderr, if there is one.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "mailx-t: {}", crate::outcome::clean(sentence));
}

/// Reads what is left of stdin, so that whoever writes it is not stopped by a broken pipe. It ends when
/// the writer does; a person at a terminal is not waited for.
pub(crate) fn drain_stdin() {
    if io::stdin().is_terminal() {
        return;
    }
    let mut stdin = io::stdin().lock();
    let mut buffer = [0; 16 << 10];
    while matches!(stdin.read(&mut buffer), Ok(1..)) {}
}

/// Asks a person for the subject, as mail(1) does; none if there is no answer.
pub(crate) fn ask_subject(input: &mut dyn BufRead, out: &mut dyn Write) -> Option<Given> {
    let _ = out.write_all(b"Subject: ").and_then(|()| out.flush());
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line).ok()?;
    let line = line.trim_ascii();
    (!line.is_empty()).then(|| ("Subject".to_string(), line.to_vec()))
}

/// What a person types: it ends with a line of a lone dot, or where the input does.
#[derive(Debug)]
pub(crate) struct Typed<R: BufRead> {
    from: R,
    /// What is left of the line last read.
    line: Vec<u8>,
    read: usize,
    is_over: bool,
}

impl<R: BufRead> Typed<R> {
    /// What is read here comes from `from`.
    pub(crate) fn new(from: R) -> Self {
        Self { from, line: Vec::new(), read: 0, is_over: false }
    }
}

impl<R: BufRead> Read for Typed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.line.len() && !self.is_over {
            self.line.clear();
            self.read = 0;
            self.from.read_until(b'\n', &mut self.line)?;
            self.is_over = self.line.is_empty() || matches!(self.line.as_slice(), b".\n" | b".\r\n" | b".");
        }
        if self.is_over {
            return Ok(0);
        }
        let count = (&self.line[self.read..]).read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> (String, String) {
        let mut rest = text.as_bytes();
        let mut found = String::new();
        Typed::new(&mut rest).read_to_string(&mut found).unwrap();
        (found, String::from_utf8(rest.to_vec()).unwrap())
    }

    #[test]
    fn lone_dot_ends_what_is_typed() {
        assert_eq!(typed("a\n.b\n..\n.\nrest\n"), ("a\n.b\n..\n".into(), "rest\n".into()));
        assert_eq!(typed(".\n"), (String::new(), String::new()));
        assert_eq!(typed("a\nb"), ("a\nb".into(), String::new()));
        assert_eq!(typed(""), (String::new(), String::new()));
    }

    #[test]
    fn subject_is_asked_for_and_may_be_left_out() {
        let mut out = Vec::new();
        let mut input = &b"a report \nbody\n"[..];
        assert_eq!(ask_subject(&mut input, &mut out), Some(("Subject".into(), b"a report".to_vec())));
        assert_eq!((out.as_slice(), input), (&b"Subject: "[..], &b"body\n"[..]));
        assert_eq!(ask_subject(&mut &b"\nbody\n"[..], &mut out), None);
        assert_eq!(ask_subject(&mut &b""[..], &mut out), None);
    }
}
