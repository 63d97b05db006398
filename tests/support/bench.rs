//! A bench for the two programs: a spool, a configuration and a home of their own in a temporary directory.
//!
//! If a program could write to the machine's own spool or the caller's home, it runs in a mount namespace of its own,
//! in which both are directories of the bench.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mailx_t::spool::{QueueId, Spool};

use super::DOOR;
use crate::smarthost::{HANG, Running};

/// The account that every bench logs in with.
pub(crate) const USER: &str = "account@example.test";
/// Its password.
pub(crate) const PASSWORD: &str = "secret";

/// Puts our passwd and our spool in place of the machine's, then becomes the program.
const IN_PLACE: &str = r#"mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/machine" /var/spool || exit 126
shift; exec "$@""#;

/// A temporary directory with all files that the programs touch.
pub(crate) struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    /// An empty spool with its modes, a home without letters, and only root in the user database.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let bench = Self { directory };
        fs::set_permissions(bench.root(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(bench.root().join("home")).unwrap();
        let passwd = format!("root:x:0:0:root:{}:/bin/sh\n", bench.root().join("home").display());
        fs::write(bench.root().join("passwd"), passwd).unwrap();
        Spool::new(bench.spool()).create(None).unwrap();
        fs::set_permissions(bench.root().join("machine"), Permissions::from_mode(0o755)).unwrap();
        bench
    }

    /// The directory of all this.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The spool.
    pub(crate) fn spool(&self) -> PathBuf {
        self.root().join("machine/mailx-t")
    }

    /// The log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.root().join("log")).unwrap_or_default()
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Writes a configuration, `NAME.toml`, for that smarthost; `more` are further sections.
    pub(crate) fn configure(&self, name: &str, running: &Running, more: &str) -> PathBuf {
        let ca = self.file(&format!("{name}.pem"), running.ca_pem(), 0o644);
        let password = self.file("password", PASSWORD, 0o600);
        let text = format!(
            "[smarthost]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{USER}\"\npassword-file = \"{}\"\n\
             ca-file = \"{}\"\n[recipients]\naliases-file = \"{}\"\n[log]\ntarget = \"{}\"\n{more}\n\
             [spool]\nwait = \"3s\"\npath = \"{}\"\n",
            running.port(),
            password.display(),
            ca.display(),
            self.root().join("aliases").display(),
            self.root().join("log").display(),
            self.spool().display(),
        );
        self.file(&format!("{name}.toml"), text, 0o644)
    }

    /// The names in a directory of the spool that belong to mails, in their order.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let found = fs::read_dir(self.spool().join(directory)).unwrap();
        let mut names: Vec<String> = found.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        const OURS: [&str; 5] = ["relay.lock", "relay.clock", "relay.jobs", "relay.remarks", "relay.sent"];
        names.retain(|name| !OURS.contains(&name.as_str()));
        names.sort();
        names
    }

    /// The messages that were saved but not accepted: `failed/ID.input`, or a letter at home.
    pub(crate) fn saved(&self) -> Vec<Vec<u8>> {
        let inputs = self.names("failed").into_iter().filter(|name| name.ends_with(".input"));
        let mut saved: Vec<Vec<u8>> =
            inputs.map(|name| fs::read(self.spool().join("failed").join(name)).unwrap()).collect();
        saved.extend(fs::read(self.root().join("home/dead.letter")));
        saved
    }

    /// A command that starts with nothing of our environment and ends in time.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", &HANG.as_secs().to_string()]).args(words);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null()).current_dir(self.root());
        command
    }

    /// As [`Bench::command`], with the machine's spool and root's home replaced by ours.
    pub(crate) fn sandboxed<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut all: Vec<OsString> = namespace();
        all.extend(["sh", "-c", IN_PLACE, "sh"].map(OsString::from));
        all.push(self.root().into());
        all.extend(words.into_iter().map(|word| word.as_ref().to_os_string()));
        self.command(all)
    }

    /// The queue run that ends each test: it tries everything now, undisturbed.
    pub(crate) fn flush(&self, config: &Path) -> Output {
        self.command([OsStr::new(DOOR), "--config".as_ref(), config.as_ref(), "-q".as_ref()]).output().unwrap()
    }
}

/// The words that give a program mounts of its own.
fn namespace() -> Vec<OsString> {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let words: &[&str] = if is_root { &["unshare", "--mount"] } else { &["unshare", "--map-root-user", "--mount"] };
    words.iter().map(OsString::from).collect()
}

/// The reason why no program can have mounts of its own here; `None` if one can.
pub(crate) fn no_namespace() -> Option<String> {
    let bench = Bench::new();
    let tried = bench.sandboxed(["true"]).output().unwrap();
    (!tried.status.success()).then(|| String::from_utf8_lossy(&tried.stderr).trim().to_owned())
}

/// The name is a queue id.
pub(crate) fn is_id(name: &str) -> bool {
    QueueId::parse(name).is_some()
}

/// The stderr of a program.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// Stdin from a file, so that every read of it is the same each time.
pub(crate) fn stdin_of(path: &Path) -> Stdio {
    File::open(path).unwrap().into()
}
