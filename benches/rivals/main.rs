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
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use line::Line;
use mailers::{ACCOUNT, Mailer, PASSWORD, Place, Trouble};
use smarthost::{Running, Smarthost};

/// Longer than any program should take; a longer run is shown as a gap.
const LIMIT: Duration = Duration::from_secs(60);
/// Mails in the queue to be emptied.
const QUEUE: usize = 300;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["floor", ref rest @ ..] => floor::run(rest),
        [release, scratch] => return measure(Path::new(release), Path::new(scratch)),
        _ => panic!("usage: rivals RELEASE-DIRECTORY SCRATCH-DIRECTORY; make bench knows both"),
    }
    ExitCode::SUCCESS
}

fn measure(release: &Path, scratch: &Path) -> ExitCode {
    let smarthost = Smarthost::new().account(ACCOUNT, PASSWORD).start();
    let ca = mailers::shared(scratch).join("ca.pem");
    fs::write(&ca, smarthost.ca_pem()).unwrap();
    let mail = scratch.join("mail");
    fs::write(&mail, format!("Subject: backup\nTo: ops@example.test\n\n{}", "all is well\n".repeat(80))).unwrap();
    let near = Line::start(smarthost.port(), Duration::ZERO);
    let far = Line::start(smarthost.port(), Duration::from_millis(25));
    let place = |port| Place { release: release.into(), scratch: scratch.into(), ca: ca.clone(), port };
    let mut bench = Bench { smarthost, mail, troubles: Vec::new() };

    let mailers = bench.set_up(&place(near.port()));
    let names: Vec<&str> = mailers.iter().map(|mailer| mailer.name).collect();
    println!("Mailers here: {}\n", names.join(", "));
    bench.table("Handed in, safe on disk, exit 0 (1 KiB)", &mailers, 21, |mailer| mailer.accept.clone(), None);
    bench.table("Sent, from start to exit 0, no delay", &mailers, 11, |mailer| mailer.send.clone(), Some(1));
    let mailers = bench.set_up(&place(far.port()));
    bench.table("Sent, from start to exit 0, 25 ms each way", &mailers, 5, |mailer| mailer.send.clone(), Some(1));
    let mailers = bench.set_up(&place(near.port()));
    bench.drains("no delay", &mailers);
    let mailers = bench.set_up(&place(far.port()));
    bench.drains("25 ms each way", &mailers);
    bench.end()
}

struct Bench {
    smarthost: Running,
    mail: PathBuf,
    /// The troubles so far, each with the name of its mailer.
    troubles: Vec<Trouble>,
}

/// A mailer in a table.
struct Entrant<'a> {
    mailer: &'a Mailer,
    words: Vec<String>,
    /// The time of each round, or the reason why there are no more rounds.
    times: Result<Vec<Duration>, Trouble>,
}

impl Bench {
    /// Every mailer of this machine that can be set up.
    fn set_up(&mut self, place: &Place) -> Vec<Mailer> {
        let (ready, left_out): (Vec<_>, Vec<_>) = mailers::all(place).into_iter().partition(Result::is_ok);
        self.troubles.extend(left_out.into_iter().filter_map(Result::err));
        ready.into_iter().filter_map(Result::ok).collect()
    }

    /// One program after the other in each round, the floor first; the first round only warms up. `arrives` is the
    /// number of mails that the smarthost must have got from each. A mailer that fails leaves the table; the others go
    /// on.
    fn table(
        &mut self,
        title: &str,
        mailers: &[Mailer],
        rounds: usize,
        words: impl Fn(&Mailer) -> Option<Vec<String>>,
        arrives: Option<usize>,
    ) {
        let able = mailers.iter().filter_map(|mailer| Some((mailer, words(mailer)?)));
        let mut entrants: Vec<Entrant<'_>> =
            able.map(|(mailer, words)| Entrant { mailer, words, times: Ok(Vec::new()) }).collect();
        for round in 0..=rounds {
            for Entrant { words, times, .. } in &mut entrants {
                let Ok(so_far) = times else { continue };
                match self.run_to_arrival(words, arrives) {
                    Ok(took) if round > 0 => so_far.push(took),
                    Ok(_) => {}
                    Err(trouble) => *times = Err(trouble),
                }
            }
        }
        println!("| {title} | ms | x floor |\n|---|---|---|");
        let floor = entrants[0].times.clone().expect("without the floor there is no ratio");
        for Entrant { mailer, times, .. } in entrants {
            mailer.clear();
            let cells = times.map(|times| {
                let ratios = times.iter().zip(&floor).map(|(own, floor)| own.as_secs_f64() / floor.as_secs_f64());
                let all = times.iter().map(|took| took.as_secs_f64() * 1000.0);
                format!("{:.1} | {:.1}", median(all.collect()), median(ratios.collect()))
            });
            self.row(mailer, cells, "failed | –");
        }
        println!();
    }

    /// The speed at which each empties a queue.
    fn drains(&mut self, title: &str, mailers: &[Mailer]) {
        println!("| Queue of {QUEUE} emptied, {title} | mails a second | x floor | connections |\n|---|---|---|---|");
        let mut floor = None;
        for mailer in mailers {
            let Some(flush) = &mailer.flush else { continue };
            let cells = self.drain(mailer, flush).map(|(rate, connections)| {
                let ratio = rate / *floor.get_or_insert(rate);
                format!("{rate:.0} | {ratio:.2} | {connections}")
            });
            self.row(mailer, cells, "failed | – | –");
            mailer.clear();
            self.smarthost.wait_until_idle(LIMIT);
        }
        println!();
    }

    fn row(&mut self, mailer: &Mailer, cells: Result<String, Trouble>, failed: &str) {
        println!("| {} | {} |", mailer.name, cells.as_deref().unwrap_or(failed));
        self.troubles.extend(cells.err().map(|trouble| format!("{}: {trouble}", mailer.name)));
    }

    /// Mails a second, and the number of connections that they took.
    fn drain(&self, mailer: &Mailer, flush: &[String]) -> Result<(f64, usize), Trouble> {
        for _ in 0..QUEUE {
            mailer.accept.iter().try_for_each(|words| self.run(words).map(drop))?;
        }
        let (before, connections) = (self.smarthost.mails().len(), self.smarthost.connections().len());
        let started = Instant::now();
        let mut child = command(flush).stdin(Stdio::null()).spawn().map_err(|error| format!("{flush:?}: {error}"))?;
        let is_complete = self.smarthost.wait_for(before + QUEUE, LIMIT);
        let took = started.elapsed();
        // One that could not do it in time is stopped: it has had its chance.
        if !is_complete {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        let arrived = self.smarthost.mails().len() - before;
        Ok((arrived.min(QUEUE) as f64 / took.as_secs_f64(), self.smarthost.connections().len() - connections))
    }

    /// Runs a program on the mail, and sees it arrive that often; how long the program took.
    fn run_to_arrival(&self, words: &[String], arrives: Option<usize>) -> Result<Duration, Trouble> {
        let before = self.smarthost.mails().len();
        let took = self.run(words)?;
        let has_arrived = arrives.is_none_or(|arrives| self.smarthost.wait_for(before + arrives, LIMIT));
        has_arrived.then_some(took).ok_or_else(|| format!("{words:?}: exit status 0, and the mail did not arrive"))
    }

    /// Runs a program on the mail; how long it took.
    fn run(&self, words: &[String]) -> Result<Duration, Trouble> {
        let started = Instant::now();
        let output = command(words).stdin(File::open(&self.mail).unwrap()).output();
        let took = started.elapsed();
        let output = output.map_err(|error| format!("{words:?}: {error}"))?;
        let said = || format!("{words:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
        output.status.success().then_some(took).ok_or_else(said)
    }

    /// The troubles stand below the tables; the exit status is that of a failure if there were any.
    fn end(self) -> ExitCode {
        self.troubles.iter().for_each(|trouble| println!("FAILED {trouble}"));
        if self.troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
