//! A machine with users: the service `mailx-t`, and alice and bob, who are strangers to each other.
//!
//! Each program runs in a mount namespace in which `/etc`, `/home`, `/root`, `/var/spool`, `/var/log` and `/var/tmp`
//! are directories of ours. That needs root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::{DOOR, RELAY};
use crate::smarthost::{HANG, Running};

/// The service user.
pub(crate) const SERVICE: u32 = 54_401;
/// A user of the machine.
pub(crate) const ALICE: u32 = 54_402;
/// Another one.
pub(crate) const BOB: u32 = 54_403;

/// The account at the smarthost.
pub(crate) const USER: &str = "mail@example.test";
/// Its password.
pub(crate) const PASSWORD: &str = "hunter2-is-not-it";

/// Puts our directories in place of the machine's, then becomes the program.
const IN_PLACE: &str = r#"for d in etc home root var/spool var/log var/tmp; do
mount --bind "$1/$d" "/$d" || exit 126; done; shift; exec "$@""#;

pub(crate) struct Village {
    directory: tempfile::TempDir,
}

impl Village {
    /// `None`, with a word about it, if no such machine can be made.
    pub(crate) fn new() -> Option<Self> {
        let village = Self { directory: tempfile::tempdir().unwrap() };
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: only root has other users");
            return None;
        }
        village.build();
        let tried = village.command("root", &["true"]).output().unwrap();
        if !tried.status.success() {
            println!("skipped: no mount namespace here: {}", String::from_utf8_lossy(&tried.stderr));
            return None;
        }
        Some(village)
    }

    fn build(&self) {
        for (place, mode) in [
            ("", 0o755),
            ("etc", 0o755),
            ("etc/mailx-t", 0o755),
            ("home", 0o755),
            ("root", 0o700),
            ("var/spool", 0o755),
            ("var/log/mailx-t", 0o750),
            ("var/tmp", 0o1777),
            ("bin", 0o755),
        ] {
            fs::create_dir_all(self.at(place)).unwrap();
            fs::set_permissions(self.at(place), Permissions::from_mode(mode)).unwrap();
        }
        for place in ["var", "var/log"] {
            fs::set_permissions(self.at(place), Permissions::from_mode(0o755)).unwrap();
        }
        self.own("var/log/mailx-t", SERVICE);
        for (name, uid) in [("alice", ALICE), ("bob", BOB)] {
            fs::create_dir(self.at("home").join(name)).unwrap();
            fs::set_permissions(self.at("home").join(name), Permissions::from_mode(0o755)).unwrap();
            self.own(&format!("home/{name}"), uid);
        }
        let users = [("mailx-t", SERVICE, "/nonexistent"), ("alice", ALICE, "/home/alice"), ("bob", BOB, "/home/bob")];
        let passwd = users.map(|(name, uid, home)| format!("{name}:x:{uid}:{uid}::{home}:/bin/sh\n")).concat();
        let group = users.map(|(name, uid, _)| format!("{name}:x:{uid}:\n")).concat();
        self.write("etc/passwd", format!("root:x:0:0:root:/root:/bin/sh\n{passwd}"), 0o644);
        self.write("etc/group", format!("root:x:0:\nusers:x:100:alice,bob,mailx-t\n{group}"), 0o644);
        self.write("etc/hosts", "127.0.0.1 localhost village\n", 0o644);
        for kept in ["ld.so.cache", "nsswitch.conf", "localtime", "alternatives"] {
            // Programs of the machine ask for this; our own do not need it.
            let _ = fs::copy(Path::new("/etc").join(kept), self.at("etc").join(kept));
        }
        for program in [DOOR, RELAY].map(Path::new) {
            fs::copy(program, self.at("bin").join(program.file_name().unwrap())).unwrap();
        }
        for name in ["sendmail", "mail", "mailq"] {
            symlink("mailx-t", self.at("bin").join(name)).unwrap();
        }
    }

    /// The machine's own configuration, towards that smarthost; `lines` go into its `[recipients]`.
    pub(crate) fn configure(&self, running: &Running, lines: &str) {
        self.write("etc/mailx-t/ca.pem", running.ca_pem(), 0o644);
        self.write("etc/mailx-t/password", format!("{PASSWORD}\n"), 0o640);
        chown(self.at("etc/mailx-t/password"), Some(0), Some(SERVICE)).unwrap();
        let text = format!(
            "[smarthost]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"{USER}\"\npassword-file = \"/etc/mailx-t/password\"\n\
             ca-file = \"/etc/mailx-t/ca.pem\"\n[recipients]\ndefault = \"ops@example.test\"\n{lines}\n\
             [log]\ntarget = \"/var/log/mailx-t/mail.log\"\n",
            running.port(),
        );
        self.write("etc/mailx-t/config.toml", text, 0o644);
    }

    /// The path of a file of the machine: `etc/passwd`.
    pub(crate) fn at(&self, place: &str) -> PathBuf {
        self.directory.path().join(place)
    }

    /// A file of root's on the machine.
    pub(crate) fn write(&self, place: &str, content: impl AsRef<[u8]>, mode: u32) {
        fs::write(self.at(place), content).unwrap();
        fs::set_permissions(self.at(place), Permissions::from_mode(mode)).unwrap();
    }

    /// Gives a file of the machine to that user.
    pub(crate) fn own(&self, place: &str, uid: u32) {
        std::os::unix::fs::lchown(self.at(place), Some(uid), Some(uid)).unwrap();
    }

    /// A command of `root`, or of the user with that uid, not yet started.
    pub(crate) fn command(&self, who: &str, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", IN_PLACE, "sh"]).arg(self.directory.path());
        let home = match who.parse() {
            Ok(ALICE) => "/home/alice",
            Ok(BOB) => "/home/bob",
            Ok(_) => "/nonexistent",
            Err(_) => "/root",
        };
        if who != "root" {
            command.args(["setpriv", "--reuid", who, "--regid", who, "--clear-groups"]);
            command.args(["--inh-caps=-all", "--bounding-set=-all"]);
        }
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.at("bin").display());
        command.args(["timeout", "-s", "KILL", &HANG.as_secs().to_string()]).args(words).current_dir("/");
        command.env_clear().env("PATH", path).env("HOME", home).stdin(Stdio::null());
        command
    }

    /// Runs it to its end: status, and both streams.
    pub(crate) fn run(&self, who: &str, words: &[&str], stdin: &str) -> (Option<i32>, String) {
        let mut command = self.command(who, words);
        let input = self.at("input");
        fs::write(&input, stdin).unwrap();
        let Output { status, stdout, stderr } = command.stdin(fs::File::open(&input).unwrap()).output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    /// Runs a line of the shell as the user with that uid.
    pub(crate) fn shell(&self, who: u32, line: &str) -> (Option<i32>, String) {
        self.run(&who.to_string(), &["sh", "-c", line], "")
    }
}
