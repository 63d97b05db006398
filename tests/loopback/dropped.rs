//! `drop/` with a real second user: what a user without a right to the queue can do, and cannot.
//!
//! The tests need root to become that user; without root they say so and pass. The user database does not know the uid,
//! so no home is written to.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::smarthost::{Received, Running, Smarthost};
use crate::support::bench::{Bench, PASSWORD, USER, complaint, stdin_of};
use crate::support::machine::install;
use crate::support::{DOOR, RELAY};
use mailx_t::rewrite;
use mailx_t::spool::QueueId;

/// Nobody in particular.
const STRANGER: u32 = 54_321;

/// A spool of root's, and programs that anyone may run.
struct House {
    bench: Bench,
    running: Running,
    config: PathBuf,
    door: PathBuf,
}

impl House {
    /// `None`, with a word about it, if we are not root.
    fn new() -> Option<Self> {
        if !mailx_t::system::is_root() {
            println!("skipped: only root can become a second user");
            return None;
        }
        let running = Smarthost::new().account(USER, PASSWORD).start();
        let bench = Bench::new();
        let config = bench.configure("config", &running, "");
        // Other users may have no way to the place where the programs were built.
        let [door, _] = [DOOR, RELAY].map(|program| {
            let copy = bench.root().join(Path::new(program).file_name().unwrap());
            install(Path::new(program), &copy);
            copy
        });
        Some(Self { bench, running, config, door })
    }

    /// A command run as the stranger.
    fn stranger<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.bench.command(words);
        command.uid(STRANGER).gid(STRANGER).env("MAILX_T_CONFIG", &self.config).current_dir("/");
        command
    }

    /// The stranger hands in a mail to that address.
    fn hand_in(&self, before: &[&str], address: &str) -> Output {
        let input = self.bench.file("input", format!("Subject: x\n\nto {address}\n"), 0o644);
        let mut words: Vec<OsString> = before.iter().map(OsString::from).collect();
        words.extend([self.door.clone().into(), address.into()]);
        self.stranger(words).stdin(stdin_of(&input)).output().unwrap()
    }

    fn flush(&self) -> Output {
        self.bench.flush(&self.config)
    }

    fn mails_to(&self, address: &str) -> Vec<Received> {
        self.running.mails().into_iter().filter(|mail| mail.addresses().contains(&address)).collect()
    }

    /// The path of that file in `drop/`.
    fn place(&self, id: &QueueId) -> PathBuf {
        self.bench.spool().join("drop").join(id.as_str())
    }

    /// The stranger leaves a file in `drop/`.
    fn leave(&self, content: impl AsRef<[u8]>) -> QueueId {
        let id = QueueId::new();
        self.leave_as(&id, content);
        id
    }

    fn leave_as(&self, id: &QueueId, content: impl AsRef<[u8]>) {
        fs::write(self.place(id), content).unwrap();
        // As if it was made there: drop/ gives it its group.
        chown(self.place(id), Some(STRANGER), None).unwrap();
        fs::set_permissions(self.place(id), PermissionsExt::from_mode(0o1640)).unwrap();
    }

    /// The id that the relay gave the file of that name; what is no regular file keeps its name.
    fn id_of(&self, name: &QueueId) -> QueueId {
        let log = self.bench.log();
        let taken = format!(": taken from drop/, where it was user {STRANGER}'s {name}");
        let line = log.lines().find_map(|line| line.strip_suffix(&taken));
        line.map_or(*name, |line| QueueId::parse(line.rsplit(' ').next().unwrap()).unwrap())
    }

    /// The file was put away and named in the log.
    fn assert_refused(&self, name: &QueueId, what: &str) {
        let id = self.id_of(name);
        let refused = format!("{id}.refused");
        assert!(self.bench.names("failed").contains(&refused), "{what} is not in failed/");
        assert!(self.bench.log().contains(&format!("{id}: not taken from drop/")), "{what} is not in the log");
    }
}

fn entry(id: &QueueId, to: &[&str], message: &str) -> String {
    let to: String = to.iter().map(|to| format!("to: {to}\n")).collect();
    format!(
        "mailx-t-entry: 1\nid: {id}\narrived: 2026-11-20T09:30:03Z\nuid: 0\nfrom: {USER}\noriginator: root\n{to}\
         message-id: <1@example.test>\nbody: 7bit\nrepairs: \nsize: {:015}\n\n{message}",
        message.len()
    )
}

const MESSAGE: &str = "Subject: x\r\n\r\nbody\r\n";

#[test]
fn stranger_sees_no_secret_and_no_mail() {
    let Some(house) = House::new() else { return };
    assert!(house.hand_in(&[], "first@example.test").status.success());
    let queued = house.bench.command([DOOR, "--config"]).arg(&house.config).args(["-odq", "a@example.test"]).output();
    assert!(queued.unwrap().status.success());
    let spool = house.bench.spool();
    let dropped = spool.join("drop").join(&house.bench.names("drop")[0]);
    let mail = spool.join("queue").join(&house.bench.names("queue")[0]);
    let theirs = |words: &[&OsStr]| house.stranger(words).output().unwrap().status.success();
    for (program, path) in [
        ("cat", house.bench.root().join("password")),
        ("cat", mail),
        ("ls", spool.join("queue")),
        ("ls", spool.join("failed")),
        ("ls", spool.join("tmp")),
        ("ls", spool.join("drop")),
    ] {
        assert!(!theirs(&[program.as_ref(), path.as_ref()]), "{program} {}", path.display());
    }
    assert!(theirs(&["cat".as_ref(), dropped.as_ref()]), "their own mail is theirs to see");
    let at = |name: &str| house.stranger(["touch"]).arg(spool.join(name)).output().unwrap().status.success();
    assert!(!at("x") && !at("queue/x") && !at("tmp/x") && at("drop/x"));
}

#[test]
fn stranger_hands_in_whatever_state_they_are_in() {
    let Some(house) = House::new() else { return };
    let gone = r#"d=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@""#;
    let config = format!("MAILX_T_CONFIG={}", house.config.display());
    let states: [(&str, &[&str]); 7] = [
        ("plain", &[]),
        ("empty", &["env", "-i", &config]),
        ("mask777", &["sh", "-c", r#"umask 0777; exec "$@""#, "sh"]),
        ("mask000", &["sh", "-c", r#"umask 000; exec "$@""#, "sh"]),
        ("gone", &["sh", "-c", gone, "sh"]),
        ("mute", &["sh", "-c", r#"exec "$@" >&- 2>&-"#, "sh"]),
        ("bound", &["setpriv", "--no-new-privs"]),
    ];
    let has_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    let states = states.iter().filter(|(_, before)| has_setpriv || before.first() != Some(&"setpriv"));
    for (n, (name, before)) in states.clone().enumerate() {
        let output = house.hand_in(before, &format!("{name}@example.test"));
        assert!(output.status.success(), "{name}: {}", complaint(&output));
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{name}: {}", complaint(&output));
        let dropped = house.bench.names("drop");
        assert_eq!(dropped.len(), n + 1, "{name}: {dropped:?}");
        for file in dropped {
            let found = fs::metadata(house.bench.spool().join("drop").join(file)).unwrap();
            assert_eq!((found.uid(), found.mode() & 0o7777), (STRANGER, 0o1640), "{name}");
        }
    }
    let flushed = house.flush();
    assert!(flushed.status.success(), "{}", complaint(&flushed));
    for (name, _) in states {
        let mails = house.mails_to(&format!("{name}@example.test"));
        assert_eq!(mails.len(), 1, "{name}");
        assert_eq!(mails[0].body(), format!("to {name}@example.test\r\n").as_bytes());
    }
    for directory in ["drop", "tmp", "queue", "failed"] {
        assert_eq!(house.bench.names(directory), Vec::<String>::new(), "{directory}/");
    }
}

#[test]
fn what_is_no_mail_is_put_away_and_blocks_nobody() {
    let Some(house) = House::new() else { return };
    let mut files: Vec<(&str, QueueId)> = Vec::new();
    let mut note = |what, id: QueueId| files.push((what, id));
    let id = QueueId::new();
    symlink("/etc/shadow", house.place(&id)).unwrap();
    lchown(house.place(&id), Some(STRANGER), Some(STRANGER)).unwrap();
    note("symlink", id);
    let own = house.bench.file("own", entry(&QueueId::new(), &["link@example.test"], MESSAGE), 0o644);
    chown(&own, Some(STRANGER), Some(STRANGER)).unwrap();
    let id = QueueId::new();
    fs::hard_link(&own, house.place(&id)).unwrap();
    note("hard link", id);
    let id = QueueId::new();
    assert!(house.stranger(["mkfifo"]).arg(house.place(&id)).output().unwrap().status.success());
    note("FIFO", id);
    let id = QueueId::new();
    assert!(house.stranger(["mkdir"]).arg(house.place(&id)).output().unwrap().status.success());
    note("directory", id);
    let id = house.leave("");
    fs::File::options().write(true).open(house.place(&id)).unwrap().set_len(200 << 20).unwrap();
    note("sparse file", id);
    note("empty file", house.leave(""));
    note("garbage", house.leave([0xff; 5000]));
    note("garbage without a line", house.leave(vec![b'x'; 3 << 20]));
    let whole = |to: &[&str]| entry(&QueueId::new(), to, MESSAGE);
    let half = whole(&["half@example.test"]);
    note("half an entry", house.leave(&half[..half.len() - 9]));
    note("half a block", house.leave(&half[..100]));
    note("CR in a recipient", house.leave(whole(&["cr@example.test>\rRCPT TO:<evil@example.test"])));
    note("blanks in a recipient", house.leave(whole(&["a@example.test> RCPT TO:<evil@example.test"])));
    note("a NUL in a recipient", house.leave(whole(&["a\0b@example.test"])));
    let circles = "Received: from here\r\n".repeat(rewrite::MOST_HOPS + 1);
    note("a mail in circles", house.leave(entry(&QueueId::new(), &["a@example.test"], &(circles + MESSAGE))));
    note("no recipient", house.leave(whole(&[])));

    assert!(house.hand_in(&[], "good@example.test").status.success());
    let flushed = house.flush();
    assert!(flushed.status.success(), "{}", complaint(&flushed));
    assert_eq!(house.mails_to("good@example.test").len(), 1);
    assert_eq!(house.running.mails().len(), 1);
    for (what, id) in &files {
        house.assert_refused(id, what);
    }
    assert_eq!(house.bench.names("failed").len(), files.len());
    for directory in ["drop", "tmp", "queue"] {
        assert_eq!(house.bench.names(directory), Vec::<String>::new(), "{directory}/");
    }
    let commands: Vec<String> = house.running.connections().into_iter().flat_map(|c| c.commands).collect();
    assert!(!commands.iter().any(|command| command.contains("evil")), "{commands:?}");
    assert_eq!(fs::metadata(&own).unwrap().uid(), STRANGER);
}

#[test]
fn identity_is_the_owner_and_the_mail_is_rewritten() {
    let Some(house) = House::new() else { return };
    let message = "From: ceo@corp.example\nBcc: secret@example.test\nX: a\rb\nSubject: x\r\n\nbare LF\nbare CR\rend";
    let id = house.leave(entry(&QueueId::new(), &["foreign@example.test"], message));
    let flushed = house.flush();
    assert!(flushed.status.success(), "{}", complaint(&flushed));
    let mails = house.running.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!((mail.reverse_path.as_str(), mail.addresses()), (USER, vec!["foreign@example.test"]));
    assert_eq!(mail.oddities(), Vec::<String>::new());
    assert_eq!(mail.header("Bcc"), Vec::<String>::new());
    let from = mail.header("From");
    assert!(from.len() == 1 && from[0].contains(USER) && !from[0].contains("<ceo@"), "{from:?}");
    let log = house.bench.log();
    let id = house.id_of(&id);
    let line = log.lines().find(|line| line.contains(&format!("{id}: uid="))).expect("a line about the mail");
    assert!(line.contains(&format!("uid={STRANGER}")), "{line}");
}

#[test]
fn what_a_sender_asks_about_delivery_is_passed_on() {
    let Some(house) = House::new() else { return };
    let to = "a@example.test\nnotify: NEVER\norcpt: rfc822;b@example.test\nret: HDRS\nenvid: x";
    house.leave(entry(&QueueId::new(), &[to], MESSAGE));
    assert!(house.flush().status.success());
    let mails = house.running.mails();
    assert_eq!(mails[0].recipients, ["a@example.test NOTIFY=NEVER ORCPT=rfc822;b@example.test"]);
    assert!(mails[0].mail_parameters.contains(&"ENVID=x".to_string()), "{:?}", mails[0].mail_parameters);
}

/// A stranger who knows the name of a mail in the queue must not be able to replace it.
#[test]
fn mail_in_the_queue_is_not_replaced() {
    let Some(house) = House::new() else { return };
    let mut queued = house.bench.command([DOOR, "--config"]);
    queued.arg(&house.config).args(["-odq", "victim@example.test"]);
    let input = house.bench.file("input", "Subject: x\n\nthe victim's\n", 0o644);
    for names_it in [true, false] {
        assert!(queued.stdin(stdin_of(&input)).output().unwrap().status.success());
        let id = QueueId::parse(&house.bench.names("queue")[0]).unwrap();
        let claimed = if names_it { id } else { QueueId::new() };
        house.leave_as(&id, entry(&claimed, &["attacker@example.test"], MESSAGE));
        let flushed = house.flush();
        assert!(flushed.status.success(), "{}", complaint(&flushed));
        let mails = house.mails_to("victim@example.test");
        assert_eq!(mails.len(), 1 + usize::from(!names_it), "the entry names it: {names_it}");
        assert!(mails.iter().all(|mail| mail.body() == b"the victim's\r\n"));
        // It is a mail of its own, under an id of its own.
        assert_eq!(house.mails_to("attacker@example.test").len(), mails.len());
    }
}

#[test]
fn ten_thousand_recipients_hold_nobody_up() {
    let Some(house) = House::new() else { return };
    let to: Vec<String> = (0..10_000).map(|n| format!("r{n}@example.test")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    house.leave(entry(&QueueId::new(), &to, MESSAGE));
    assert!(house.hand_in(&[], "good@example.test").status.success());
    let started = std::time::Instant::now();
    let flushed = house.flush();
    assert!(flushed.status.success(), "{}", complaint(&flushed));
    println!("a mail to 10000 and one to one: {:.1?}", started.elapsed());
    assert_eq!(house.mails_to("good@example.test").len(), 1);
    assert_eq!(house.mails_to("r9999@example.test").len(), 1);
}

#[test]
fn queued_mail_and_other_users_do_not_wait_behind_a_flood() {
    let Some(house) = House::new() else { return };
    for n in 0..80 {
        house.leave(entry(&QueueId::new(), &[&format!("flood{n}@example.test")], MESSAGE));
    }
    let other = house.leave(entry(&QueueId::new(), &["other@example.test"], MESSAGE));
    chown(house.place(&other), Some(STRANGER + 1), None).unwrap();
    let mut queued = house.bench.command([DOOR, "--config"]);
    queued.arg(&house.config).args(["-odq", "urgent@example.test"]);
    let input = house.bench.file("input", "Subject: x\n\nurgent\n", 0o644);
    assert!(queued.stdin(stdin_of(&input)).output().unwrap().status.success());
    let flushed = house.flush();
    assert!(flushed.status.success(), "{}", complaint(&flushed));
    let log = house.bench.log();
    let sent: Vec<&str> = log.lines().filter(|line| line.contains("status=sent")).collect();
    let place = |to: &str| sent.iter().position(|line| line.contains(to)).unwrap();
    assert_eq!((sent.len(), place("<urgent@")), (82, 0), "what is queued is sent before anything is taken in");
    assert!(place("<other@") < 40, "a user's one mail is taken in the first batch, not behind 80 of another");
}

/// A file that is no mail stays in `failed/` for good, so a user's files there have a bound.
#[test]
fn what_finds_no_room_stays_in_drop_and_root_is_told_once() {
    let Some(house) = House::new() else { return };
    let config = fs::read_to_string(&house.config).unwrap();
    fs::write(&house.config, config.replace("[spool]\n", "[spool]\nuser-quota = \"100 kB\"\n")).unwrap();
    for _ in 0..4 {
        house.leave([b'x'; 60_000]);
    }
    symlink("/etc/shadow", house.place(&QueueId::new())).unwrap();
    let other = house.leave(entry(&QueueId::new(), &["other@example.test"], MESSAGE));
    chown(house.place(&other), Some(STRANGER + 1), None).unwrap();
    for _ in 0..2 {
        let flushed = house.flush();
        assert!(flushed.status.success(), "{}", complaint(&flushed));
    }
    let [failed, left] = ["failed", "drop"].map(|place| house.bench.names(place).len());
    // The link is root's here, and found room.
    assert_eq!((failed, left), (3, 2), "two of 60 kB are more than 100 kB");
    assert_eq!(house.mails_to("other@example.test").len(), 1);
    let told = format!("the mail of user {STRANGER} stays in drop/: 2 files and ");
    assert_eq!(house.bench.log().matches(&told).count(), 1, "{}", house.bench.log());
    let mut check = house.bench.command([DOOR, "ctl", "check", "--offline", "--config"]);
    let checked = check.arg(&house.config).output().unwrap();
    assert!(String::from_utf8_lossy(&checked.stdout).contains(&format!("FAIL  {told}")), "{checked:?}");

    // Once somebody has looked at them, there is room.
    fs::read_dir(house.bench.spool().join("failed"))
        .unwrap()
        .for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
    assert!(house.flush().status.success());
    assert_eq!(["failed", "drop"].map(|place| house.bench.names(place).len()), [2, 0]);
}
