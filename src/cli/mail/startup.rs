//! The variables of mail(1): those of the caller's start-up file, else those of the environment. heirloom, s-nail,
//! bsd-mailx and mailutils say by them who a mail is from and where answers go.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::import::mailrc;
use crate::system;
use crate::trust::plain;

/// No start-up file is larger, in octets.
const MOST: u64 = 1 << 20;

/// The value of a variable.
pub(in crate::cli) struct Variables {
    of_file: std::collections::BTreeMap<String, String>,
}

impl Variables {
    /// Those of `$MAILRC`, or of `~/.mailrc`; `is_read` says whether start-up files are read.
    pub(in crate::cli) fn of_caller(is_read: bool) -> Self {
        let path = std::env::var_os("MAILRC").filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = path.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".mailrc")));
        let text = path.filter(|_| is_read).and_then(|path| read(&path)).unwrap_or_default();
        Self { of_file: mailrc::variables(&text) }
    }

    /// The value; `None` for one that is not set, or is empty.
    pub(in crate::cli) fn get(&self, name: &str) -> Option<OsString> {
        let of_file = self.of_file.get(name).map(OsString::from);
        of_file.or_else(|| std::env::var_os(name)).filter(|value| !value.is_empty())
    }
}

/// The text of a file that is the caller's own, or root's: nobody else says who a mail is from.
fn read(path: &Path) -> Option<String> {
    let file = plain::open(path, OpenOptions::new().read(true)).ok()?;
    let owner = file.metadata().ok()?.uid();
    if owner != 0 && owner != system::effective_uid() {
        return None;
    }
    let mut octets = Vec::new();
    file.take(MOST).read_to_end(&mut octets).ok()?;
    Some(crate::message::text(&octets))
}
