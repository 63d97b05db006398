//! The machine's spool while its configuration cannot be used: mail is kept there until it can.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::access;
use super::locate::{SYSTEM_FILE, SYSTEM_SPOOL};

/// As far as a fault elsewhere leaves `path` of `[spool]` to be read, it counts. A file that strangers could have
/// written decides nothing, not even that: the mail of all would wait where they say.
pub(crate) fn machine_spool() -> PathBuf {
    let text = access::open(Path::new(SYSTEM_FILE)).ok().and_then(|file| file.read(access::MOST).ok());
    let path = text.and_then(|text| path_of_spool(&String::from_utf8(text).ok()?));
    path.unwrap_or_else(|| PathBuf::from(SYSTEM_SPOOL))
}

fn path_of_spool(text: &str) -> Option<PathBuf> {
    let (file, _) = DeTable::parse_recoverable(text.trim_start_matches('\u{feff}'));
    let DeValue::Table(spool) = file.get_ref().get("spool")?.get_ref() else { return None };
    let DeValue::String(path) = spool.get("path")?.get_ref() else { return None };
    Some(PathBuf::from(path.as_ref())).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spool_is_found_in_a_file_with_faults() {
        for (text, expected) in [
            ("[smarthost]\nhots = \"x\"\n[spool]\nwait = \"3s\"\npath = \"/srv/mail\" # here\n", Some("/srv/mail")),
            ("[spool]\npath='/srv/mail'\n[log", Some("/srv/mail")),
            ("[spool] # our mails\npath = \"/srv/mail\"\n[smarthost\nx", Some("/srv/mail")),
            ("\u{feff}[ spool ]\n  path  = \"/srv/mail\"\nhost = \n", Some("/srv/mail")),
            ("[smarthost\nhost = smtp.x.org\n[spool]\npath = \"/srv/o'neil \\\"1\\\"\"\n", Some("/srv/o'neil \"1\"")),
            ("spool.path = \"/srv/mail\"\n[smarthost]\nhost = \"x\nuser = y\n", Some("/srv/mail")),
            ("[spool]\n# path = \"/srv/mail\"\n[log]\npath = \"/x\"\n", None),
            ("[spool]\npath = \"srv\"\n", None),
            ("[[spool]]\npath = \"/srv\"\n", None),
            ("path = \"/srv/mail\"\n", None),
        ] {
            assert_eq!(path_of_spool(text).as_deref(), expected.map(Path::new), "{text}");
        }
    }
}
