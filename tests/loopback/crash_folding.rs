//! The crash and fault sweep over repeats of a job's mail: folded, in a digest, and taken apart. Every mail arrives, by
//! itself or in a digest, and none arrives twice but in the one window that SMTP leaves open.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::Output;

use flate2::read::GzDecoder;
use mail_parser::{MessageParser, MimeHeaders};

use super::crash::{check_debris, ensure, in_spool, is_skipped, smarthost, traced};
use crate::smarthost::{self, Act, On, Running};
use crate::support::bench::{Bench, complaint, is_id, stdin_of};
use crate::support::strace::{self, Fault, Point};
use crate::support::{DOOR, RELAY};

/// So many mails of one job: two leave by themselves.
const MAILS: usize = 5;

/// The state of the queue in which a run is disturbed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is folded yet.
    Accepted,
    /// All but two are folded.
    Folded,
}

#[test]
fn mail_that_is_folded_arrives_once_whatever_system_call_fails() {
    sweep("folding", Stage::Accepted, &["flush", "--due"], false);
}

#[test]
fn digest_holds_each_mail_once_whatever_system_call_fails() {
    sweep("digest", Stage::Folded, &["flush"], false);
}

#[test]
fn digest_that_is_taken_apart_leaves_each_mail_once_whatever_system_call_fails() {
    sweep("taken apart", Stage::Folded, &["flush"], true);
}

fn sweep(name: &str, stage: Stage, run: &[&str], is_refused: bool) {
    if is_skipped() {
        return;
    }
    let refused = On::at(smarthost::Point::Content).containing("folded.mbox.gz");
    let busy = if is_refused { smarthost().on(refused, Act::reply("552 5.3.4 too big")) } else { smarthost() };
    let (busy, healthy) = (busy.start(), smarthost().start());
    let attempt = || Attempt::new(&busy, &healthy, stage);
    let (output, trace) = attempt().run(run, None);
    assert!(output.status.success(), "{}", complaint(&output));
    let points = in_spool(strace::points(&strace::work(&trace, "busy.toml")));
    strace::sweep(&format!("relay, {name}"), &points, |_, point| attempt().suffer(run, point));
}

/// A queue with the mails of a job, on a bench of its own.
struct Attempt<'a> {
    busy: &'a Running,
    healthy: &'a Running,
    bench: Bench,
    configs: [PathBuf; 2],
    /// Their Message-IDs.
    mails: Vec<String>,
}

impl<'a> Attempt<'a> {
    fn new(busy: &'a Running, healthy: &'a Running, stage: Stage) -> Self {
        let bench = Bench::new();
        let configs =
            [("busy", busy), ("healthy", healthy)].map(|(name, running)| bench.configure(name, running, "\n[fold]\n"));
        let message = "From: \"(Cron Daemon)\" <root>\nTo: ops@host.example\nSubject: Cron <root@web1> /opt/x\n\
                       X-Cron-Env: <LOGNAME=root>\n\nthe database is away\n";
        let input = bench.file("mail", message, 0o644);
        for _ in 0..MAILS {
            let words: [OsString; 5] =
                [DOOR.into(), "--config".into(), configs[0].clone().into(), "-odq".into(), "-t".into()];
            let output = bench.command(words).stdin(stdin_of(&input)).output().unwrap();
            assert!(output.status.success(), "{}", complaint(&output));
        }
        let new = Self { busy, healthy, configs, mails: message_ids(&bench), bench };
        assert_eq!(new.mails.len(), MAILS);
        if stage == Stage::Folded {
            let words: [OsString; 5] =
                [RELAY.into(), "--config".into(), new.configs[1].clone().into(), "flush".into(), "--due".into()];
            let output = new.bench.command(words).output().unwrap();
            assert!(output.status.success(), "{}", complaint(&output));
            assert_eq!(ids(&new.bench).len(), MAILS - 2, "{}", new.bench.log());
        }
        new
    }

    fn run(&self, run: &[&str], point: Option<&Point>) -> (Output, String) {
        traced(&self.bench, &[&[RELAY], run].concat(), &self.configs[0], point)
    }

    fn suffer(&self, run: &[&str], point: &Point) -> Result<bool, String> {
        let (output, trace) = self.run(run, Some(point));
        ensure(output.status.success() || point.is_hit(&trace), || format!("it failed: {}", complaint(&output)))?;
        check_debris(&self.bench, point)?;
        let flushed = self.bench.flush(&self.configs[1]);
        ensure(flushed.status.success(), || format!("the queue run failed: {}", complaint(&flushed)))?;
        let copies = self.copies();
        let most = if point.fault == Fault::Kill || point.call.text.contains("socket:") { 2 } else { 1 };
        for mail in &self.mails {
            let count = copies.get(mail).copied().unwrap_or_default();
            ensure((1..=most).contains(&count), || format!("{mail} has arrived {count} times"))?;
        }
        // A kill leaves the mails of one answer in doubt, and no more.
        let doubled = copies.values().filter(|count| **count > 1).count();
        ensure(doubled <= MAILS - 2, || format!("{doubled} have arrived twice"))?;
        let left: Vec<String> = self.bench.names("queue");
        let is_debris = |name: &String| name.contains('.');
        ensure(left.iter().all(is_debris), || format!("queue/ still holds {left:?}"))?;
        let failed = self.bench.names("failed");
        ensure(failed.is_empty(), || format!("failed/ holds {failed:?}"))?;
        Ok(point.is_hit(&trace))
    }

    /// How often each mail has arrived, by itself or in a digest.
    fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for mail in [self.busy, self.healthy].into_iter().flat_map(Running::mails) {
            let message = MessageParser::new().parse(&mail.content).unwrap();
            let mut text = String::from_utf8_lossy(&mail.content).replace("\r\n", "\n");
            if let Some(attachment) = message.attachment(0) {
                assert_eq!(attachment.attachment_name(), Some("folded.mbox.gz"));
                text.clear();
                GzDecoder::new(attachment.contents()).read_to_string(&mut text).unwrap();
            }
            for mail in &self.mails {
                *copies.entry(mail.clone()).or_default() += text.matches(&format!("\nMessage-ID: {mail}\n")).count();
            }
        }
        copies
    }
}

/// Of all mails in the queue. Two benches may give the same queue id, but no two mails have one Message-ID.
fn message_ids(bench: &Bench) -> Vec<String> {
    let text = |id: String| fs::read_to_string(bench.spool().join("queue").join(id)).unwrap();
    let value = |text: String| text.lines().find_map(|line| line.strip_prefix("message-id: ").map(str::to_owned));
    ids(bench).into_iter().filter_map(|id| value(text(id))).collect()
}

fn ids(bench: &Bench) -> Vec<String> {
    bench.names("queue").into_iter().filter(|name| is_id(name)).collect()
}
