//! The configuration that counts, found with the caller's own rights: none of our programs ever has more.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::{Environment, Smarthosts};
use crate::relay::{Smarthost, provider};
use crate::system;
use crate::trust::reader::SERVICE;

/// The configuration of the whole machine.
pub(crate) const SYSTEM_FILE: &str = "/etc/mailx-t/config.toml";

/// The spool of the machine's own configuration, and of root, where the settings name no other.
pub(crate) const SYSTEM_SPOOL: &str = "/var/spool/mailx-t";

/// A user's own configuration, below a directory of the XDG specification.
const OWN_FILE: &str = "mailx-t/config.toml";

/// The source of the settings. It also tells the place of the spool, if the settings do not name one.
#[derive(Clone, Debug)]
pub enum Source {
    /// `MAILX_T_URL` and its companions.
    Environment(Environment),
    /// A file for the whole machine, or one that was named.
    System(PathBuf),
    /// A user's own file under the XDG paths.
    User(PathBuf),
}

impl Source {
    /// Nobody but root or the user can have put the file where it is: it lies in `/etc`, or at the one place where the
    /// user keeps settings for us. Any other path may come from an argument or a variable that a stranger added to a
    /// call.
    pub(super) fn is_at_a_place_of_ours(&self) -> bool {
        let is_climbing = |path: &Path| path.components().any(|part| part == Component::ParentDir);
        match self {
            Self::Environment(_) => false,
            Self::System(path) | Self::User(path) if is_climbing(path) => false,
            Self::System(path) => {
                path.starts_with("/etc") || home().is_some_and(|home| *path == home.join(".config").join(OWN_FILE))
            }
            // The variables of the XDG specification may lead there by another way.
            Self::User(path) => path.ends_with(OWN_FILE) && home().is_some_and(|home| path.starts_with(home)),
        }
    }

    /// The machine's own configuration, whose spool is the service user's.
    pub(crate) fn is_machine(&self) -> bool {
        matches!(self, Source::System(path) if path == Path::new(SYSTEM_FILE))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Environment(_) => f.write_str("the environment"),
            Source::System(path) | Source::User(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The named file, else the environment, else the user's own file if there is one, else the machine's.
pub(crate) fn locate(named: Option<&Path>) -> Source {
    if let Some(path) = named {
        return Source::System(absolute(path));
    }
    if let Some(path) = std::env::var_os("MAILX_T_CONFIG").filter(|path| !path.is_empty()) {
        return Source::System(absolute(Path::new(&path)));
    }
    if let Some(environment) = Environment::find(|name| std::env::var(name).ok()) {
        return Source::Environment(environment);
    }
    match user_file().filter(|path| path.is_file() && !is_unfilled_file(path)) {
        Some(path) => Source::User(path),
        None => Source::System(PathBuf::from(SYSTEM_FILE)),
    }
}

/// The user's own configuration, if there is one that nobody has filled in yet. It takes no mail away from the
/// machine's.
pub(crate) fn unfilled_user_file() -> Option<PathBuf> {
    user_file().filter(|path| path.is_file() && is_unfilled_file(path))
}

/// As [`is_unfilled`], for a regular file.
pub(crate) fn is_unfilled_file(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|text| is_unfilled(&String::from_utf8_lossy(&text)))
}

/// The lines that `ctl init --provider` leaves to a person, as it writes them: the value, and the start of the remark.
const TO_FILL: [&str; 4] = [
    "user = \"mail@example.com\"           # the account,",
    "user = \"USER\"   #",
    "client-id = \"CLIENT-ID\"   #",
    "from = \"mail@example.com\"         # default:",
];

/// The text sets nothing, or holds a line as `ctl init` has written it for a person to fill in.
pub(crate) fn is_unfilled(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    // The table that the template switches on says nothing about the mail of whoever has not filled it in.
    let is_idle = |line: &str| line.is_empty() || line.starts_with('#') || line == "[fold]";
    lines.clone().all(is_idle) || lines.any(|line| TO_FILL.iter().any(|left| line.starts_with(left)))
}

/// The keys that still have the value of `ctl init` in this file, or the user of a smarthost that is the documents'
/// own: no provider has accounts at example.com (RFC 2606 section 3).
pub(crate) fn placeholders(source: &Source, smarthosts: &Smarthosts) -> Vec<&'static str> {
    let text = match source {
        Source::System(path) | Source::User(path) => std::fs::read_to_string(path).unwrap_or_default(),
        Source::Environment(_) => String::new(),
    };
    let is_left = |left: &&str| text.lines().any(|line| line.trim().starts_with(*left));
    let mut keys: Vec<&str> =
        TO_FILL.iter().copied().filter(is_left).filter_map(|left| left.split(' ').next()).collect();
    let is_example = |smarthost: &Smarthost| {
        let user = smarthost.user.as_deref().unwrap_or_default().to_ascii_lowercase();
        user.ends_with("@example.com") && provider::of_host(&smarthost.host).is_some()
    };
    if !keys.contains(&"user") && smarthosts.iter().any(is_example) {
        keys.push("user");
    }
    keys
}

/// The caller's home as the user database has it, whatever the environment says; `None` for root.
fn home() -> Option<PathBuf> {
    let caller = system::caller();
    caller.home.filter(|home| caller.uid != 0 && home.parent().is_some())
}

/// The relay works elsewhere: a path relative to the caller's directory would mean another file to it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// `$XDG_CONFIG_HOME/mailx-t/config.toml`; `None` for root, whose file is the machine's.
pub(crate) fn user_file() -> Option<PathBuf> {
    user_path("XDG_CONFIG_HOME", ".config").map(|directory| directory.join(OWN_FILE))
}

/// `$XDG_STATE_HOME/mailx-t`; `None` for root.
pub(crate) fn user_spool() -> Option<PathBuf> {
    user_path("XDG_STATE_HOME", ".local/state").map(|directory| directory.join("mailx-t"))
}

/// An XDG base directory: a path that is not absolute does not count (XDG Base Directory Specification 0.8). `$HOME`
/// may be missing, as under cron: the user database knows it too.
fn user_path(variable: &str, below_home: &str) -> Option<PathBuf> {
    // The files of root and of the service are the machine's: a relay that root starts as the service uses root's
    // spool.
    if system::caller().uid == 0 || system::caller().name == SERVICE {
        return None;
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").or_else(|| system::caller().home).map(|home| home.join(below_home)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_sets_nothing_is_unfilled() {
        let template = include_str!("../../packaging/config.toml");
        for text in
            ["", "\n# only words\n\n", "\u{feff}# words", template, "[smarthost]\nuser = \"USER\"   # the API key\n"]
        {
            assert!(is_unfilled(text), "{text}");
        }
        let filled = "[smarthost]\nhost = \"localhost\"\nuser = \"mail@example.com\"\n";
        for text in [filled, "[recipients]\ndefault = \"ops@example.com\"\n", "hots = 1", "[smarthost"] {
            assert!(!is_unfilled(text), "{text}");
        }
    }
}
