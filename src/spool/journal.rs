//! The history of an entry since it was accepted: `queue/ID.journal`, append-only, one line for each recipient and
//! attempt, synced before the next step. If the last line has no line end, a crash tore it and it does not count.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use super::QueueId;
use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
use crate::trust::plain;

/// One line: an outcome, its recipient, its time, and the time of the next try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The time of the outcome.
    pub(crate) at: jiff::Timestamp,
    /// The recipient's place in the entry's list, from 0.
    pub(crate) recipient: usize,
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// For a deferred recipient: no attempt before this.
    pub(crate) next_attempt: Option<jiff::Timestamp>,
    /// For a refused recipient: the report that has yet to be taken. Until then the mail stays.
    pub(crate) report: Option<QueueId>,
}

/// The standing of an entry, from all its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last record of each recipient that has one.
    pub last: std::collections::BTreeMap<usize, Record>,
    /// The most attempts any recipient has had.
    pub(crate) attempts: u32,
    /// The times of the attempts, in the order of the lines.
    pub(crate) tried: Vec<jiff::Timestamp>,
    /// Whether the whole mail waits for a digest of its job.
    pub(crate) fold: Fold,
}

/// The place of a mail among those of its job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fold {
    /// It leaves by itself, and may be folded.
    #[default]
    Unfolded,
    /// It waits for the digest that is due then.
    Folded {
        /// The time of the digest.
        due: jiff::Timestamp,
        /// It tells something new, after too much new had left.
        is_new: bool,
    },
    /// It leaves by itself, and is never folded.
    Single,
}

impl Progress {
    /// This recipient is not tried any more.
    pub fn is_settled(&self, recipient: usize) -> bool {
        self.last.get(&recipient).is_some_and(|record| record.outcome.status != Status::Deferred)
    }

    /// The mail waits for the digest of its job.
    pub(crate) fn is_folded(&self) -> bool {
        matches!(self.fold, Fold::Folded { .. })
    }

    /// The recipients who were refused, and whose report has yet to be taken.
    pub(crate) fn returned(&self) -> impl Iterator<Item = &Record> {
        self.last.values().filter(|record| record.report.is_some())
    }

    /// Reads a journal; lines that are no record, such as a torn last one, do not count.
    pub fn parse(text: &str) -> Self {
        let mut progress = Self::default();
        let mut attempts = std::collections::BTreeMap::<usize, u32>::new();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            if let Some(fold) = Fold::parse(line) {
                progress.fold = fold;
            }
            if let Some(record) = Record::parse(line) {
                *attempts.entry(record.recipient).or_default() += 1;
                // The recipients of one attempt have one time.
                if progress.tried.last() != Some(&record.at) {
                    progress.tried.push(record.at);
                }
                progress.last.insert(record.recipient, record);
                // It was tried by itself after it was folded.
                if progress.is_folded() {
                    progress.fold = Fold::Unfolded;
                }
            }
        }
        progress.attempts = attempts.values().copied().max().unwrap_or(0);
        progress
    }
}

impl Record {
    /// Fields divided by tabs: no field can hold a tab.
    fn line(&self) -> String {
        let outcome = &self.outcome;
        let time = self.next_attempt.map(|at| at.to_string());
        let next = self.report.map(|id| id.to_string()).or(time).unwrap_or("-".to_string());
        let status = self.report.map_or(outcome.status.name(), |_| RETURNED);
        format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{next}\t{}\n",
            self.at,
            self.recipient,
            status,
            outcome.stage,
            scope_name(outcome.scope),
            outcome.enhanced,
            crate::outcome::clean(&outcome.reason),
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(8, '\t');
        let mut next = || fields.next();
        let at = next()?.parse().ok()?;
        let recipient = next()?.parse().ok()?;
        let (status, is_returned) = match next()? {
            RETURNED => (Status::Bounced, true),
            name => (Status::from_name(name)?, false),
        };
        let stage = Stage::from_name(next()?)?;
        let scope = scope_of(next()?)?;
        let enhanced: EnhancedStatus = next()?.parse().ok()?;
        let (next_attempt, report) = match next()? {
            "-" => (None, None),
            id if is_returned => (None, Some(QueueId::parse(id)?)),
            at => (Some(at.parse().ok()?), None),
        };
        let reason = next()?.to_string();
        Some(Self { at, recipient, outcome: Outcome { status, stage, scope, enhanced, reason }, next_attempt, report })
    }
}

impl Fold {
    /// A line about the whole mail; `None` for a mail of which there is nothing to say.
    fn line(&self, at: jiff::Timestamp, why: &str) -> Option<String> {
        let (word, due) = match self {
            Fold::Unfolded => return None,
            Fold::Folded { due, is_new: false } => (FOLDED, due.to_string()),
            Fold::Folded { due, is_new: true } => (FOLDED_NEW, due.to_string()),
            Fold::Single => (SINGLE, "-".to_string()),
        };
        Some(format!("{at}\t-\t{word}\t{due}\t{}\n", crate::outcome::clean(why)))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(5, '\t').skip(1);
        match (fields.next()?, fields.next()?, fields.next()?) {
            ("-", word @ (FOLDED | FOLDED_NEW), due) => {
                Some(Self::Folded { due: due.parse().ok()?, is_new: word == FOLDED_NEW })
            }
            ("-", SINGLE, _) => Some(Self::Single),
            _ => None,
        }
    }
}

/// The words for the whole mail: it waits for its digest, or it leaves by itself for good.
const FOLDED: &str = "folded";
const FOLDED_NEW: &str = "folded-new";
const SINGLE: &str = "single";

/// The word for a refused recipient whose report has yet to be taken.
const RETURNED: &str = "returned";

const SCOPES: [(Scope, &str); 4] = [
    (Scope::Recipient, "recipient"),
    (Scope::Message, "message"),
    (Scope::Host, "host"),
    (Scope::Configuration, "configuration"),
];

fn scope_name(scope: Scope) -> &'static str {
    SCOPES.iter().find(|(s, _)| *s == scope).map_or("", |(_, name)| name)
}

fn scope_of(name: &str) -> Option<Scope> {
    SCOPES.iter().find(|(_, n)| *n == name).map(|(scope, _)| *scope)
}

/// Reads a journal; a missing file counts as empty.
pub(super) fn read(path: &Path) -> io::Result<Progress> {
    let mut bytes = Vec::new();
    match plain::open(path, OpenOptions::new().read(true)).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Progress::parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Progress::default()),
        Err(error) => Err(error),
    }
}

/// The size of a record, at the most and by and large.
const RECORD: i64 = 1024;

/// Reserves room for that many more records; a file system that cannot do so has to be trusted.
pub(super) fn reserve(path: &Path, records: usize) -> io::Result<()> {
    let file = plain::open(path, OpenOptions::new().append(true).create(true).mode(0o600))?;
    let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
    let room = RECORD.saturating_mul(i64::try_from(records).unwrap_or(i64::MAX));
    match fallocate(&file, FallocateFlags::FALLOC_FL_KEEP_SIZE, length, room) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Adds records, and returns once they are on disk. A torn last line is closed first, so that it cannot swallow the new
/// one.
pub(super) fn append(path: &Path, records: &[Record]) -> io::Result<()> {
    append_lines(path, &records.iter().map(Record::line).collect::<String>())
}

/// Appends a line about the whole mail, as [`append`] does.
pub(super) fn append_fold(path: &Path, fold: &Fold, why: &str) -> io::Result<()> {
    append_lines(path, &fold.line(jiff::Timestamp::now(), why).unwrap_or_default())
}

fn append_lines(path: &Path, new: &str) -> io::Result<()> {
    let mut file = plain::open(path, OpenOptions::new().append(true).read(true).create(true).mode(0o600))?;
    let mut before = Vec::new();
    file.read_to_end(&mut before)?;
    let mut lines = if before.is_empty() || before.ends_with(b"\n") { String::new() } else { "\n".to_string() };
    lines.push_str(new);
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(recipient: usize, status: Status, reason: &str) -> Record {
        Record {
            at: "2026-11-20T09:30:03Z".parse().unwrap(),
            recipient,
            outcome: Outcome {
                status,
                stage: Stage::Rcpt,
                scope: Scope::Recipient,
                enhanced: EnhancedStatus::new(4, 2, 1),
                reason: reason.into(),
            },
            next_attempt: Some("2026-11-20T09:31:03Z".parse().unwrap()),
            report: None,
        }
    }

    #[test]
    fn folded_holds_until_the_mail_is_tried_and_single_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ID.journal");
        let folded = Fold::Folded { due: "2026-11-20T10:35:00Z".parse().unwrap(), is_new: true };
        let fold = || read(&path).unwrap().fold;
        append_fold(&path, &folded, "a repeat of\tx").unwrap();
        assert_eq!((fold(), read(&path).unwrap().attempts), (folded.clone(), 0));
        append(&path, &[record(0, Status::Deferred, "451 later")]).unwrap();
        assert_eq!(fold(), Fold::Unfolded);
        append_fold(&path, &folded, "a repeat").unwrap();
        append_fold(&path, &Fold::Single, "552 too big").unwrap();
        append(&path, &[record(0, Status::Deferred, "451 later")]).unwrap();
        assert_eq!(fold(), Fold::Single);
        assert_eq!(read(&path).unwrap().attempts, 2);
    }

    #[test]
    fn records_read_back_and_the_last_one_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ID.journal");
        assert_eq!(read(&path).unwrap(), Progress::default());
        append(&path, &[record(0, Status::Deferred, "451 later"), record(1, Status::Sent, "250 ok")]).unwrap();
        append(&path, &[record(0, Status::Deferred, "451 a\tb\nc")]).unwrap();
        let progress = read(&path).unwrap();
        assert_eq!(progress.attempts, 2);
        assert_eq!(progress.last[&0].outcome.reason, "451 a b c");
        assert_eq!(progress.last[&0].next_attempt, record(0, Status::Sent, "").next_attempt);
        assert!(progress.is_settled(1) && !progress.is_settled(0) && !progress.is_settled(2));
    }

    #[test]
    fn refused_recipient_keeps_the_name_of_the_report() {
        let report = Some(QueueId::new());
        let refused = Record { report, next_attempt: None, ..record(0, Status::Bounced, "550 no") };
        let progress = Progress::parse(&refused.line());
        assert_eq!(progress.last[&0], refused);
        assert!(progress.is_settled(0) && progress.returned().count() == 1);
    }

    #[test]
    fn torn_last_line_does_not_count_and_harms_no_later_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ID.journal");
        let whole = record(0, Status::Sent, "250 ok").line();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(read(&path).unwrap(), Progress::default(), "cut at {cut}");
            append(&path, &[record(1, Status::Sent, "250 ok")]).unwrap();
            let progress = read(&path).unwrap();
            assert!(progress.is_settled(1), "cut at {cut}");
        }
    }
}
