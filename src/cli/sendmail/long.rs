//! msmtp's long options: its program is /usr/sbin/sendmail on many systems, and scripts use its words there.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::super::common;

/// The options, each with the letter of the same meaning, if that is obeyed, and whether it needs a value. A value that
/// may be left out is always glued (getopt_long(3)).
#[rustfmt::skip]
const LONG: &[(&str, Option<char>, bool)] = &[
    ("account", None, true), ("add-missing-date-header", None, false), ("add-missing-from-header", None, false),
    ("aliases", None, true), ("auth", None, false), ("auto-from", None, false), ("configure", None, true),
    ("debug", None, false), ("domain", None, true), ("dsn-notify", Some('N'), true), ("dsn-return", Some('R'), true),
    ("eval", None, true), ("file", None, true), ("from", Some('f'), true), ("host", None, true),
    ("keepbcc", None, false), ("logfile", None, true), ("logfile-time-format", None, true), ("maildomain", None, true),
    ("passwordeval", None, true), ("port", None, true), ("protocol", None, true), ("proxy-host", None, true),
    ("proxy-port", None, true), ("read-envelope-from", None, false), ("read-recipients", Some('t'), false),
    ("remove-bcc-headers", None, false), ("set-date-header", None, false), ("set-from-header", None, false),
    ("set-msgid-header", None, false), ("socket", None, true), ("source-ip", None, true), ("syslog", None, false),
    ("timeout", None, true), ("tls", None, false), ("tls-cert-file", None, true), ("tls-certcheck", None, false),
    ("tls-crl-file", None, true), ("tls-fingerprint", None, true), ("tls-force-sslv3", None, false),
    ("tls-host-override", None, true), ("tls-key-file", None, true), ("tls-min-dh-prime-bits", None, true),
    ("tls-priorities", None, true), ("tls-starttls", None, false), ("tls-trust-file", None, true),
    ("undisclosed-recipients", None, false), ("user", None, true),
];

/// Its questions: nothing is sent for them.
const QUESTIONS: [&str; 2] = ["pretend", "serverinfo"];

/// The option of that name, or the only one that begins so (getopt_long(3)).
pub(super) fn known(name: &OsStr) -> Option<&'static (&'static str, Option<char>, bool)> {
    let begins = |known: &str| !name.is_empty() && known.as_bytes().starts_with(name.as_bytes());
    let mut begun = LONG.iter().filter(|(known, ..)| begins(known));
    let only = begun.next().filter(|_| begun.next().is_none() && !QUESTIONS.iter().any(|known| begins(known)));
    LONG.iter().find(|(known, ..)| name == *known).or(only)
}

/// The question of that name, or the only option that begins so.
pub(super) fn question(name: &OsStr) -> Option<&'static str> {
    let begins = |known: &str| name.len() > 1 && known.as_bytes().starts_with(name.as_bytes());
    let is_other = LONG.iter().any(|(known, ..)| begins(known));
    QUESTIONS.into_iter().find(|known| begins(known) && !is_other)
}

/// The name without its dashes, and the value that is glued to it.
pub(super) fn split(option: &OsStr) -> (&OsStr, Option<OsString>) {
    let text = option.as_bytes().strip_prefix(b"--").unwrap_or_default();
    let mut parts = text.splitn(2, |byte| *byte == b'=').map(OsStr::from_bytes);
    (parts.next().unwrap_or_default(), parts.next().map(OsStr::to_owned))
}

/// The value of a long option is the next argument.
pub(super) fn takes_next(option: &OsStr) -> bool {
    let (name, glued) = split(option);
    common::takes_next(option) || (glued.is_none() && known(name).is_some_and(|(_, _, takes_value)| *takes_value))
}
