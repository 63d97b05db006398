//! The three standard streams: any of them may be closed, and none may make us fail.

use std::io::{self, IsTerminal, Read, Write};

use super::People;

/// Where a person sits.
pub fn people() -> People {
    People { at_stdin: io::stdin().is_terminal(), at_stderr: io::stderr().is_terminal() }
}

/// One sentence on stderr, if there is one.
pub fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "mailx-t: {}", crate::outcome::clean(sentence));
}

/// Reads what is left of stdin, so that whoever writes it is not stopped by a broken pipe. It ends when
/// the writer does; a person at a terminal is not waited for.
pub fn drain_stdin() {
    if io::stdin().is_terminal() {
        return;
    }
    let mut stdin = io::stdin().lock();
    let mut buffer = [0; 16 << 10];
    while matches!(stdin.read(&mut buffer), Ok(1..)) {}
}
