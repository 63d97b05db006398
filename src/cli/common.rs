//! The long options that every name knows, wherever they stand before `--`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::getopt::{self, Grammar, Word};
use crate::error::{Error, Usage};

/// The long options that every name knows; `--json` is for listings.
pub(crate) const LONG: &[&str] = &["config", "dry-run", "help", "version"];

/// The one that has a value, with its value glued to it.
const GLUED_CONFIG: &[u8] = b"--config=";

/// What the long options say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Long {
    /// `--config FILE`.
    pub(crate) config: Option<PathBuf>,
    /// `--dry-run`.
    pub(crate) dry_run: bool,
    /// `--help`.
    pub(crate) help: bool,
    /// `--json`, for listings.
    pub(crate) json: bool,
    /// `--version`.
    pub(crate) version: bool,
}

/// Takes the long options off the arguments, up to `--`; what is another option's value is none.
///
/// # Errors
/// `--config` without a file.
pub(crate) fn take_long(grammar: &Grammar, arguments: &[OsString]) -> Result<(Long, Vec<OsString>), Error> {
    let mut long = Long::default();
    let mut rest = Vec::new();
    for (argument, words) in getopt::steps(grammar, arguments) {
        match words.into_iter().next() {
            Some(Word::Long { option, value }) if knows(&option) => long.obey(option.as_bytes(), value)?,
            _ => rest.extend_from_slice(argument),
        }
    }
    Ok((long, rest))
}

impl Long {
    fn obey(&mut self, option: &[u8], value: Option<OsString>) -> Result<(), Error> {
        match option {
            b"--dry-run" => self.dry_run = true,
            b"--help" => self.help = true,
            b"--json" => self.json = true,
            b"--version" => self.version = true,
            _ => {
                let glued = option.strip_prefix(GLUED_CONFIG).map(|file| OsStr::from_bytes(file).to_owned());
                let file = glued.or(value).ok_or(Usage::ConfigWithoutFile)?;
                self.config = Some(PathBuf::from(file));
            }
        }
        Ok(())
    }
}

/// Whether a long option, as it is written, is one that every name knows.
pub(super) fn knows(option: &OsStr) -> bool {
    let option = option.as_bytes();
    let is_name = |name: &str| option.strip_prefix(b"--").is_some_and(|written| written == name.as_bytes());
    option.starts_with(GLUED_CONFIG) || is_name("json") || LONG.iter().any(|name| is_name(name))
}

/// Whether its value is the next argument.
pub(super) fn takes_next(option: &OsStr) -> bool {
    option == "--config"
}

#[cfg(test)]
mod tests {
    use super::super::sendmail;
    use super::*;

    fn take(arguments: &[&str]) -> (Long, Vec<OsString>) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        take_long(&sendmail::GRAMMAR, &arguments).unwrap()
    }

    #[test]
    fn long_options_may_stand_among_letters() {
        let (long, rest) = take(&["-t", "--config", "/c", "-i", "--version"]);
        assert_eq!((long.config, long.version), (Some(PathBuf::from("/c")), true));
        assert_eq!(rest, ["-t", "-i"]);
        assert_eq!(take(&["--config=/c"]).0.config, Some(PathBuf::from("/c")));
    }

    #[test]
    fn after_two_dashes_nothing_is_an_option() {
        let (long, rest) = take(&["--", "--help"]);
        assert!(!long.help);
        assert_eq!(rest, ["--", "--help"]);
    }
}
