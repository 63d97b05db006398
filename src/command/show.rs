//! `ctl queue show`: a mail of the queue for a person, with the time of the next attempt, or as it stands on disk.

use std::io::Write;

use crate::config::Config;
use crate::error::Error;
use crate::outcome::{Status, clean};
use crate::spool::{Entry, Progress, QueueId, Record, Spool};
use crate::system;

/// Writes what is known of the mail, in words.
///
/// # Errors
/// There is no such mail, or [`Error::Output`].
pub(crate) fn run(config: &Config, id: &QueueId, out: &mut dyn Write) -> Result<(), Error> {
    let spool = Spool::new(config.spool_path());
    let waiting = || spool.peek_waiting(id).map(|entry| (entry, Progress::default()));
    let (entry, progress) = spool.peek(id)?.or_else(waiting).ok_or(Error::NotInQueue { id: *id })?;
    let raw = spool.show(id)?.unwrap_or_default();
    tell(&spool, &entry, &progress, header_of(&raw), out).map_err(Error::Output)
}

/// Writes all that stands on disk: envelope, journal, header section.
///
/// # Errors
/// As [`run`].
pub(crate) fn raw(config: &Config, id: &QueueId, out: &mut dyn Write) -> Result<(), Error> {
    let text = Spool::new(config.spool_path()).show(id)?.ok_or(Error::NotInQueue { id: *id })?;
    out.write_all(&text).map_err(Error::Output)
}

/// The header section behind the two blocks of what [`Spool::show`] gives.
fn header_of(raw: &[u8]) -> &[u8] {
    let behind = |text: &[u8]| text.windows(2).position(|two| two == b"\n\n").map(|at| at + 2);
    let block = behind(raw).unwrap_or(raw.len());
    // A mail that was never tried has no journal: its place is one empty line.
    match raw[block..].strip_prefix(b"\n") {
        Some(header) => header,
        None => &raw[block + behind(&raw[block..]).unwrap_or(0)..],
    }
}

fn tell(spool: &Spool, entry: &Entry, progress: &Progress, header: &[u8], out: &mut dyn Write) -> std::io::Result<()> {
    let leaves_as = entry.reverse_path.as_ref().map_or("the null sender".to_string(), ToString::to_string);
    writeln!(out, "queue id   {}", entry.id)?;
    writeln!(out, "handed in  {} by {}, {} octets", moment(entry.arrived), system::user(entry.uid).name, entry.size)?;
    writeln!(out, "sender     {}, leaves as {leaves_as}", clean(&entry.originator))?;
    if !entry.repairs.is_empty() {
        writeln!(out, "repaired   {}", entry.repairs.join(", "))?;
    }
    if spool.is_held(&entry.id) {
        writeln!(out, "held       mailx-t ctl queue release {} lets it go", entry.id)?;
    }
    for (n, recipient) in entry.recipients.iter().enumerate() {
        let original = recipient.original.as_ref().map_or(String::new(), |name| format!(" (for {})", clean(name)));
        writeln!(out, "\nto         {}{original}", recipient.address)?;
        standing(progress.last.get(&n), progress.attempts, out)?;
    }
    if let Some(clock) = spool.clock().filter(|clock| clock.attempts > 0) {
        let next = moment(clock.next_attempt);
        writeln!(out, "\nno mail leaves now: {}\nnext try at {next}; mailx-t -q tries now", clean(&clock.reason))?;
    }
    writeln!(out)?;
    out.write_all(header)
}

/// How it stands with a recipient.
fn standing(last: Option<&Record>, attempts: u32, out: &mut dyn Write) -> std::io::Result<()> {
    let Some(record) = last else { return writeln!(out, "           not tried yet") };
    let (at, reason) = (moment(record.at), clean(&record.outcome.reason));
    match (record.outcome.status, record.next_attempt) {
        (Status::Sent, _) => writeln!(out, "           sent at {at}: {reason}"),
        (Status::Bounced, _) if record.report.is_some() => {
            writeln!(out, "           refused at {at}: {reason}; the report has yet to be taken")
        }
        (Status::Bounced, _) => writeln!(out, "           refused at {at}: {reason}"),
        (Status::Deferred, next) => {
            let times = if attempts == 1 { "tried once".to_string() } else { format!("tried {attempts} times") };
            let next = next.map_or("with the next run".to_string(), |next| format!("at {}", moment(next)));
            writeln!(out, "           {times}, last at {at}, next try {next}\n           {reason}")
        }
    }
}

fn moment(at: jiff::Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_section_is_found_behind_the_blocks() {
        for raw in ["a: 1\n\n\nSubject: x\r\n\r\n", "a: 1\n\nrecord\nrecord\n\nSubject: x\r\n\r\n"] {
            assert_eq!(header_of(raw.as_bytes()), b"Subject: x\r\n\r\n", "{raw}");
        }
        assert_eq!(header_of(b"a: 1\n"), b"");
    }
}
