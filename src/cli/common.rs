//! The long options that every name knows, anywhere before `--`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::getopt::Line;
use crate::error::{Error, Usage};

/// The long options that every name knows, except `--config`, which is for our own names; `--json` is for listings,
/// `--unfold` for `-q`. The
/// others only show something, since programs put foreign text among the arguments of sendmail and mail(1).
pub(crate) const LONG: &[&str] = &["config", "dry-run", "help", "version"];

/// The one that has a value, with its value glued to it.
const GLUED_CONFIG: &[u8] = b"--config=";

/// The long options that were given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Common {
    /// `--config FILE`.
    pub(crate) config: Option<PathBuf>,
    /// `--dry-run`.
    pub(crate) dry_run: bool,
    /// `--help`.
    pub(crate) help: bool,
    /// `--json`, for listings.
    pub(crate) json: bool,
    /// `--unfold`, for `-q`.
    pub(crate) unfold: bool,
    /// `--version`.
    pub(crate) version: bool,
}

impl Common {
    /// Takes the options out of the line. Under the name of another program `--config` stays in it, like any option
    /// that this program does not have.
    ///
    /// # Errors
    /// `--config` without a file.
    pub(crate) fn take(line: &mut Line<'_>, is_own_name: bool) -> Result<Self, Error> {
        let mut common = Self::default();
        let wanted = if is_own_name { knows } else { only_shows };
        for (option, value) in line.take_long(wanted) {
            common.obey(option.as_bytes(), value)?;
        }
        Ok(common)
    }

    fn obey(&mut self, option: &[u8], value: Option<OsString>) -> Result<(), Error> {
        match option {
            b"--dry-run" => self.dry_run = true,
            b"--help" => self.help = true,
            b"--json" => self.json = true,
            b"--unfold" => self.unfold = true,
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

/// Every name knows this long option, as it is written.
pub(super) fn knows(option: &OsStr) -> bool {
    let option = option.as_bytes();
    let is_name = |name: &str| option.strip_prefix(b"--").is_some_and(|written| written == name.as_bytes());
    option.starts_with(GLUED_CONFIG) || is_name("json") || is_name("unfold") || LONG.iter().any(|name| is_name(name))
}

fn only_shows(option: &OsStr) -> bool {
    knows(option) && !is_config(option)
}

/// A long option is `--config`, in either form.
pub(super) fn is_config(option: &OsStr) -> bool {
    option == "--config" || option.as_bytes().starts_with(GLUED_CONFIG)
}

/// Its value is the next argument.
pub(super) fn takes_next(option: &OsStr) -> bool {
    option == "--config"
}

#[cfg(test)]
mod tests {
    use super::super::getopt::Word;
    use super::super::sendmail;
    use super::*;

    fn take(arguments: &[&str]) -> (Common, Vec<Word>) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let mut line = Line::lex(&sendmail::GRAMMAR, &arguments);
        (Common::take(&mut line, true).unwrap(), line.into_words())
    }

    #[test]
    fn long_options_may_stand_among_letters() {
        let (common, rest) = take(&["-t", "--config", "/c", "-i", "--version"]);
        assert_eq!((common.config, common.version), (Some(PathBuf::from("/c")), true));
        let flag = |letter| Word::Option { letter, value: None };
        assert_eq!(rest, [flag('t'), flag('i')]);
        assert_eq!(take(&["--config=/c"]).0.config, Some(PathBuf::from("/c")));
    }

    #[test]
    fn no_configuration_is_named_by_a_long_option_of_another_program() {
        for arguments in [&["--config=/c"][..], &["--config", "/c"]] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let mut line = Line::lex(&sendmail::GRAMMAR, &arguments);
            assert_eq!(Common::take(&mut line, false).unwrap(), Common::default());
            assert!(matches!(&line.into_words()[..], [Word::Long { .. }]), "{arguments:?}");
        }
    }

    #[test]
    fn after_two_dashes_nothing_is_an_option() {
        let (common, rest) = take(&["--", "--help"]);
        assert!(!common.help);
        assert_eq!(rest, [Word::End, Word::Operand("--help".into())]);
    }
}
