//! mail(1)'s long options: one table of those of GNU mailutils and s-nail, and the search in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::super::common;
use super::super::getopt::{Takes, WrongOption};
use crate::likeness::nearest;
use crate::outcome;
use Means::Letter;
use Takes::{Nothing, Value};

/// The effect of a long option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The effect of a letter.
    Letter(char),
    /// No effect, for this reason.
    Nothing(&'static str),
    /// The name of the next file to attach.
    NextName,
    /// The caller's start-up file is not read.
    NoStartup,
    /// The effect of `--dry-run`.
    Rehearsal,
}

/// The reason of most options without effect.
const UNNEEDED: Means = Means::Nothing("known, and not needed");

/// The long options, each with its effect and its kind of value; docs/compatibility.md shows the same table. It has no
/// options that print something and leave (`--usage`), since these ask for no mail.
#[rustfmt::skip]
pub const LONG: &[(&str, Means, Takes)] = &[
    ("account", Means::Nothing("there are no settings of s-nail's; `match-from` of a smarthost says whose mail it takes"), Value),
    ("alternative", UNNEEDED, Nothing),
    ("append", Letter('a'), Value),
    ("attach", Letter('a'), Value),
    ("batch-mode", UNNEEDED, Nothing),
    ("bcc", Letter('b'), Value),
    ("byname", UNNEEDED, Nothing),
    ("cc", Letter('c'), Value),
    ("check-and-exit", UNNEEDED, Nothing),
    ("cmd", UNNEEDED, Value),
    ("config-file", UNNEEDED, Value),
    ("config-verbose", UNNEEDED, Nothing),
    ("content-filename", Means::NextName, Value),
    ("content-name", Means::NextName, Value),
    ("content-type", Letter('M'), Value),
    ("custom-header", Letter('C'), Value),
    ("debug", Means::Rehearsal, Nothing),
    ("debug-level", UNNEEDED, Value),
    ("debug-line-info", UNNEEDED, Nothing),
    ("discard-empty-messages", Letter('E'), Nothing),
    ("disconnected", UNNEEDED, Nothing),
    ("enable-cmd-escapes", UNNEEDED, Nothing),
    ("encoding", UNNEEDED, Value),
    ("end-options", UNNEEDED, Nothing),
    ("exec", UNNEEDED, Value),
    ("exist", UNNEEDED, Nothing),
    ("file", Letter('f'), Nothing),
    ("from-address", Letter('r'), Value),
    ("header-search", UNNEEDED, Value),
    ("header-summary", UNNEEDED, Nothing),
    ("headers", UNNEEDED, Nothing),
    ("ignore", UNNEEDED, Nothing),
    ("inbox-of", Letter('u'), Value),
    ("mime", UNNEEDED, Nothing),
    ("no-alternative", UNNEEDED, Nothing),
    ("no-config", Means::NoStartup, Nothing),
    ("no-debug-line-info", UNNEEDED, Nothing),
    ("no-header-summary", UNNEEDED, Nothing),
    ("no-mime", UNNEEDED, Nothing),
    ("no-site-config", UNNEEDED, Nothing),
    ("no-skip-empty-attachments", UNNEEDED, Nothing),
    ("no-user-config", Means::NoStartup, Nothing),
    ("norc", UNNEEDED, Nothing),
    ("nosum", UNNEEDED, Nothing),
    ("print", UNNEEDED, Nothing),
    ("quit", UNNEEDED, Nothing),
    ("quote-file", Letter('q'), Value),
    ("read", UNNEEDED, Nothing),
    ("read-only", UNNEEDED, Nothing),
    ("resource-files", UNNEEDED, Value),
    ("return-address", Letter('r'), Value),
    ("search", UNNEEDED, Value),
    ("set", Letter('S'), Value),
    ("skip-empty-attachments", UNNEEDED, Nothing),
    ("startup-cmd", UNNEEDED, Value),
    ("subject", Letter('s'), Value),
    ("target", Letter('a'), Value),
    ("template", Letter('t'), Nothing),
    ("to", Letter('t'), Nothing),
    ("user", Letter('u'), Value),
    ("verbose", Letter('v'), Nothing),
];

/// The table has the long option, its name in full or cut short.
pub(in crate::cli) fn knows(option: &OsStr) -> bool {
    known(split(&expand(option)).0).is_some()
}

/// Writes out the name of a long option that is cut short, if no other name starts so, as getopt_long(3) has it.
pub(super) fn expand(option: &OsStr) -> OsString {
    let (name, given) = split(option);
    let [full] = meant(name)[..] else { return option.to_owned() };
    let given = given.map(|value| [b"=", value].concat()).unwrap_or_default();
    OsString::from_vec([b"--", full.as_bytes(), &given].concat())
}

/// The long options that a name may stand for, of mail(1) and of every name: the one that is called so, or else all
/// that start so.
fn meant(name: &[u8]) -> Vec<&'static str> {
    let starting: Vec<&str> = names().filter(|full| full.as_bytes().starts_with(name)).collect();
    let exact = starting.iter().copied().find(|full| full.as_bytes() == name);
    exact.map_or(starting, |full| vec![full])
}

fn names() -> impl Iterator<Item = &'static str> {
    common::LONG.iter().copied().chain(LONG.iter().map(|(name, ..)| *name))
}

/// The value of a long option is the next argument.
pub(super) fn takes_next(option: &OsStr) -> bool {
    let (name, given) = split(option);
    let takes_value = known(name).is_some_and(|(_, _, takes)| *takes == Value);
    common::takes_next(option) || (takes_value && given.is_none())
}

/// The error about a long option that cannot be obeyed where it stands. It does not tell the option's value.
pub(in crate::cli) fn wrong_long(option: &OsStr) -> WrongOption {
    if common::is_config(option) {
        return WrongOption::OwnName("config");
    }
    let name = split(option).0;
    if let Some((name, ..)) = known(name) {
        return WrongOption::LateLong(name);
    }
    if let Some(name) = common::LONG.iter().find(|known| known.as_bytes() == name) {
        return WrongOption::NoValue(name);
    }
    let meant = meant(name);
    let name = outcome::clean(&String::from_utf8_lossy(name));
    match meant[..] {
        [] => WrongOption::UnknownLong { meant: nearest(&name, names()), name },
        [one] => WrongOption::UnknownLong { meant: Some(one), name },
        _ => WrongOption::AmbiguousLong { name, meant },
    }
}

/// The name without its dashes, and the value that is glued to it.
pub(super) fn split(option: &OsStr) -> (&[u8], Option<&[u8]>) {
    let text = option.as_bytes().strip_prefix(b"--").unwrap_or_default();
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

pub(super) fn known(name: &[u8]) -> Option<&'static (&'static str, Means, Takes)> {
    LONG.iter().find(|(known, ..)| known.as_bytes() == name)
}
