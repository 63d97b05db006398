//! The status that a process leaves with: sysexits.h, as sendmail's callers know it.

use std::io::{self, Write};
use std::process::ExitCode;

/// A status of sysexits.h, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Accepted or done.
    Ok = 0,
    /// EX_USAGE: a malformed command line.
    Usage = 64,
    /// EX_DATAERR: unusable input, or every recipient refused for good.
    DataError = 65,
    /// EX_NOINPUT: the input file cannot be read.
    NoInput = 66,
    /// EX_NOUSER: no usable recipient.
    NoUser = 67,
    /// EX_UNAVAILABLE: the spool is unavailable.
    Unavailable = 69,
    /// EX_CANTCREAT: a file cannot be created.
    CannotCreate = 73,
    /// EX_IOERR: reading or writing failed.
    IoError = 74,
    /// EX_TEMPFAIL: nothing was stored, try again; or what was stored has not left yet.
    TempFail = 75,
    /// EX_NOPERM: not allowed.
    NoPermission = 77,
    /// EX_CONFIG: the configuration, or the installation, is unusable.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// A panic is a bug, and must not look like success: it leaves as "try again", with a sentence.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        // The message of a panic may hold an address or a secret: only the place is told.
        let _ = io::stderr().write_all(format!("mailx-t: internal error{place}: please report it\n").as_bytes());
        std::process::exit(Exit::TempFail as i32);
    }));
}
