//! The file that keeps an access token until it expires: mode 0600, in the directory of `Client::tokens`.
//!
//! A kept token is for one refresh token of the settings only. When a person puts another one into its file, what was
//! kept counts no longer.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use openssl::sha::sha256;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::{Secret, Smarthost};
use crate::trust::plain;

/// An access token, and what it takes to ask for the next one.
#[derive(Deserialize, Serialize)]
pub(super) struct KeptToken {
    #[serde(serialize_with = "revealed")]
    pub(super) access: Secret,
    /// In seconds of Unix time.
    pub(super) expires: u64,
    #[serde(serialize_with = "revealed")]
    pub(super) refresh: Secret,
    /// The refresh token of the settings that it came from, as [`origin`] names it.
    pub(super) origin: String,
}

impl KeptToken {
    /// The token in the file; `None` if there is no such file, or something else in it.
    pub(super) fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&Zeroizing::new(plain::read(file).ok()?)).ok()
    }

    /// Writes it to the file, as a whole or not at all.
    pub(super) fn write(&self, file: &Path) -> io::Result<()> {
        let mut new = file.as_os_str().to_owned();
        new.push(format!(".{}.new", std::process::id()));
        self.write_synced(new.as_ref()).and_then(|()| fs::rename(&new, file)).inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })
    }

    fn write_synced(&self, new: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
        file.write_all(&self.text()?)?;
        // The refresh token before this one may be worth nothing any more.
        file.sync_data()
    }

    /// The text of the file.
    fn text(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let secrets = self.access.reveal().len() + self.refresh.reveal().len();
        // Each octet becomes six at most (RFC 8259 section 7). The rest is names, digits and punctuation.
        let mut text = Zeroizing::new(Vec::with_capacity(6 * secrets + self.origin.len() + 128));
        serde_json::to_writer(&mut *text, self)?;
        Ok(text)
    }
}

/// The file for the token of that account at that host: `relay.token-`, and sixteen digits.
pub(super) fn file(directory: &Path, smarthost: &Smarthost) -> PathBuf {
    let client = smarthost.client_id.as_deref().unwrap_or_default();
    let account = format!("{}\0{}\0{client}", smarthost.host, smarthost.user.as_deref().unwrap_or_default());
    let digits = hex(&sha256(account.as_bytes()));
    directory.join(format!("relay.token-{}", &digits[..16]))
}

/// The mark that tells a refresh token of the settings from another one, without giving it away.
pub(super) fn origin(refresh: &Secret) -> String {
    hex(&sha256(refresh.reveal().as_bytes()))
}

fn revealed<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.reveal())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn kept_token_is_for_its_owner_only_and_reads_back() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let smarthost = Smarthost::new("a");
        let path = file(directory.path(), &smarthost);
        let secret = |text: &str| Secret::from(text.to_owned());
        let token = |access| KeptToken { access: secret(access), expires: 7, refresh: secret("r"), origin: "o".into() };
        for access in ["one", "two"] {
            token(access).write(&path).unwrap();
            assert_eq!(KeptToken::read(&path).unwrap().access.reveal(), access);
        }
        let files: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let other = Smarthost { user: Some("else".to_owned()), ..smarthost };
        assert!(KeptToken::read(&file(directory.path(), &other)).is_none());
    }

    #[test]
    fn text_with_secrets_is_wiped_and_has_not_grown() {
        let is_wiped = |_: &dyn ZeroizeOnDrop| {};
        // All of it has to be escaped.
        let secret = || Secret::from("\u{1}".repeat(5000));
        let kept = KeptToken { access: secret(), expires: u64::MAX, refresh: secret(), origin: "o".repeat(64) };
        let text = kept.text().unwrap();
        is_wiped(&text);
        assert_eq!(text.capacity(), 2 * 6 * 5000 + 64 + 128);
    }
}
