//! A machine of its own for one test: configuration, password, spool and log in a temporary directory, a smarthost
//! beside it, and the real programs to run against both.
//!
//! The smarthost is one that has taken mail before, so that the dialogue is that of every day.
//!
//! A test uses nothing of the machine it runs on: no home directory, no `/etc/mailx-t`, no `/etc/aliases`, and the
//! environment is empty except for `MAILX_T_CONFIG`. Each program here ends by itself, or the test fails.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{DOOR, RELAY};
use crate::smarthost::{HANG, Running, Smarthost};

/// The account at the smarthost; every mail leaves as this address.
pub(crate) const USER: &str = "mail@example.test";
/// Its password, which may stand only in the password file.
pub(crate) const PASSWORD: &str = "hunter2-is-not-it";
/// The recipient of mail for nobody in particular.
pub(crate) const DEFAULT: &str = "ops@example.test";
/// The spool's remarks on a smarthost that has proved how it reads chunks (docs/spool.md).
const READS_CHUNKS: [&str; 2] = ["content with the envelope", "content with the envelope and the login"];

/// One machine; its files are gone when it is dropped.
pub(crate) struct Machine {
    smarthost: Option<Running>,
    directory: tempfile::TempDir,
}

/// The results of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit status; `None` after a signal.
    pub(crate) status: Option<i32>,
    /// Its stdout.
    pub(crate) stdout: String,
    /// Its stderr.
    pub(crate) stderr: String,
    /// The error of writing stdin, if not all of it could be written.
    pub(crate) stdin: io::Result<()>,
}

/// A program that runs.
pub(crate) struct Started {
    pub(crate) child: Child,
    writer: Option<thread::JoinHandle<io::Result<()>>>,
}

impl Machine {
    /// A machine that relays through `smarthost`, which knows our account and demands it as every sender.
    pub(crate) fn strict(smarthost: Smarthost) -> Self {
        Self::with(smarthost.mail_from_must_be_login().header_from_must_be_login().account(USER, PASSWORD), "")
    }

    /// A machine that relays through `smarthost`; `lines` go into its table in the configuration.
    pub(crate) fn with(smarthost: Smarthost, lines: &str) -> Self {
        let running = smarthost.start();
        let table = |place: &Path| format!("[smarthost]\n{}{lines}", reach(&running, place));
        let machine = Self::configured(table);
        fs::write(machine.path("ca.pem"), running.ca_pem()).expect("the directory is ours");
        remember_chunks(&machine.path("spool"), &running);
        Self { smarthost: Some(running), ..machine }
    }

    /// Lets the spool forget all that is known of the smarthost, as if no mail had ever gone there.
    pub(crate) fn forget_smarthost(&self) {
        fs::remove_file(self.remarks_path()).expect("it was written");
    }

    /// The spool's remarks on the smarthost, without the proof about chunks that every machine starts with.
    pub(crate) fn remarks(&self) -> String {
        let text = fs::read_to_string(self.remarks_path()).unwrap_or_default();
        let is_proof = |line: &str| READS_CHUNKS.iter().any(|says| line.ends_with(&format!("\t{says}")));
        // What mails have shown about the way, the size of those that were taken, and what a person was told are no
        // lessons about a smarthost.
        let words = ["\tevidence ", " octets taken", "\talarmed of "];
        let is_shown = |line: &str| words.iter().any(|words| line.contains(words));
        let is_lesson = |line: &&str| !is_proof(line) && !is_shown(line);
        text.lines().filter(is_lesson).map(|line| format!("{line}\n")).collect()
    }

    /// The file of those remarks.
    pub(crate) fn remarks_path(&self) -> PathBuf {
        self.path("spool/queue/relay.remarks")
    }

    /// A machine without a smarthost of its own; `tables` makes the configuration's part about smarthosts.
    pub(crate) fn configured(tables: impl FnOnce(&Path) -> String) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let machine = Self { smarthost: None, directory };
        let place = machine.directory.path();
        let text = format!(
            "{}\n[recipients]\ndefault = \"{DEFAULT}\"\naliases-file = \"{d}/aliases\"\n\n\
             [spool]\npath = \"{d}/spool\"\nwait = \"30s\"\n\n[log]\ntarget = \"{d}/log\"\n",
            tables(place),
            d = place.display(),
        );
        fs::write(machine.config(), text).expect("the directory is ours");
        machine.write_password(PASSWORD);
        let made = machine.run("mailx-t", &["ctl", "init", "--config", &machine.config().to_string_lossy()], b"");
        assert_eq!(made.status, Some(0), "{made:?}");
        machine
    }

    /// Its smarthost.
    pub(crate) fn smarthost(&self) -> &Running {
        self.smarthost.as_ref().expect("a machine with a smarthost")
    }

    /// Ends the smarthost, and with it every connection.
    pub(crate) fn stop_smarthost(&mut self) {
        self.smarthost = None;
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// A path in its directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts another password into the password file.
    pub(crate) fn write_password(&self, password: &str) {
        self.write_password_at(&self.path("password"), password);
    }

    /// Puts a password into a file that is closed to others.
    pub(crate) fn write_password_at(&self, path: &Path, password: &str) {
        fs::write(path, format!("{password}\n")).expect("the directory is ours");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    }

    /// The door under that name, not yet started.
    pub(crate) fn door(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(door_path());
        command.arg0(name).args(arguments).env_clear().env("MAILX_T_CONFIG", self.config());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the door under that name to its end.
    pub(crate) fn run(&self, name: &str, arguments: &[&str], stdin: &[u8]) -> Ran {
        start(self.door(name, arguments), stdin).finish()
    }

    /// Runs the door as `sendmail -odi`, to the given recipients, to its end.
    pub(crate) fn send(&self, recipients: &[&str], message: &[u8]) -> Ran {
        self.run("sendmail", &[&["-i", "-odi"], recipients].concat(), message)
    }

    /// Has the door keep mails for later, with the subjects "0", "1" and so on.
    pub(crate) fn enqueue(&self, count: usize) {
        for n in 0..count {
            let message = format!("Subject: {n}\n\nx\n");
            let ran = self.run("sendmail", &["-odq", "a@host.example"], message.as_bytes());
            assert_eq!(ran.status, Some(0), "{ran:?}");
        }
    }

    /// Sends all that may leave now.
    pub(crate) fn flush(&self) {
        let ran = self.run("sendmail", &["-q"], b"");
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }

    /// The subjects of the mails that its smarthost has taken, in their order.
    pub(crate) fn subjects(&self) -> Vec<String> {
        self.smarthost().mails().iter().flat_map(|mail| mail.header("Subject")).collect()
    }

    /// The queue ids of the mails that wait.
    pub(crate) fn queue(&self) -> Vec<String> {
        self.entries("queue")
    }

    /// The queue ids of the mails that were given up.
    pub(crate) fn failed(&self) -> Vec<String> {
        self.entries("failed")
    }

    /// Others may leave mail in its spool, as in root's; else this says that the test is skipped.
    pub(crate) fn has_drop(&self) -> bool {
        let is_there = self.path("spool/drop").exists();
        if !is_there {
            println!("skipped: only the machine's spool has a drop/, and only root makes that");
        }
        is_there
    }

    /// All files of the spool.
    pub(crate) fn spool_files(&self) -> Vec<PathBuf> {
        let directories = ["", "drop", "failed", "queue", "tmp"].map(|name| self.path("spool").join(name));
        directories.iter().flat_map(|directory| list(directory)).filter(|path| path.is_file()).collect()
    }

    /// The files of the spool that are there because of a mail.
    pub(crate) fn mail_files(&self) -> Vec<PathBuf> {
        // A mail that was returned whole leaves its journal for a while, for callers who wait to hear of it.
        let is_left =
            |path: &PathBuf| path.extension().is_some_and(|e| e == "journal") && !path.with_extension("").exists();
        let is_of_mail = |path: &PathBuf| {
            !path.ends_with("relay.lock")
                && !path.ends_with("serve.lock")
                && !path.ends_with("relay.clock")
                && !path.ends_with("relay.remarks")
                && !path.ends_with("relay.sent")
                && !is_left(path)
        };
        self.spool_files().into_iter().filter(is_of_mail).collect()
    }

    /// The log so far; empty if there is none.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn entries(&self, directory: &str) -> Vec<String> {
        let names = list(&self.path("spool").join(directory)).into_iter().map(|path| {
            let name = path.file_name().expect("a listed file has a name");
            name.to_string_lossy().into_owned()
        });
        let mut ids: Vec<_> = names.filter(|name| !name.contains('.')).collect();
        ids.sort();
        ids
    }
}

/// Has a spool know that the smarthost reads the chunks that it refuses.
pub(crate) fn remember_chunks(spool: &Path, running: &Running) {
    let relay = format!("{}[127.0.0.1]:{}", running.host(), running.port());
    let remark = |says: &str| format!("2999-01-01T00:00:00Z\t{relay}\t{says}\n");
    let path = spool.join("queue/relay.remarks");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(path, before + &READS_CHUNKS.map(remark).concat()).expect("the directory is ours");
}

/// The lines of a smarthost's table that name its address and our account there.
pub(crate) fn reach(running: &Running, place: &Path) -> String {
    let (host, port, d) = (running.host(), running.port(), place.display());
    format!(
        "host = \"{host}\"\nport = {port}\nuser = \"{USER}\"\npassword-file = \"{d}/password\"\n\
         ca-file = \"{d}/ca.pem\"\n"
    )
}

/// The path of the door.
pub(crate) fn door_path() -> PathBuf {
    PathBuf::from(DOOR)
}

/// The path of the relay.
pub(crate) fn relay_path() -> PathBuf {
    PathBuf::from(RELAY)
}

/// The processes that this one has started.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let children = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The fields after the name, which may hold anything: state and parent, proc_pid_stat(5).
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        after.split(' ').nth(1).and_then(|ppid| ppid.parse().ok()) == Some(parent)
    };
    let processes = fs::read_dir("/proc").expect("proc is mounted");
    let pids = processes.filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(children).collect()
}

/// Puts a program in a place, ready to run.
///
/// Another process writes it: a file cannot be run (`ETXTBSY`) while a child of a test beside this one holds it open
/// for writing, even if only until the child becomes its own program.
pub(crate) fn install(program: &Path, place: &Path) {
    let done = Command::new("install").args(["-m", "755"]).args([program, place]).status();
    assert!(done.expect("install(1) is everywhere").success(), "{} cannot be written", place.display());
}

/// The relay, not yet started.
pub(crate) fn relay() -> Command {
    let mut command = Command::new(relay_path());
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a program and writes its stdin from a thread of its own.
pub(crate) fn start(mut command: Command, stdin: &[u8]) -> Started {
    let mut child = command.spawn().expect("the program was built");
    let bytes = stdin.to_vec();
    let writer = child.stdin.take().map(|mut pipe| thread::spawn(move || pipe.write_all(&bytes)));
    Started { child, writer }
}

impl Started {
    /// Waits for its end.
    pub(crate) fn finish(self) -> Ran {
        let Self { child, writer } = self;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(HANG) else {
            // Nobody has waited for it, so the pid is still its own.
            let _ = kill(pid, Signal::SIGKILL);
            panic!("the program does not end by itself");
        };
        let output = output.expect("its output can be read");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let stdin = writer.map_or(Ok(()), |writer| writer.join().expect("the writer does not panic"));
        Ran { status: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr), stdin }
    }
}

fn list(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).map(|files| files.map(|file| file.expect("it can be listed").path()).collect());
    files.unwrap_or_default()
}
