//! The three standard streams: any of them may be closed, and none may make us fail.

use std::io::{self, IsTerminal, Read, Write};

/// True if a person types the input.
pub fn is_stdin() -> bool {
    io::stdin().is_terminal()
}

/// True if a person reads our complaints.
pub fn is_stderr() -> bool {
    io::stderr().is_terminal()
}

/// One sentence on stderr, if there is one.
pub fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "mailx-t: {}", crate::outcome::clean(sentence));
}

/// Reads what is left of stdin, so that whoever writes it is not stopped by a broken pipe. It ends when
/// the writer does; a person at a terminal is not waited for.
pub fn drain_stdin() {
    if is_stdin() {
        return;
    }
    let mut stdin = io::stdin().lock();
    let mut buffer = [0; 16 << 10];
    while matches!(stdin.read(&mut buffer), Ok(1..)) {}
}
