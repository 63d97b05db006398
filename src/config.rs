//! The settings, composed from the parts' own: from one file, or in containers from the
//! environment. Unknown keys are refused, with the place and the nearest known key; no line of the
//! file is ever quoted, since it could hold a secret.

mod diagnosis;
mod environment;
mod locate;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lettre::Address;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

pub use environment::Environment;
pub use locate::{SYSTEM_FILE, Source, locate, user_file, user_spool};

use crate::relay::Smarthost;
use crate::{alarm, envelope, log, retry, rewrite, spool, system};

/// Where the spool is when nothing else is said.
pub const SYSTEM_SPOOL: &str = "/var/spool/mailx-t";

/// All settings of one run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where they came from.
    pub source: Source,
    /// The smarthost that is tried first.
    pub smarthost: Smarthost,
    /// Those that are tried when it does not take us, in this order.
    pub fallbacks: Vec<Smarthost>,
    /// `[rewrite]`.
    pub rewrite: rewrite::Settings,
    /// `[recipients]`.
    pub recipients: envelope::Settings,
    /// `[spool]`.
    pub spool: spool::Settings,
    /// `[retry]`.
    pub retry: retry::Settings,
    /// `[log]`.
    pub log: log::Settings,
    /// `[alarm]`.
    pub alarm: alarm::Settings,
    /// The address that goes into MAIL FROM and the From field.
    pub account: Address,
}

/// The file as it is written.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    #[serde(deserialize_with = "one_or_many")]
    smarthost: Vec<Smarthost>,
    rewrite: rewrite::Settings,
    recipients: envelope::Settings,
    spool: spool::Settings,
    retry: retry::Settings,
    log: log::Settings,
    alarm: alarm::Settings,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file says something that is not understood.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong, and what was perhaps meant.
        what: String,
    },
    /// The environment form is incomplete or wrong.
    #[error("{0}")]
    Environment(String),
    /// The file holds a password that others can read.
    #[error("{} holds a password and is readable by others: chmod 600 it, or move the password to a password-file", .0.display())]
    Exposed(PathBuf),
    /// Others may write what would be run with our rights.
    #[error("{} may be written by others: give it to yourself or root, and chmod go-w it", .0.display())]
    Foreign(PathBuf),
    /// A setting is missing or does not fit the others.
    #[error("{place}: {what}")]
    Incomplete {
        /// The file, or the environment.
        place: String,
        /// What is missing, and what to do.
        what: String,
    },
    /// There is no configuration.
    #[error("no configuration: {} does not exist: run mailx-t ctl init, then fill it in", .0.display())]
    Missing(PathBuf),
    /// Root could not become the service user.
    #[error("cannot become the user mailx-t: {0}")]
    Service(io::Error),
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Config {
    /// As [`load`](Self::load), but root first becomes the service user where the configuration is the machine's.
    ///
    /// # Errors
    /// One of [`Error`].
    pub fn load_as_service(source: Source) -> Result<Self, Error> {
        if source.is_machine() {
            system::become_service().map_err(Error::Service)?;
        }
        let config = Self::load(source)?;
        // Another file may still mean the service's spool: what root leaves there the service could not touch.
        let owner = spool::Spool::new(config.spool_path()).owner();
        if system::service().is_some_and(|(uid, _)| Some(uid) == owner) {
            system::become_service().map_err(Error::Service)?;
        }
        Ok(config)
    }

    /// Reads the configuration from where it is.
    ///
    /// # Errors
    /// One of [`Error`], whose sentence names the place.
    pub fn load(source: Source) -> Result<Self, Error> {
        match &source {
            Source::Environment(environment) => {
                let file = environment.file().map_err(Error::Environment)?;
                Self::compose(file, source.clone())
            }
            Source::System(path) | Source::User(path) => {
                let text = fs::read_to_string(path).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => Error::Missing(path.clone()),
                    _ => Error::Unreadable { path: path.clone(), source: error },
                })?;
                if is_foreign(path) {
                    return Err(Error::Foreign(path.clone()));
                }
                let file = parse(path, &text)?;
                if file.smarthost.iter().any(|smarthost| smarthost.password.is_some()) && is_exposed(path) {
                    return Err(Error::Exposed(path.clone()));
                }
                Self::compose(file, source.clone())
            }
        }
    }

    fn compose(file: File, source: Source) -> Result<Self, Error> {
        let incomplete = |what: &str| Error::Incomplete { place: source.to_string(), what: what.to_string() };
        let mut smarthosts = file.smarthost.into_iter();
        let Some(first) = smarthosts.next() else {
            return Err(incomplete("there is no [smarthost]: name at least its host, user and password-file"));
        };
        let account = match (&file.rewrite.from, &first.user) {
            (Some(from), _) => from.clone(),
            (None, Some(user)) => user.parse().map_err(|_| {
                incomplete("the user of [smarthost] is no mail address: set from in [rewrite] to the account's address")
            })?,
            (None, None) => {
                return Err(incomplete(
                    "neither user in [smarthost] nor from in [rewrite] is set: set from to an address",
                ));
            }
        };
        if file.spool.path.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(incomplete("path in [spool] is not absolute"));
        }
        if file.recipients.default.as_ref().is_some_and(|names| !names.are_usable()) {
            return Err(incomplete("default in [recipients] is no address, or not only addresses"));
        }
        if let Some((name, _)) = file.recipients.aliases.iter().find(|(_, names)| !names.are_usable()) {
            let name = crate::outcome::clean(name);
            return Err(incomplete(&format!(
                "the alias {name} in [recipients.aliases] does not lead to addresses only"
            )));
        }
        Ok(Self {
            smarthost: first,
            fallbacks: smarthosts.collect(),
            rewrite: file.rewrite,
            recipients: file.recipients,
            spool: file.spool,
            retry: file.retry,
            log: file.log,
            alarm: file.alarm,
            account,
            source,
        })
    }

    /// All smarthosts in the order they are tried.
    pub fn smarthosts(&self) -> impl Iterator<Item = &Smarthost> {
        std::iter::once(&self.smarthost).chain(&self.fallbacks)
    }

    /// Where the spool is.
    pub fn spool_path(&self) -> PathBuf {
        // Whoever brings settings of their own has a spool of their own, but for root.
        let own = || if self.source.is_machine() { None } else { user_spool() };
        self.spool.path.clone().or_else(own).unwrap_or_else(|| PathBuf::from(SYSTEM_SPOOL))
    }
}

/// Reads the text of a configuration file; `path` is for the error.
fn parse(path: &Path, text: &str) -> Result<File, Error> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = diagnosis::place(text, error.span().map_or(0, |span| span.start));
        Error::Content { path: path.to_path_buf(), line, column, what: diagnosis::sentence(error.message()) }
    })
}

/// A configuration names commands. It has to be root's or the caller's own, and for nobody else to write.
fn is_foreign(path: &Path) -> bool {
    let ours = [0, system::caller().uid, system::effective_uid()];
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o002 != 0 || !ours.contains(&found.uid()))
}

fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// `[smarthost]` once, or `[[smarthost]]` several times.
fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Smarthost>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<Smarthost>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a table [smarthost] or several tables [[smarthost]]")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Smarthost::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }
    from.deserialize_any(OneOrMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let path = Path::new("/etc/mailx-t/config.toml");
        parse(path, text)
            .and_then(|file| Config::compose(file, Source::System(path.to_path_buf())))
            .map_err(|error| error.to_string())
    }

    const MINIMAL: &str =
        "[smarthost]\nhost = \"smtp.example.com\"\nuser = \"me@example.com\"\npassword-file = \"/p\"\n";

    #[test]
    fn minimal_file_has_the_defaults_of_the_manual() {
        let config = load(MINIMAL).unwrap();
        assert_eq!(config.smarthost.port(), 465);
        assert_eq!(config.account.to_string(), "me@example.com");
        assert_eq!(config.spool_path(), Path::new("/var/spool/mailx-t"));
        assert_eq!(config.spool.max_message_size.as_u64(), 25 << 20);
        assert_eq!(config.recipients.aliases_file, Path::new("/etc/aliases"));
        assert_eq!(config.retry.give_up_after.as_secs(), 5 * 86_400);
    }

    #[test]
    fn several_smarthosts_keep_their_order() {
        let text = "[[smarthost]]\nhost = \"a.org\"\nuser = \"x@a.org\"\n[[smarthost]]\nhost = \"b.org\"\n";
        let hosts: Vec<String> = load(text).unwrap().smarthosts().map(|s| s.host.clone()).collect();
        assert_eq!(hosts, ["a.org", "b.org"]);
    }

    #[test]
    fn every_key_of_the_manual_is_known() {
        let text = r#"
            [smarthost]
            host = "smtp.example.com"
            port = 465
            tls = "implicit"
            user = "mail@example.com"
            password-file = "/etc/mailx-t/password"
            auth = "auto"
            ca-file = "/x"
            connect-timeout = "10s"
            timeout = "5m"
            [rewrite]
            from = "mail@example.com"
            domain = "example.com"
            [recipients]
            default = "ops@example.com"
            aliases-file = "/etc/aliases"
            [recipients.aliases]
            root = ["ops@example.com"]
            www-data = "ops@example.com, dev@example.com"
            [spool]
            path = "/var/spool/mailx-t"
            max-message-size = "25 MiB"
            wait = "10s"
            [retry]
            first = "1m"
            max = "3h"
            give-up-after = "5d"
            [log]
            target = "syslog"
            format = "postfix"
            [alarm]
            command = "logger -t mail-alarm"
        "#;
        let config = load(text).unwrap();
        assert_eq!(config.recipients.aliases["www-data"].list().len(), 2);
    }

    #[test]
    fn misspelt_key_is_named_with_its_place_and_the_nearest_key() {
        let error = load(&MINIMAL.replace("password-file", "pasword-file")).unwrap_err();
        assert_eq!(
            error,
            "/etc/mailx-t/config.toml:4:1: unknown key \"pasword-file\": did you mean \"password-file\"?"
        );
        let error = load(&format!("{MINIMAL}[rewirte]\n")).unwrap_err();
        assert!(error.ends_with("5:2: unknown key \"rewirte\": did you mean \"rewrite\"?"), "{error}");
    }

    #[test]
    fn no_error_quotes_what_could_be_a_secret() {
        for line in [
            "password = \"hunter2\" x",
            "password = hunter2",
            "password = [\"hunter2\"]",
            "port = \"hunter2\"",
            "auth = \"hunter2\"",
            "timeout = \"hunter2\"",
            "password = \"hunter2",
            "fingerprint = \"hunter2\"",
            "password-file = { hunter2 = 1 }",
        ] {
            let error = load(&format!("{MINIMAL}{line}\n")).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("config.toml:5:"), "{error}");
        }
    }

    #[test]
    fn recipients_that_are_none_are_refused() {
        for (lines, word) in [
            ("[recipients]\ndefault = \"not an address\"", "default"),
            ("[recipients]\ndefault = []", "default"),
            ("[recipients]\ndefault = [\"ops@x.org\", \"bad addr@x y\"]", "default"),
            ("[recipients.aliases]\nroot = \"|cat\"", "alias root"),
            ("[recipients.aliases]\nroot = \"/etc/x\"", "alias root"),
            ("[spool]\npath = \"relative\"", "absolute"),
        ] {
            let error = load(&format!("{MINIMAL}{lines}\n")).unwrap_err();
            assert!(error.contains(word), "{lines}: {error}");
        }
        for lines in ["[recipients]\ndefault = \"root\"", "[recipients.aliases]\nroot = [\"ops\", \"Al <al@x.org>\"]"] {
            assert!(load(&format!("{MINIMAL}{lines}\n")).is_ok(), "{lines}");
        }
    }

    #[test]
    fn missing_parts_are_named() {
        assert!(load("").unwrap_err().contains("there is no [smarthost]"));
        assert!(
            load("[smarthost]\nhost = \"a.org\"\nuser = \"login\"\n").unwrap_err().contains("set from in [rewrite]")
        );
        assert!(load("[smarthost]\nuser = \"x@a.org\"\n").unwrap_err().contains("host"));
    }
}
