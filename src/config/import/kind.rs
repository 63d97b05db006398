//! The mailers whose settings can be imported, by name and by the looks of their files.

use std::path::{Path, PathBuf};

/// The mailer whose settings they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// dma.conf and auth.conf.
    Dma,
    /// esmtprc.
    Esmtp,
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
    /// OpenWrt's UCI file for msmtp.
    Uci,
}

/// A kind as it is told from others.
struct Looks {
    kind: Kind,
    name: &'static str,
    /// The names of its files.
    files: &'static [&'static str],
    /// The starts of lines that no other kind has.
    starts: &'static [&'static str],
    /// Where its file lies, seen from `/etc` or from a home.
    places: &'static [&'static str],
}

#[rustfmt::skip]
const KINDS: [Looks; 9] = [
    Looks { kind: Kind::Dma, name: "dma", files: &["dma.conf"], starts: &["SMARTHOST "], places: &["dma/dma.conf"] },
    Looks { kind: Kind::Esmtp, name: "esmtp", files: &["esmtprc", ".esmtprc"], starts: &["identity", "hostname = ", "hostname="], places: &[] },
    Looks { kind: Kind::Exim, name: "exim", files: &["update-exim4.conf.conf"], starts: &["dc_smarthost="], places: &["exim4/update-exim4.conf.conf"] },
    Looks { kind: Kind::Mailrc, name: "mailrc", files: &["mail.rc", ".mailrc", "mailrc", "s-nail.rc", "nail.rc"], starts: &["set "], places: &[] },
    Looks { kind: Kind::Msmtp, name: "msmtp", files: &["msmtprc", ".msmtprc"], starts: &["account ", "defaults", "host "], places: &[".config/msmtp/config", "msmtp/config", "config"] },
    Looks { kind: Kind::Nullmailer, name: "nullmailer", files: &["remotes", "nullmailer"], starts: &[], places: &["nullmailer/remotes"] },
    Looks { kind: Kind::Postfix, name: "postfix", files: &["main.cf"], starts: &["relayhost"], places: &["postfix/main.cf"] },
    Looks { kind: Kind::Ssmtp, name: "ssmtp", files: &["ssmtp.conf"], starts: &["mailhub="], places: &["ssmtp/ssmtp.conf"] },
    Looks { kind: Kind::Uci, name: "uci", files: &[], starts: &["config msmtp"], places: &["config/msmtp"] },
];

/// The names of all kinds.
pub(super) fn names() -> String {
    KINDS.map(|looks| looks.name).join(", ")
}

/// A name that no kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("known are {}", names())]
pub struct UnknownKind;

impl Kind {
    /// The kind of that name.
    ///
    /// # Errors
    /// There is no such kind.
    pub fn from_name(name: &str) -> Result<Self, UnknownKind> {
        let found = KINDS.iter().find(|looks| looks.name.eq_ignore_ascii_case(name)).map(|looks| looks.kind);
        found.ok_or(UnknownKind)
    }

    /// The name of the kind.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|looks| looks.kind == self).map_or("", |looks| looks.name)
    }

    /// The kind that the name of the file tells.
    pub(super) fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        KINDS.iter().find(|looks| looks.files.contains(&&*name)).map(|looks| looks.kind)
    }

    /// The kind that the content tells. That of UCI holds lines of msmtp's names.
    pub(super) fn of_content(text: &str) -> Option<Self> {
        let starts = |start: &&str| text.lines().any(|line| line.trim_start().starts_with(*start));
        let found = KINDS.iter().rev().find(|looks| looks.starts.iter().any(starts));
        found.map(|looks| looks.kind)
    }
}

/// The files with settings in a directory, or where they lie below `/etc` or a home; those of that kind, if one is
/// asked for.
pub(super) fn search(directory: &Path, kind: Option<Kind>) -> Vec<PathBuf> {
    let asked = KINDS.iter().filter(|looks| kind.is_none_or(|kind| kind == looks.kind));
    let places = asked.flat_map(|looks| looks.files.iter().chain(looks.places));
    places.map(|place| directory.join(place)).filter(|path| path.is_file()).collect()
}
