//! The mailers whose settings can be imported, by name and by the looks of their files.

use std::path::Path;

/// The mailer whose settings they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// dma.conf and auth.conf.
    Dma,
    /// Debian's update-exim4.conf.conf and passwd.client.
    Exim,
    /// mail.rc and .mailrc of heirloom mailx and s-nail.
    Mailrc,
    /// msmtprc.
    Msmtp,
    /// nullmailer's remotes and the files beside it.
    Nullmailer,
    /// main.cf with relayhost, and the maps it names.
    Postfix,
    /// ssmtp.conf and revaliases.
    Ssmtp,
}

/// Each kind with its name, the names of its files, and the starts of lines that no other kind has.
const KINDS: [(Kind, &str, &[&str], &[&str]); 7] = [
    (Kind::Dma, "dma", &["dma.conf"], &["SMARTHOST "]),
    (Kind::Exim, "exim", &["update-exim4.conf.conf"], &["dc_smarthost="]),
    (Kind::Mailrc, "mailrc", &["mail.rc", ".mailrc", "mailrc", "s-nail.rc", "nail.rc"], &["set "]),
    (Kind::Msmtp, "msmtp", &["msmtprc", ".msmtprc"], &["account ", "defaults", "host "]),
    (Kind::Nullmailer, "nullmailer", &["remotes", "nullmailer"], &[]),
    (Kind::Postfix, "postfix", &["main.cf"], &["relayhost"]),
    (Kind::Ssmtp, "ssmtp", &["ssmtp.conf"], &["mailhub="]),
];

/// A name that no kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("known are {}", KINDS.map(|(_, name, ..)| name).join(", "))]
pub struct UnknownKind;

impl Kind {
    /// The kind of that name.
    ///
    /// # Errors
    /// There is no such kind.
    pub fn from_name(name: &str) -> Result<Self, UnknownKind> {
        let found = KINDS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name)).map(|(kind, ..)| *kind);
        found.ok_or(UnknownKind)
    }

    /// The name of the kind.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, ..)| name)
    }

    /// The kind that the name of the file tells, else its content.
    pub(super) fn guess(path: &Path, text: &str) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let by_name = KINDS.iter().find(|(_, _, names, _)| names.contains(&&*name));
        let starts = |start: &str| text.lines().any(|line| line.trim_start().starts_with(start));
        let by_content = || KINDS.iter().find(|(.., starting)| starting.iter().any(|start| starts(start)));
        by_name.or_else(by_content).map(|(kind, ..)| *kind)
    }
}
