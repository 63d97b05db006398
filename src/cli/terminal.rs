//! The three standard streams. Any of them may be closed, and none of them makes the program fail. A person at a
//! terminal types a mail, and ends it with a lone dot.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use nix::sys::signal::{Signal, raise};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};

use crate::command::list;
use crate::message::Given;

/// The standard streams that are a person's terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct People {
    /// They type the message.
    pub(crate) at_stdin: bool,
    /// They read our complaints.
    pub(crate) at_stderr: bool,
}

/// The streams of this process that are a terminal.
pub(crate) fn people() -> People {
    People { at_stdin: io::stdin().is_terminal(), at_stderr: io::stderr().is_terminal() }
}

/// The form of a listing: columns at a terminal have sentences for a person below them.
pub(crate) fn listing(form: list::Form) -> list::Form {
    if form == list::Form::Text && io::stdout().is_terminal() { list::Form::Screen } else { form }
}

/// Writes a sentence on stderr, if there is a stderr.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "mailx-t: {}", crate::outcome::clean(sentence));
}

/// The sentence for a person whose terminal is waited for.
pub(crate) fn how_it_ends(ends_at_dot: bool) -> &'static str {
    if ends_at_dot {
        "reading the mail from the terminal: a line of a lone dot, or Ctrl-D, ends it"
    } else {
        "reading the mail from the terminal: Ctrl-D ends it"
    }
}

/// Reads the rest of stdin, so that no broken pipe stops its writer. It ends when the writer does, and does not wait
/// for a person at a terminal.
pub(crate) fn drain_stdin() {
    if io::stdin().is_terminal() {
        return;
    }
    let mut stdin = io::stdin().lock();
    let mut buffer = [0; 16 << 10];
    while matches!(stdin.read(&mut buffer), Ok(1..)) {}
}

/// Asks a person for the subject, as mail(1) does; `None` if there is no answer.
pub(crate) fn ask_subject(input: &mut dyn BufRead, out: &mut dyn Write) -> Option<Given> {
    let _ = out.write_all(b"Subject: ").and_then(|()| out.flush());
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line).ok()?;
    let line = line.trim_ascii();
    (!line.is_empty()).then(|| ("Subject".to_string(), line.to_vec()))
}

/// A person reads what we ask, and types the answer.
pub(crate) fn is_a_talk() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks a person one question; `None` if there is no answer. A secret is not shown while it is typed.
pub(crate) fn ask(question: &str, is_secret: bool) -> Option<String> {
    let stdin = io::stdin();
    let mut out = io::stdout();
    out.write_all(format!("{question}: ").as_bytes()).and_then(|()| out.flush()).ok()?;
    let before = if is_secret { tcgetattr(&stdin).ok() } else { None };
    let mut line = String::new();
    let Some(before) = before else {
        return matches!(stdin.lock().read_line(&mut line), Ok(1..)).then_some(line);
    };
    let interrupt = before.control_chars[SpecialCharacterIndices::VINTR as usize];
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent(&before)).ok()?;
    let answer = secret_line(&mut stdin.lock(), interrupt);
    let _ = tcsetattr(&stdin, SetArg::TCSAFLUSH, &before);
    let _ = out.write_all(b"\n");
    if matches!(answer, Secret::Interrupted) {
        let _ = raise(Signal::SIGINT);
    }
    if let Secret::Line(line) = answer { Some(line) } else { None }
}

/// The terminal while a secret is typed. The key that interrupts ends the line, and its signal is ours to send: it
/// would find the terminal silent, and leave it so.
fn silent(before: &Termios) -> Termios {
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
    let interrupt = before.control_chars[SpecialCharacterIndices::VINTR as usize];
    silent.control_chars[SpecialCharacterIndices::VEOL as usize] = interrupt;
    silent
}

/// What came of a question for a secret.
#[derive(Debug, PartialEq, Eq)]
enum Secret {
    /// Somebody wants the program to end.
    Interrupted,
    /// The answer.
    Line(String),
    /// The stream has ended.
    Nothing,
}

fn secret_line(input: &mut dyn BufRead, interrupt: u8) -> Secret {
    let mut line = Vec::new();
    for byte in input.bytes() {
        match byte {
            Ok(byte) if byte == interrupt && interrupt != 0 => return Secret::Interrupted,
            Ok(b'\n') => return String::from_utf8(line).map_or(Secret::Nothing, Secret::Line),
            Ok(byte) => line.push(byte),
            Err(_) => break,
        }
    }
    let found = String::from_utf8(line).ok().filter(|line| !line.is_empty());
    found.map_or(Secret::Nothing, Secret::Line)
}

/// The input of a person who types: it ends with a line of a lone dot, or where the stream does.
#[derive(Debug)]
pub(crate) struct Typed<R: BufRead> {
    from: R,
    /// The line that was read last.
    line: Vec<u8>,
    read: usize,
    is_over: bool,
}

impl<R: BufRead> Typed<R> {
    /// Reads the typed text from `from`.
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
    fn interrupt_ends_the_question_for_a_secret() {
        let read = |text: &str| secret_line(&mut text.as_bytes(), 3);
        assert_eq!(read("pass\nrest"), Secret::Line("pass".into()));
        assert_eq!(read("pa\u{3}ss\n"), Secret::Interrupted);
        assert_eq!((read(""), read("pass")), (Secret::Nothing, Secret::Line("pass".into())));
        assert_eq!(secret_line(&mut &b"\0\n"[..], 0), Secret::Line("\0".into()));
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
