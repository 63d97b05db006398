//! `--help` and `--version` under every name, except those of administration.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::error::Error;

/// The whole of `--help`, with a place for the program's own path.
const HELP: &str = "\
mailx-t keeps every mail safe on disk and relays it through your smarthost.

  echo BODY | mailx-t -s SUBJECT ADDRESS...   send a text
  sendmail -t < MESSAGE                       send a message as its fields say
  mailx-t ctl check                           is all well? (first: ctl init)

For a mail (all letters of sendmail and mail work: man mailx-t, man sendmail):
  -s SUBJECT     the subject; stdin is then the body
  -t             stdin is a message; its To, Cc and Bcc name recipients
  -c, -b ADDRESS (after -s) copy, blind copy; -a FILE attaches
  -f ADDRESS     the sender asked for; -F NAME the sender's name
  -odi, -odq     wait for the outcome; leave it to the next queue run
  -v             wait, and tell the outcome
  --dry-run      show what would leave, and to whom; send nothing
  --config FILE  as mailx-t: another configuration than /etc/mailx-t/config.toml

For the machine:
  crond -m OWN-PATH                 send what cron jobs print
  mailq, mailx-t -q                 what waits; try all of it now
  mailx-t ctl VERB                  see mailx-t ctl --help
  --help, --version
";

/// Prints the help.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn help() -> Result<(), Error> {
    let crond = |path: &str| format!("{:<34}", format!("crond -m {path}"));
    print(&HELP.replace(&crond("OWN-PATH"), &crond(&own_path())))
}

/// The path by which crond can call this program: that in sbin, which the documents name, if it is there.
fn own_path() -> String {
    let Ok(program) = std::env::current_exe() else { return "mailx-t".to_string() };
    let in_sbin = || -> Option<PathBuf> { Some(program.parent()?.parent()?.join("sbin").join(program.file_name()?)) };
    let is_program = |place: &PathBuf| place.canonicalize().is_ok_and(|place| place == program);
    in_sbin().filter(is_program).unwrap_or(program.clone()).display().to_string()
}

/// Prints program and version on one line.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn version() -> Result<(), Error> {
    print(concat!("mailx-t ", env!("CARGO_PKG_VERSION"), "\n"))
}

/// Prints a text whole.
///
/// # Errors
/// [`Error::Output`].
pub(super) fn print(text: &str) -> Result<(), Error> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        // The reader closed the pipe: they have read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Error::Output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_screen() {
        // A program's own line at the bottom is the prompt.
        assert!(HELP.lines().count() < 24, "{} lines", HELP.lines().count());
        let wide: Vec<&str> = HELP.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}
