//! mailx-t beside other mailers, in one run on one machine: the time to hand a mail in, to bring it to a smarthost, and
//! to empty a queue. `make bench` runs it; docs/performance.md says what the figures mean.
//!
//! Programs take turns inside each round, and the figure that counts is the ratio to the floor of the same round: a
//! program without any of a mailer's care, which is this one under another name. The smarthost is that of the tests,
//! behind a line that holds each byte back for a while.

// The bench prints its results, and a measurement that goes wrong should stop.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod floor;
mod line;
mod mailers;
// Only a part of it is used here.
#[allow(dead_code, unused_imports)]
#[path = "../../tests/smarthost/mod.rs"]
mod smarthost;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use line::Line;
use mailers::{ACCOUNT, Mailer, PASSWORD, Place};
use smarthost::{Running, Smarthost};

/// Longer than any program should take; a longer run is shown as a gap.
const LIMIT: Duration = Duration::from_secs(60);
/// Mails in the queue to be emptied.
const QUEUE: usize = 300;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["floor", ref rest @ ..] => floor::run(rest),
        [release, scratch] => measure(Path::new(release), Path::new(scratch)),
        _ => panic!("usage: rivals RELEASE-DIRECTORY SCRATCH-DIRECTORY; make bench knows both"),
    }
}

fn measure(release: &Path, scratch: &Path) {
    let smarthost = Smarthost::new().account(ACCOUNT, PASSWORD).start();
    let ca = scratch.join("ca.pem");
    fs::write(&ca, smarthost.ca_pem()).unwrap();
    let mail = scratch.join("mail");
    fs::write(&mail, format!("Subject: backup\nTo: ops@example.test\n\n{}", "all is well\n".repeat(80))).unwrap();
    let near = Line::start(smarthost.port(), Duration::ZERO);
    let far = Line::start(smarthost.port(), Duration::from_millis(25));
    let place = |port| Place { release: release.into(), scratch: scratch.into(), ca: ca.clone(), port };
    let bench = Bench { smarthost, mail };

    let mailers = mailers::all(&place(near.port()));
    let names: Vec<&str> = mailers.iter().map(|mailer| mailer.name).collect();
    println!("Mailers here: {}\n", names.join(", "));
    bench.table("Handed in, safe on disk, exit 0 (1 KiB)", &mailers, 21, |mailer| mailer.accept.clone(), None);
    bench.table("Sent, from start to exit 0, no delay", &mailers, 11, |mailer| mailer.send.clone(), Some(1));
    let mailers = mailers::all(&place(far.port()));
    bench.table("Sent, from start to exit 0, 25 ms each way", &mailers, 5, |mailer| mailer.send.clone(), Some(1));
    bench.drains("no delay", &mailers::all(&place(near.port())));
    bench.drains("25 ms each way", &mailers::all(&place(far.port())));
}

struct Bench {
    smarthost: Running,
    mail: PathBuf,
}

impl Bench {
    /// One program after the other in each round, the floor first; the first round only warms up. `arrives` is the
    /// number of mails that the smarthost must have got from each.
    fn table(
        &self,
        title: &str,
        mailers: &[Mailer],
        rounds: usize,
        words: impl Fn(&Mailer) -> Option<Vec<String>>,
        arrives: Option<usize>,
    ) {
        let able: Vec<(&Mailer, Vec<String>)> =
            mailers.iter().filter_map(|mailer| Some((mailer, words(mailer)?))).collect();
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); able.len()];
        for round in 0..=rounds {
            for ((mailer, words), times) in able.iter().zip(&mut times) {
                let before = self.smarthost.mails().len();
                let took = self.run(words);
                if let Some(arrives) = arrives {
                    assert!(
                        self.smarthost.wait_for(before + arrives, LIMIT),
                        "{}: the mail did not arrive",
                        mailer.name
                    );
                }
                if round > 0 {
                    times.push(took);
                }
            }
        }
        for (mailer, _) in &able {
            mailer.clear();
        }
        println!("| {title} | ms | x floor |\n|---|---|---|");
        for ((mailer, _), times_of) in able.iter().zip(&times) {
            let ratios: Vec<f64> =
                times_of.iter().zip(&times[0]).map(|(own, floor)| own.as_secs_f64() / floor.as_secs_f64()).collect();
            let all: Vec<f64> = times_of.iter().map(|took| took.as_secs_f64() * 1000.0).collect();
            println!("| {} | {:.1} | {:.1} |", mailer.name, median(all), median(ratios));
        }
        println!();
    }

    /// The speed at which each empties a queue.
    fn drains(&self, title: &str, mailers: &[Mailer]) {
        println!("| Queue of {QUEUE} emptied, {title} | mails a second | x floor | connections |\n|---|---|---|---|");
        let mut floor = None;
        for mailer in mailers {
            let Some(flush) = &mailer.flush else { continue };
            for _ in 0..QUEUE {
                mailer.accept.iter().for_each(|words| _ = self.run(words));
            }
            let (before, connections) = (self.smarthost.mails().len(), self.smarthost.connections().len());
            let started = Instant::now();
            let mut child = command(flush).stdin(Stdio::null()).spawn().unwrap();
            let is_complete = self.smarthost.wait_for(before + QUEUE, LIMIT);
            let took = started.elapsed();
            // A program that could not do it in time is stopped: it has had its chance.
            if !is_complete {
                child.kill().unwrap();
            }
            child.wait().unwrap();
            let arrived = self.smarthost.mails().len() - before;
            let rate = arrived.min(QUEUE) as f64 / took.as_secs_f64();
            let connections = self.smarthost.connections().len() - connections;
            let ratio = rate / *floor.get_or_insert(rate);
            println!("| {} | {rate:.0} | {ratio:.2} | {connections} |", mailer.name);
            mailer.clear();
            self.smarthost.wait_until_idle(LIMIT);
        }
        println!();
    }

    /// Runs a program on the mail; returns the time it took.
    fn run(&self, words: &[String]) -> Duration {
        let started = Instant::now();
        let output = command(words).stdin(File::open(&self.mail).unwrap()).output().unwrap();
        let took = started.elapsed();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        took
    }
}

/// A command with nothing of our environment.
fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root");
    command
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
