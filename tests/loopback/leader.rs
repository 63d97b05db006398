//! Many submitters and queue runs on one spool, and one relay at a time that sends for all of them, even if relays are
//! killed in the middle of their work.
//!
//! The acts of each come from a fixed seed, and a relay dies when the smarthost has seen so many commands: no step here
//! waits for a clock, only for an end that does not come.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::smarthost::{Act, HANG, On, Point, Received, Running, Smarthost};
use crate::support::bench::{Bench, PASSWORD, USER, complaint, stdin_of};
use crate::support::machine::remember_chunks;
use crate::support::{DOOR, RELAY};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SUBMITTERS: usize = 6;
const MAILS_EACH: usize = 12;
/// The number of relays killed in the middle of their work.
const KILLS: usize = 8;
/// The most mails under way at once while so many wait (docs/spool.md).
const WINDOW: usize = 1 + SUBMITTERS * MAILS_EACH / 8;
/// The mails that the smarthost takes without a word, so that their relay is killed just then.
const STALLS: [usize; 3] = [9, 27, 45];

fn smarthost() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

/// One spool, and all who use it.
struct Crowd {
    running: Running,
    bench: Bench,
    config: PathBuf,
}

impl Crowd {
    fn served_by(smarthost: Smarthost) -> Self {
        let running = smarthost.start();
        let bench = Bench::new();
        let config = bench.configure("config", &running, "");
        remember_chunks(&bench.spool(), &running);
        bench.file("input", "Subject: x\n\nbody\n", 0o644);
        Self { running, bench, config }
    }

    fn run(&self, program: &str, words: &[&str]) -> Output {
        let mut command = self.bench.command([OsStr::new(program), "--config".as_ref(), self.config.as_ref()]);
        command.args(words).stdin(stdin_of(&self.bench.root().join("input"))).output().unwrap()
    }

    /// Hands in a mail to that address.
    fn submit(&self, how: &str, address: &str) {
        let output = self.run(DOOR, &[how, address]);
        assert!(output.status.success(), "{how} {address}: {:?} {}", output.status, complaint(&output));
    }

    /// The relays at work on this spool.
    fn relays(&self) -> Vec<Pid> {
        let config = self.config.to_str().unwrap();
        let is_ours = |pid: &i32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = words.split(|byte| *byte == 0).collect();
            words.first() == Some(&RELAY.as_bytes()) && words.contains(&config.as_bytes())
        };
        let found = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        found.filter(is_ours).map(Pid::from_raw).collect()
    }

    fn assert_spool_is_empty(&self) {
        for directory in ["drop", "queue", "failed"] {
            assert_eq!(self.bench.names(directory), Vec::<String>::new(), "{directory}/");
        }
    }
}

/// The submissions of each submitter, one after the other: `-odb` or `-odi`, and the address.
fn plan() -> Vec<Vec<(&'static str, String)>> {
    let mut chance = fastrand::Rng::with_seed(20_261_120);
    let mut one = |who: usize, n: usize| {
        let how = if chance.u8(0..4) == 0 { "-odi" } else { "-odb" };
        (how, format!("s{who}m{n}@example.test"))
    };
    (0..SUBMITTERS).map(|who| (0..MAILS_EACH).map(|n| one(who, n)).collect()).collect()
}

/// No queue run helps anybody here: a submitter that finds a leader at work relies on it.
#[test]
fn no_wake_up_is_lost() {
    let crowd = Crowd::served_by(smarthost());
    let started = Instant::now();
    std::thread::scope(|scope| {
        for mails in plan() {
            let crowd = &crowd;
            scope.spawn(move || mails.iter().for_each(|(how, address)| crowd.submit(how, address)));
        }
    });
    let all = SUBMITTERS * MAILS_EACH;
    let is_complete = crowd.running.wait_for(all, HANG) && crowd.running.wait_until_idle(HANG);
    let mails = crowd.running.mails().len();
    assert!(is_complete, "{mails} of {all} arrived; the queue holds {:?}", crowd.bench.names("queue"));
    assert_eq!(mails, all);
    assert!(crowd.running.peak() <= 2, "{} connections at once", crowd.running.peak());
    println!("{all} mails over {} connections in {:.1?}", crowd.running.connections().len(), started.elapsed());
    // The last relay may still be taking the last mail out of the queue.
    assert!(crowd.run(DOOR, &["-q"]).status.success());
    crowd.assert_spool_is_empty();
}

#[test]
fn mails_survive_relays_that_are_killed() {
    // A rule does not count the visits at which an earlier one fired.
    let stall = |host: Smarthost, (k, n): (usize, &usize)| {
        host.on(On::at(Point::Content).skip(n - 1 - k).times(1), Act::StoreThenStall)
    };
    let crowd = Crowd::served_by(STALLS.iter().enumerate().fold(smarthost(), stall));
    let (accepted, killed, busy) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(SUBMITTERS + 1));
    let kill_relays = || {
        // A relay that has just ended needs no killing.
        let dead = crowd.relays().into_iter().filter(|pid| kill(*pid, Signal::SIGKILL).is_ok()).count();
        killed.fetch_add(dead, Ordering::SeqCst);
    };
    // False if everybody has gone home before that came.
    let comes = |wait: &dyn Fn(Duration) -> bool| {
        std::iter::repeat_with(|| wait(Duration::from_millis(100)))
            .find(|is_here| *is_here || busy.load(Ordering::SeqCst) == 0)
            .unwrap_or(false)
    };
    std::thread::scope(|scope| {
        let (crowd, accepted, busy, kill_relays, comes) = (&crowd, &accepted, &busy, &kill_relays, &comes);
        for mails in plan() {
            scope.spawn(move || {
                for (how, address) in mails {
                    crowd.submit(how, &address);
                    accepted.lock().unwrap().push(address);
                }
                busy.fetch_sub(1, Ordering::SeqCst);
            });
        }
        scope.spawn(move || {
            for n in STALLS {
                assert!(crowd.running.wait_for(n, HANG), "mail {n} does not come");
                kill_relays();
            }
            busy.fetch_sub(1, Ordering::SeqCst);
        });
        // A run may be killed like any relay, so its end says nothing; but it goes on if all others are dead.
        scope.spawn(move || {
            while busy.load(Ordering::SeqCst) > 0 {
                drop(crowd.run(RELAY, &["flush"]));
            }
        });
        scope.spawn(move || (0..MAILS_EACH).for_each(|_| drop(crowd.run(RELAY, &["flush", "--due"]))));
        scope.spawn(move || {
            let mut chance = fastrand::Rng::with_seed(46);
            let mut commands = 0;
            for _ in 0..KILLS {
                // Every mail is four commands or more: all kills come before the last mail.
                commands += chance.usize(2..SUBMITTERS * MAILS_EACH * 3 / KILLS);
                if comes(&|limit| crowd.running.wait_for_commands(commands, limit)) {
                    kill_relays();
                }
            }
        });
    });
    let last = crowd.run(DOOR, &["-q"]);
    assert!(last.status.success(), "{}", complaint(&last));
    assert!(crowd.running.wait_until_idle(HANG));

    let (accepted, killed) = (accepted.into_inner().unwrap(), killed.into_inner());
    let (mails, connections) = (crowd.running.mails(), crowd.running.connections());
    println!(
        "{} mails, {killed} relays killed, {} connections, {} copies",
        accepted.len(),
        connections.len(),
        mails.len()
    );
    assert_eq!(accepted.len(), SUBMITTERS * MAILS_EACH);
    assert!(mails.len() > accepted.len(), "no relay was killed after a final dot");
    // A relay that was killed before it knew the answer did not say QUIT, and those mails were the last it sent.
    let is_cut_off = |mail: &Received| {
        let mut sent = mails.iter().rev().filter(|other| other.connection == mail.connection);
        !connections[mail.connection].is_quit && sent.by_ref().take(WINDOW).any(|other| other == mail)
    };
    for address in accepted {
        let copies: Vec<&Received> = mails.iter().filter(|mail| mail.addresses() == [address.as_str()]).collect();
        let (_, earlier) = copies.split_last().unwrap_or_else(|| panic!("{address} was accepted and is lost"));
        assert!(earlier.iter().all(|copy| is_cut_off(copy)), "{address} came {} times without need", copies.len());
        assert!(copies.iter().all(|copy| copy.content == copies[0].content), "{address}: the copies differ");
    }
    // The server may not have noticed yet the end of those two that a killed relay had.
    assert!(crowd.running.peak() <= 4, "{} connections at once", crowd.running.peak());
    crowd.assert_spool_is_empty();
}
