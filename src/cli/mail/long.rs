//! mail(1)'s long options: those of GNU mailutils and s-nail as one table, and how one is found in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::super::getopt::{Takes, Usage};
use super::super::native;
use crate::likeness::nearest;
use crate::outcome;
use Takes::{Nothing, Value};

/// The long options, each with the letter that says the same, and whether it takes a value;
/// without a letter it is known, and not needed. Those that print something and leave (`--usage`) are not here: a mail is
/// not what they ask for.
#[rustfmt::skip]
pub const LONG: &[(&str, Option<char>, Takes)] = &[
    ("account", Some('A'), Value),
    ("alternative", None, Nothing),
    ("append", Some('a'), Value),
    ("attach", Some('a'), Value),
    ("batch-mode", None, Nothing),
    ("bcc", Some('b'), Value),
    ("byname", None, Nothing),
    ("cc", Some('c'), Value),
    ("check-and-exit", None, Nothing),
    ("cmd", None, Value),
    ("config-file", None, Value),
    ("config-verbose", None, Nothing),
    ("content-filename", None, Value),
    ("content-name", None, Value),
    ("content-type", Some('M'), Value),
    ("custom-header", Some('C'), Value),
    ("debug", None, Nothing),
    ("debug-level", None, Value),
    ("debug-line-info", None, Nothing),
    ("discard-empty-messages", Some('E'), Nothing),
    ("disconnected", None, Nothing),
    ("enable-cmd-escapes", None, Nothing),
    ("encoding", None, Value),
    ("end-options", None, Nothing),
    ("exec", None, Value),
    ("exist", None, Nothing),
    ("file", Some('f'), Nothing),
    ("from-address", Some('r'), Value),
    ("header-search", None, Value),
    ("header-summary", None, Nothing),
    ("headers", None, Nothing),
    ("ignore", None, Nothing),
    ("inbox-of", Some('u'), Value),
    ("mime", None, Nothing),
    ("no-alternative", None, Nothing),
    ("no-config", None, Nothing),
    ("no-debug-line-info", None, Nothing),
    ("no-header-summary", None, Nothing),
    ("no-mime", None, Nothing),
    ("no-site-config", None, Nothing),
    ("no-skip-empty-attachments", None, Nothing),
    ("no-user-config", None, Nothing),
    ("norc", None, Nothing),
    ("nosum", None, Nothing),
    ("print", None, Nothing),
    ("quit", None, Nothing),
    ("quote-file", Some('q'), Value),
    ("read", None, Nothing),
    ("read-only", None, Nothing),
    ("resource-files", None, Value),
    ("return-address", Some('r'), Value),
    ("search", None, Value),
    ("set", Some('S'), Value),
    ("skip-empty-attachments", None, Nothing),
    ("startup-cmd", None, Value),
    ("subject", Some('s'), Value),
    ("target", Some('a'), Value),
    ("template", Some('t'), Nothing),
    ("to", Some('t'), Nothing),
    ("user", Some('u'), Value),
    ("verbose", Some('v'), Nothing),
];

/// Whether the tables of mail(1) have the long option.
pub(in crate::cli) fn knows(option: &OsStr) -> bool {
    known(split(option).0).is_some()
}

/// Whether the value of a long option is the next argument.
pub(super) fn takes_next(option: &OsStr) -> bool {
    let (name, given) = split(option);
    let takes_value = known(name).is_some_and(|(_, _, takes)| *takes == Value);
    native::takes_next(option) || (takes_value && given.is_none())
}

/// What is wrong with a long option that cannot be obeyed where it stands. Its value is not told.
pub(in crate::cli) fn wrong_long(option: &OsStr) -> Usage {
    let name = split(option).0;
    if let Some((name, ..)) = known(name) {
        return Usage::LateLong(name);
    }
    if let Some(name) = native::LONG.iter().find(|known| known.as_bytes() == name) {
        return Usage::NoValue(name);
    }
    let name = outcome::clean(&String::from_utf8_lossy(name));
    let words = native::LONG.iter().copied().chain(LONG.iter().map(|(known, ..)| *known));
    Usage::UnknownLong { meant: nearest(&name, words), name }
}

/// The name without its dashes, and the value that is glued to it.
pub(super) fn split(option: &OsStr) -> (&[u8], Option<&[u8]>) {
    let text = option.as_bytes().strip_prefix(b"--").unwrap_or_default();
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

pub(super) fn known(name: &[u8]) -> Option<&'static (&'static str, Option<char>, Takes)> {
    LONG.iter().find(|(known, ..)| known.as_bytes() == name)
}
