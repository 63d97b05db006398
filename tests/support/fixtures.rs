//! Octets that the tree expects, their line ends as fixtures and the wire have them, and the settings of the golden
//! tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mailx_t::config::{Config, Source};

/// The octets of a file; with `BLESS=1` in the environment, the octets of this run, which the file holds from then on.
pub(crate) fn expected(file: &Path, made: &[u8]) -> Vec<u8> {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, made).unwrap();
    }
    std::fs::read(file).unwrap_or_default()
}

/// The octets with CRLF for each LF that stands alone.
pub(crate) fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for (at, byte) in octets.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || octets[at - 1] != b'\r') {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

/// The settings of `fixtures/config.toml` with its aliases.
///
/// Both files are copies with modes of their own: in a clone that was made under umask 002 the group may write the
/// originals, and what others may write decides nothing.
pub(crate) struct Settings {
    /// The settings.
    pub(crate) config: Config,
    /// The aliases are read with each mail.
    _place: tempfile::TempDir,
}

impl Settings {
    /// Copies the files, and reads them.
    pub(crate) fn copied() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o700)).unwrap();
        let copy = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            path
        };
        let aliases = copy("aliases", &fs::read_to_string("fixtures/aliases").unwrap());
        let text = fs::read_to_string("fixtures/config.toml").unwrap();
        let named = text.replace("fixtures/aliases", aliases.to_str().unwrap());
        assert_ne!(text, named, "fixtures/config.toml does not name fixtures/aliases");
        let config = Config::load(Source::System(copy("config.toml", &named))).unwrap();
        Self { config, _place: place }
    }
}
