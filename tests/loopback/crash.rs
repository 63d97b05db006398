//! Crash and fault sweeps: each program is killed at each of its system calls, and each call fails in turn; then an
//! undisturbed queue run follows, and `docs/spool.md` says what the result must be.
//!
//! strace does both (Debian package strace). A run without a fault tells which calls there are; from the reading of the
//! configuration on, each is a point: SIGKILL and EIO at every call, EROFS at those that change a file, ENOSPC at those
//! that take room (once, and for good from there on), EINTR at those that may have to wait. The verdict: a mail that
//! was accepted is delivered exactly once and whole, any other at most once; and every file in the spool is one that
//! the page names. Only a kill, and a fault on the wire, may have a mail sent twice.
//!
//! The programs run in a mount namespace of their own, in which the machine's spool and root's home are directories of
//! the test: mail that cannot be accepted is saved there, not in the real ones.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::smarthost::{self, Act, On, Received, Running, Smarthost};
use crate::support::bench::{self, Bench, PASSWORD, USER, complaint, is_id, stdin_of};
use crate::support::strace::{self, Call, Fault, Point};
use crate::support::{DOOR, RELAY};
use flate2::read::MultiGzDecoder;
use mailx_t::spool::QueueId;

pub(super) fn smarthost() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD).on(refused(), Act::reply("550 5.1.1 nobody of that name"))
}

fn refused() -> On {
    On::at(smarthost::Point::Rcpt).containing("refused")
}

/// As `smarthost`, but it does not take everything at once.
fn busy_smarthost() -> Smarthost {
    smarthost().on(On::at(smarthost::Point::Rcpt).containing("later"), Act::reply("451 4.2.1 try later"))
}

/// The reason why the test cannot judge here; printed, so that nobody takes the silence for success.
pub(super) fn is_skipped() -> bool {
    strace::require();
    let reason = bench::no_namespace();
    reason.iter().for_each(|reason| println!("skipped: no mount namespace to protect the real home with: {reason}"));
    reason.is_some()
}

pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// A program under strace on a bench: its output, and the trace.
pub(super) fn traced(bench: &Bench, program: &[&str], config: &Path, point: Option<&Point>) -> (Output, String) {
    let trace = bench.root().join("trace");
    let mut words: Vec<OsString> = strace::words(&trace, point);
    words.extend([program[0].into(), "--config".into(), config.into()]);
    words.extend(program[1..].iter().map(OsString::from));
    let mut command = bench.sandboxed(words);
    let input = bench.root().join("input");
    if input.exists() {
        command.stdin(stdin_of(&input));
    }
    let output = command.output().unwrap();
    let trace = fs::read_to_string(&trace).unwrap_or_default();
    assert!(!trace.is_empty(), "strace did not start: {}", complaint(&output));
    (output, trace)
}

/// Deliveries to an address, reports aside.
fn deliveries(running: &[&Running], address: &str) -> Vec<Received> {
    let all = running.iter().flat_map(|running| running.mails());
    all.filter(|mail| mail.addresses().contains(&address) && !is_report(mail)).collect()
}

fn is_report(mail: &Received) -> bool {
    mail.header("Content-Type").iter().any(|value| value.starts_with("multipart/report"))
}

fn is_whole(mail: &Received, body: &str) -> bool {
    mail.body() == body.replace('\n', "\r\n").as_bytes()
}

/// The mail is the message, or it names the place where the whole of it stands.
fn is_whole_or_cut(mail: &Received, body: &str) -> bool {
    let text = String::from_utf8_lossy(mail.body());
    let told = text.split_once("compressed, in\r\n").and_then(|(_, rest)| rest.split_once(']'));
    is_whole(mail, body) || told.is_some_and(|(place, _)| unpacked(place).is_some_and(|whole| whole.ends_with(body)))
}

/// The text, with the line ends it was handed in with.
fn unpacked(place: &str) -> Option<String> {
    let mut text = String::new();
    MultiGzDecoder::new(File::open(place).ok()?).read_to_string(&mut text).ok()?;
    Some(text.replace("\r\n", "\n"))
}

/// A configuration with more settings for the spool.
fn configure(bench: &Bench, name: &str, running: &Running, spool: &str) -> PathBuf {
    let path = bench.configure(name, running, "");
    // Its last table is that of the spool.
    fs::write(&path, fs::read_to_string(&path).unwrap() + spool).unwrap();
    path
}

/// The points at files of the spool; the rest is swept with mails that are not cut.
pub(super) fn in_spool(points: Vec<Point>) -> Vec<Point> {
    let points = strace::changing(points).into_iter();
    points.filter(|point| point.call.text.contains("/machine/mailx-t/")).collect()
}

/// Checks the debris in `tmp/`: a killed program may leave some; a program that was told of an error may not.
pub(super) fn check_debris(bench: &Bench, point: &Point) -> Result<(), String> {
    let debris = bench.names("tmp");
    let is_of = |name: &String, suffix| name.strip_suffix(suffix).is_some_and(is_id);
    let is_unlinked = point.call.name.starts_with("unlink") && point.call.text.contains("/tmp/");
    let is_draft = |name: &String| is_id(name) || is_of(name, ".gz");
    let may_stay = point.fault == Fault::Kill || is_unlinked;
    let is_named = |name: &String| may_stay && is_draft(name) || is_unlinked && is_of(name, ".body");
    ensure(debris.iter().all(is_named), || format!("tmp/ holds {debris:?}"))
}

// The door.

#[test]
fn door_loses_and_doubles_nothing_at_any_system_call() {
    sweep_door("door, small mail", &"a line\n.\nand another\n".repeat(3), "");
}

#[test]
fn door_loses_and_doubles_nothing_while_a_large_body_is_in_a_file() {
    sweep_door("door, large mail", &"a line of a body that does not stay in memory\n".repeat(8000), "");
}

#[test]
fn door_keeps_the_whole_of_a_mail_that_it_cuts_at_any_system_call() {
    sweep_door("door, cut mail", &"a line\n".repeat(1200), SMALL);
}

#[test]
fn door_syncs_file_then_name_before_it_says_yes() {
    if is_skipped() {
        return;
    }
    let running = smarthost().start();
    let calls = Submission::new(&running, 0, "body\n", "").calls();
    let at = |name: &str, part: &str| {
        calls.iter().position(|call| call.name == name && call.text.contains(part)).expect("the step is there")
    };
    let last_write =
        calls.iter().rposition(|call| call.name.contains("write") && call.text.contains("/mailx-t/tmp/")).unwrap();
    let steps =
        [last_write, at("fsync", "/mailx-t/tmp/"), at("renameat2", "/mailx-t/queue/"), at("fsync", "/mailx-t/queue>")];
    assert!(steps.is_sorted(), "{steps:?}");
}

#[test]
fn mail_whose_queue_id_another_process_has_given_gets_another() {
    if is_skipped() {
        return;
    }
    let running = smarthost().start();
    let calls = Submission::new(&running, 0, "body\n", "").calls();
    // The other one writes it still, or has put it into the queue already.
    let makes_the_draft = |call: &&Call| call.text.contains("/mailx-t/tmp/") && call.text.contains("O_EXCL");
    let puts_it_into_the_queue = |call: &&Call| call.name == "renameat2" && call.text.contains("/mailx-t/queue/");
    for call in [calls.iter().find(makes_the_draft), calls.iter().find(puts_it_into_the_queue)] {
        let call = call.expect("the step is there").clone();
        let submission = Submission::new(&running, 1, "body\n", "");
        let (output, trace) = submission.run(Some(&Point { call, fault: Fault::Error("EEXIST") }));
        assert!(trace.contains("(INJECTED)"), "{trace}");
        assert!(output.status.success() && complaint(&output).is_empty(), "{}", complaint(&output));
        assert_eq!(submission.bench.names("queue").iter().filter(|name| is_id(name)).count(), 1);
        assert!(submission.bench.names("tmp").is_empty());
    }
}

/// The most octets of a mail that leaves.
const SMALL: &str = "max-message-size = \"6000 B\"\n";

fn sweep_door(what: &str, body: &str, spool: &str) {
    if is_skipped() {
        return;
    }
    let running = smarthost().start();
    let calls = Submission::new(&running, 0, body, spool).calls();
    let mut points = strace::points(&calls);
    let fills_up = |call: &&Call| matches!(call.name.as_str(), "write" | "pwrite64" | "fsync" | "renameat2");
    points.extend(
        calls.iter().filter(fills_up).map(|call| Point { call: call.clone(), fault: Fault::Lasting("ENOSPC") }),
    );
    let points = if spool.is_empty() { points } else { in_spool(points) };
    strace::sweep(what, &points, |n, point| Submission::new(&running, n + 1, body, spool).suffer(point));
}

/// One mail handed in with `-odq`.
struct Submission<'a> {
    running: &'a Running,
    bench: Bench,
    config: PathBuf,
    address: String,
    body: &'a str,
    input: Vec<u8>,
}

impl<'a> Submission<'a> {
    fn new(running: &'a Running, number: usize, body: &'a str, spool: &str) -> Self {
        let bench = Bench::new();
        let config = configure(&bench, "config", running, spool);
        let address = format!("door{number}.{}@example.test", body.len());
        let input = format!("Subject: x\nTo: {address}\n\n{body}").into_bytes();
        bench.file("input", &input, 0o644);
        Self { running, bench, config, address, body, input }
    }

    fn run(&self, point: Option<&Point>) -> (Output, String) {
        traced(&self.bench, &[DOOR, "-odq", &self.address], &self.config, point)
    }

    fn calls(&self) -> Vec<Call> {
        let (output, trace) = self.run(None);
        assert!(output.status.success(), "{}", complaint(&output));
        strace::work(&trace, "config.toml")
    }

    fn suffer(&self, point: &Point) -> Result<bool, String> {
        let (output, trace) = self.run(Some(point));
        let is_accepted = output.status.success();
        let said = complaint(&output);
        if !point.is_hit(&trace) {
            return Ok(false);
        }
        ensure(point.fault != Fault::Kill || !is_accepted, || "a killed program said 0".into())?;
        ensure(point.fault != Fault::Error("EINTR") || is_accepted, || format!("EINTR was not borne: {said}"))?;
        // The fault was in telling.
        let is_unspoken = point.call.name == "write" && point.call.text.starts_with("2<");
        // The smarthost may still take a mail that the spool cannot keep, and the caller is told.
        let is_told = said.ends_with("the mail was sent at once instead of being kept") || said.contains("was cut");
        ensure(said.is_empty() || is_told || is_unspoken || !is_accepted, || format!("accepted, but said: {said}"))?;
        let can_speak = matches!(point.fault, Fault::Error(_));
        ensure(!can_speak || is_accepted || !said.is_empty(), || "refused without a word".into())?;
        check_debris(&self.bench, point)?;
        let failed = self.bench.names("failed");
        // Handed to the relay, which could not answer: it may have been sent.
        let is_carried = trace.contains("mailx-t-relay");
        let may_be_cut = is_accepted || is_carried || point.fault == Fault::Kill;
        let is_due = |name: &String| name.ends_with(".input") || may_be_cut && name.ends_with(".gz");
        ensure(failed.iter().all(is_due), || format!("failed/ holds {failed:?}"))?;
        let saved = self.bench.saved();
        let is_mine = |saved: &Vec<u8>| saved.windows(self.input.len()).any(|window| window == self.input);
        ensure(!can_speak || saved.iter().all(is_mine), || "what was saved is not what came".into())?;

        let flushed = self.bench.flush(&self.config);
        ensure(flushed.status.success(), || format!("the queue run failed: {}", complaint(&flushed)))?;
        let mails = deliveries(&[self.running], &self.address);
        let copies = mails.len();
        ensure(copies == 1 || !is_accepted && copies == 0, || format!("exit {:?}, {copies} arrived", output.status))?;
        ensure(mails.iter().all(|mail| is_whole_or_cut(mail, self.body)), || "it did not arrive whole".into())?;
        let left = self.bench.names("queue");
        ensure(left.is_empty(), || format!("queue/ still holds {left:?}"))?;
        // Only the caller has the mail if stdin itself could not be read.
        let is_of_stdin = point.call.name == "read" && point.call.text.starts_with("0<");
        let is_kept = copies + saved.len() > 0 || is_of_stdin || !can_speak;
        ensure(is_kept, || format!("refused and not kept anywhere: {said}"))?;
        Ok(true)
    }
}

// The relay.

#[test]
fn relay_delivers_once_whatever_system_call_it_dies_at() {
    sweep_relay(&Delivery { name: "one", recipients: &["one"], sender: "boss", size: 1 });
}

#[test]
fn relay_settles_each_recipient_once() {
    sweep_relay(&Delivery { name: "three", recipients: &["good", "refused", "later"], sender: "boss", size: 1 });
}

#[test]
fn large_refused_mail_is_reported_and_kept() {
    sweep_relay(&Delivery { name: "large", recipients: &["refused"], sender: "boss", size: 8000 });
}

#[test]
fn report_that_nobody_takes_is_kept() {
    sweep_relay(&Delivery { name: "lost", recipients: &["refused"], sender: "refused-boss", size: 1 });
}

#[test]
fn mail_that_is_cut_for_the_smarthost_is_delivered_once_and_kept_whole() {
    sweep_relay(&Delivery { name: "recut", recipients: &["good"], sender: "boss", size: 2500 });
}

#[test]
fn refused_mail_has_its_journal_on_disk_before_it_leaves_the_queue() {
    if is_skipped() {
        return;
    }
    let (busy, healthy) = (busy_smarthost().start(), smarthost().start());
    let delivery = Delivery { name: "large", recipients: &["refused"], sender: "boss", size: 8000 };
    let attempt = Attempt::new(&delivery, &busy, &healthy, 0);
    let id = attempt.bench.names("queue").remove(0);
    let trace = attempt.run(None).1;
    let at = |name: &str, part: String| {
        let is_step = |call: &Call| call.name == name && call.text.contains(&part);
        strace::calls(&trace).iter().position(is_step).expect("the step is there")
    };
    let steps = [
        at("fsync", format!("/failed/{id}.journal>")),
        at("rename", format!("/failed/{id}\"")),
        at("fsync", "/failed>".into()),
        at("unlink", format!("/queue/{id}.journal\"")),
    ];
    assert!(steps.is_sorted(), "{steps:?}");
}

#[test]
fn mail_out_of_drop_cannot_come_back_once_it_is_sent() {
    if is_skipped() {
        return;
    }
    let running = smarthost().start();
    let bench = Bench::new();
    let config = bench.configure("config", &running, "");
    let id = QueueId::new();
    let block = "originator: root\nto: dropped@example.test\nmessage-id: <1@example.test>\nbody: 7bit\nrepairs: ";
    let head = format!("mailx-t-entry: 1\nid: {id}\narrived: 2026-11-20T09:30:03Z\nuid: 0\nfrom: {USER}\n{block}");
    fs::write(bench.spool().join("drop").join(id.as_str()), format!("{head}\nsize: 000000000000006\n\n\r\nx\r\n\n"))
        .unwrap();
    // The queue is open to us, so that it has to be another user who leaves a mail.
    std::os::unix::fs::chown(bench.spool().join("drop").join(id.as_str()), Some(54_321), None).unwrap();
    let (output, trace) = traced(&bench, &[RELAY, "flush"], &config, None);
    assert!(output.status.success(), "{}", complaint(&output));
    assert_eq!(deliveries(&[&running], "dropped@example.test").len(), 1);
    let calls = strace::calls(&trace);
    let after = |start: usize, name: &str, part: &str| {
        let is_step = |call: &Call| call.name.starts_with(name) && call.text.contains(part);
        start + calls[start..].iter().position(is_step).unwrap_or_else(|| panic!("no {name} of {part}"))
    };
    let gone = after(0, "unlink", ".drop\"");
    let synced = after(gone, "fsync", "/drop>").max(after(gone, "fsync", "/tmp>"));
    assert!(synced < after(0, "connect", "sin_port"), "it was sent before it was gone for good");
}

/// A mail in the queue, and its expected end.
struct Delivery {
    name: &'static str,
    recipients: &'static [&'static str],
    sender: &'static str,
    size: usize,
}

/// One try of it, on a bench of its own.
struct Attempt<'a> {
    delivery: &'a Delivery,
    busy: &'a Running,
    healthy: &'a Running,
    number: usize,
    bench: Bench,
    configs: [PathBuf; 2],
    body: String,
}

fn sweep_relay(delivery: &Delivery) {
    if is_skipped() {
        return;
    }
    let is_recut = delivery.name == "recut";
    let busy = if is_recut { smarthost().keyword("SIZE", "SIZE 12000") } else { busy_smarthost() };
    let (busy, healthy) = (busy.start(), smarthost().start());
    let attempt = |number| Attempt::new(delivery, &busy, &healthy, number);
    let (output, trace) = attempt(0).run(None);
    assert!(output.status.success(), "{}", complaint(&output));
    let points = strace::points(&strace::work(&trace, "busy.toml"));
    let points = match delivery.name {
        "one" => points,
        "recut" => in_spool(points),
        _ => strace::changing(points),
    };
    strace::sweep(&format!("relay, {}", delivery.name), &points, |n, point| attempt(n + 1).suffer(point));
}

impl<'a> Attempt<'a> {
    fn new(delivery: &'a Delivery, busy: &'a Running, healthy: &'a Running, number: usize) -> Self {
        let bench = Bench::new();
        let configs = [bench.configure("busy", busy, ""), bench.configure("healthy", healthy, "")];
        let body = "a line\n".repeat(delivery.size);
        if delivery.name == "lost" {
            bench.file("aliases", "root: refused-root@example.test\n", 0o644);
        }
        let new = Self { delivery, busy, healthy, number, bench, configs, body };
        let input = new.bench.file("mail", format!("Subject: x\n\n{}", new.body), 0o644);
        let mut words = [DOOR, "--config"].map(OsString::from).to_vec();
        words.extend([new.configs[0].clone().into(), "-odq".into(), "-f".into(), new.address(delivery.sender).into()]);
        words.extend(delivery.recipients.iter().map(|name| new.address(name).into()));
        let output = new.bench.command(words).stdin(stdin_of(&input)).output().unwrap();
        assert!(output.status.success(), "{}", complaint(&output));
        new
    }

    fn address(&self, name: &str) -> String {
        format!("{}{}-{name}@example.test", self.delivery.name, self.number)
    }

    fn run(&self, point: Option<&Point>) -> (Output, String) {
        traced(&self.bench, &[RELAY, "flush"], &self.configs[0], point)
    }

    fn suffer(&self, point: &Point) -> Result<bool, String> {
        let id = self.bench.names("queue").remove(0);
        let (output, trace) = self.run(Some(point));
        ensure(output.status.success() || point.is_hit(&trace), || format!("it failed: {}", complaint(&output)))?;
        check_debris(&self.bench, point)?;
        let flushed = self.bench.flush(&self.configs[1]);
        ensure(flushed.status.success(), || format!("the queue run failed: {}", complaint(&flushed)))?;
        self.check_recipients(point, &id, &trace)?;
        self.check_reports(&trace)?;
        self.check_told(point)?;
        self.check_spool(&id)?;
        Ok(point.is_hit(&trace))
    }

    fn check_recipients(&self, point: &Point, id: &str, trace: &str) -> Result<(), String> {
        // Settled as far as a second run can see: its own removal, or the journal's line.
        let is_settled = strace::calls(trace).iter().any(|call| {
            let is_removal = call.name.starts_with("unlink") && call.text.contains(&format!("queue/{id}\""));
            let is_journal = call.name == "write" && call.text.contains(&format!("queue/{id}.journal>"));
            let is_line = is_journal && call.text.contains("\\tsent\\t");
            (is_removal || is_line) && !call.text.contains(" = -1") && !call.text.contains(" = ?")
        });
        // An error that the relay is told of leaves it another record. On the wire, what became of the mail is lost.
        let is_in_doubt = point.fault == Fault::Kill || point.call.text.contains("socket:");
        for name in self.delivery.recipients {
            let address = self.address(name);
            let first = deliveries(&[self.busy], &address).len();
            let mails = deliveries(&[self.busy, self.healthy], &address);
            let copies = mails.len();
            if name.contains("refused") {
                ensure(copies == 0, || format!("{name} was refused and has it"))?;
                continue;
            }
            // The mail was taken, and the relay had no time to write that down: the window that SMTP leaves open.
            let is_excused = first == 1 && copies == 2 && !is_settled && is_in_doubt;
            ensure(copies == 1 || is_excused, || format!("{name} has it {copies} times, {first} of them at first"))?;
            ensure(mails.iter().all(|mail| is_whole_or_cut(mail, &self.body)), || {
                format!("{name} has not got it whole")
            })?;
            let ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
            ensure(ids.iter().all(|id| *id == ids[0] && id.len() == 1), || format!("Message-ID: {ids:?}"))?;
        }
        Ok(())
    }

    /// One report, or two if the relay could not write down that it had written the first.
    fn check_reports(&self, trace: &str) -> Result<(), String> {
        let boss = self.address(self.delivery.sender);
        let is_to_boss = |mail: &Received| is_report(mail) && mail.addresses() == [boss.as_str()];
        let both = [self.busy, self.healthy].into_iter().flat_map(Running::mails);
        let reports: Vec<Received> = both.filter(is_to_boss).collect();
        let is_due = self.delivery.recipients.contains(&"refused") && !self.delivery.sender.contains("refused");
        // The number of reports in the queue when the relay ended; one sent in the same run may be doubled like any
        // mail.
        let is_written = strace::calls(trace)
            .iter()
            .any(|call| call.name.starts_with("rename") && call.text.contains("/mailx-t/tmp/"));
        let most = if is_due && is_written { 2 } else { usize::from(is_due) };
        let least = usize::from(is_due);
        ensure((least..=most).contains(&reports.len()), || format!("{} reports, {least} to {most} due", reports.len()))
    }

    /// The log tells of a refusal if no mail can, unless the fault was in the log.
    fn check_told(&self, point: &Point) -> Result<(), String> {
        let is_due = self.delivery.name == "lost" && !point.call.text.contains("/log");
        let log = fs::read_to_string(self.bench.root().join("log")).unwrap_or_default();
        ensure(!is_due || log.contains("a report could not be delivered"), || format!("nobody is told: {log}"))
    }

    fn check_spool(&self, id: &str) -> Result<(), String> {
        let queue = self.bench.names("queue");
        // Without its entry a journal means nothing and may be removed.
        let is_orphan = |name: &String| name.strip_suffix(".journal").is_some_and(is_id);
        ensure(queue.iter().all(is_orphan), || format!("queue/ still holds {queue:?}"))?;
        let failed = self.bench.names("failed");
        if self.delivery.name == "recut" {
            return ensure(failed.iter().all(|name| *name == format!("{id}.gz")), || {
                format!("failed/ holds {failed:?}")
            });
        }
        let entries: Vec<&String> = failed.iter().filter(|name| is_id(name)).collect();
        let journals = failed.iter().filter(|name| name.ends_with(".journal")).count();
        ensure(entries.len() == journals && failed.len() == 2 * journals, || format!("failed/ holds {failed:?}"))?;
        match self.delivery.name {
            "large" => ensure(entries == [id], || format!("failed/ holds {failed:?}")),
            // A report may have lost its mail to a crash, and is kept too.
            "lost" => ensure(entries.iter().any(|name| *name == id) && entries.len() <= 2, || {
                format!("failed/ holds {failed:?}")
            }),
            _ => ensure(entries.is_empty(), || format!("failed/ holds {failed:?}")),
        }
    }
}
