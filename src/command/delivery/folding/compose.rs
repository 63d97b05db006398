//! Makes a digest: one mail for people, that holds folded mails whole. It takes the way of any other mail, so it gets
//! the same repairs.

use std::io::{self, Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::submission::keep;
use crate::command::submission::prepare::{self, Moment};
use crate::command::submission::request::Request;
use crate::command::submission::take::Taken;
use crate::config::Config;
use crate::envelope::Destination;
use crate::error::Error;
use crate::fold::JobId;
use crate::interval::later;
use crate::log;
use crate::message::parts::{self, Attachment};
use crate::message::{Message, decoded, plain_text};
use crate::repeats::{Job, Member, Occasion, digest, span};
use crate::spool::{Claim, Entry, Fold, QueueId, Spill, Spool};
use crate::system;

/// A larger mail is never folded.
pub(super) const MOST_OCTETS: u64 = 256 << 10;
/// The most mails in one digest, and the most octets of its attachment; a third more on the wire.
const MOST_MEMBERS: usize = 5000;
const MOST_ATTACHED: usize = 3 << 19;
/// The most octets of their texts, which are held in memory.
const MOST_TEXT: usize = 32 << 20;
/// The name of the attachment.
const FILE: &str = "folded.mbox.gz";

/// A mail, as the text of the digest tells of it.
struct Told {
    job: String,
    at: Timestamp,
    text: String,
    is_new: bool,
}

/// Mails on their way into a digest.
struct Bundle {
    told: Vec<Told>,
    /// The octets of their texts.
    octets: usize,
    mbox: GzEncoder<Vec<u8>>,
    members: Vec<QueueId>,
    /// The last of them, with its header section.
    last: Option<(Entry, Message)>,
}

/// Makes as many digests as the mails of these jobs need. Returns each with its members.
///
/// # Errors
/// The disk refused, or a mail cannot be read: the mails of the digest that was being made wait.
pub(super) fn digests(
    config: &Config,
    spool: &Spool,
    jobs: &[(JobId, Vec<QueueId>)],
    answered: Option<String>,
    between: Duration,
) -> Result<Vec<(QueueId, Vec<QueueId>)>, Error> {
    let mut mails: Vec<(&JobId, QueueId)> =
        jobs.iter().flat_map(|(job, ids)| ids.iter().map(move |id| (job, *id))).collect();
    mails.sort_by_key(|(_, id)| *id);
    let (mut made, mut bundle) = (Vec::new(), Bundle::new());
    for (job, id) in mails {
        if let Some(claim) = spool.claim(&id)?.filter(is_free) {
            bundle.add(job, &claim)?;
        }
        if bundle.is_full(config) {
            made.extend(bundle.keep(config, spool, answered.as_deref(), between)?);
            bundle = Bundle::new();
        }
    }
    made.extend(bundle.keep(config, spool, answered.as_deref(), between)?);
    Ok(made)
}

/// A person may have taken it out meanwhile.
fn is_free(claim: &Claim) -> bool {
    matches!(claim.progress.fold, Fold::Folded { .. }) && !claim.spool().is_held(&claim.entry.id)
}

impl Bundle {
    fn new() -> Self {
        let mbox = GzEncoder::new(Vec::new(), Compression::default());
        Self { told: Vec::new(), octets: 0, mbox, members: Vec::new(), last: None }
    }

    fn add(&mut self, job: &JobId, claim: &Claim) -> Result<(), Error> {
        let mut octets = Vec::new();
        claim.content()?.read_to_end(&mut octets).map_err(Error::Input)?;
        let entry = &claim.entry;
        let is_new = matches!(claim.progress.fold, Fold::Folded { is_new: true, .. });
        let text = plain_text(&octets).unwrap_or_default();
        self.octets += text.len();
        self.told.push(Told { job: job.name().to_string(), at: entry.arrived, text, is_new });
        write_mbox(entry, &octets, &mut self.mbox).map_err(Error::Input)?;
        let message = Message::read(&mut octets.as_slice(), &mut io::sink()).map_err(Error::Input)?;
        self.members.push(entry.id);
        self.last = Some((entry.clone(), message));
        Ok(())
    }

    /// The next mail might be too much: of what was compressed the last is still in the encoder.
    fn is_full(&self, config: &Config) -> bool {
        let most = usize::try_from(keep::largest(config) / 2).unwrap_or(usize::MAX).min(MOST_ATTACHED);
        let reserve = usize::try_from(MOST_OCTETS).unwrap_or_default().min(most / 2);
        self.members.len() >= MOST_MEMBERS || self.octets >= MOST_TEXT || self.mbox.get_ref().len() + reserve > most
    }

    /// Keeps the digest; from then on its members leave with it.
    fn keep(
        self,
        config: &Config,
        spool: &Spool,
        answered: Option<&str>,
        between: Duration,
    ) -> Result<Option<(QueueId, Vec<QueueId>)>, Error> {
        let Some((last, header)) = self.last else { return Ok(None) };
        let moment = Moment::of(system::user(last.uid), last.id.anew(), system::now());
        let subject = header.named("Subject").next().map_or(String::new(), |field| decoded(field.value));
        let fields = fields(&header, &subject_of(&self.told, &subject), answered);
        let attachment = Attachment { name: FILE.to_string(), octets: self.mbox.finish().map_err(Error::Input)? };
        let text = text_of(&self.told, &moment, between).into_bytes();
        let head = Message::read(&mut fields.as_slice(), &mut io::sink()).map_err(Error::Input)?;
        let octets = parts::with_attachments(&head, text, &[attachment]);
        let id = put(config, spool, &last, &self.members, &octets, &moment)?;
        let words = format!("digest of {} mails: {}", self.members.len(), list(&self.members));
        log::mail(id.as_str()).info(&words);
        Ok(Some((id, self.members)))
    }
}

/// The Subject of the last mail, if they are all of one job.
fn subject_of(told: &[Told], last: &str) -> String {
    let times = || told.iter().map(|one| one.at);
    let (first, end) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let span = span(first, end, &TimeZone::system());
    match jobs_of(told).len() {
        1 => format!("{last} ({} more, {span})", told.len()),
        jobs => format!("{} more mails of {jobs} jobs, {span}", told.len()),
    }
}

fn text_of(told: &[Told], moment: &Moment, between: Duration) -> String {
    let names = jobs_of(told);
    let of_job = |name: &&str| told.iter().filter(|one| one.job == *name).map(as_member).collect::<Vec<_>>();
    let members: Vec<Vec<Member<'_>>> = names.iter().map(of_job).collect();
    let jobs: Vec<Job<'_>> = names.iter().zip(&members).map(|(name, members)| Job { name, members }).collect();
    let next = later(moment.arrived, between).unwrap_or(moment.arrived);
    digest(&Occasion { host: &moment.host, zone: &TimeZone::system(), next }, &jobs)
}

fn as_member(told: &Told) -> Member<'_> {
    Member { at: told.at, text: &told.text, is_new: told.is_new }
}

/// The jobs, in the order of their first mails.
fn jobs_of(told: &[Told]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for one in told {
        if !names.contains(&one.job.as_str()) {
            names.push(&one.job);
        }
    }
    names
}

/// The digest is from and to whom the last mail was, and an answer to the first one.
fn fields(last: &Message, subject: &str, answered: Option<&str>) -> Vec<u8> {
    let mut fields = Vec::new();
    for field in ["From", "To", "Cc"].iter().flat_map(|name| last.named(name)) {
        fields.extend_from_slice(field.octets.trim_ascii_end());
        fields.push(b'\n');
    }
    fields.extend_from_slice(format!("Subject: {subject}\n").as_bytes());
    if let Some(answered) = answered {
        fields.extend_from_slice(format!("In-Reply-To: {answered}\nReferences: {answered}\n").as_bytes());
    }
    fields.extend_from_slice(
        b"Auto-Submitted: auto-generated\nPrecedence: bulk\nContent-Type: text/plain; charset=utf-8\n\n",
    );
    fields
}

/// Brings the digest to the queue, for the recipients that its members have.
fn put(
    config: &Config,
    spool: &Spool,
    last: &Entry,
    members: &[QueueId],
    mut octets: &[u8],
    moment: &Moment,
) -> Result<QueueId, Error> {
    let mut body = Spill::new(spool, keep::largest(config));
    let message = Message::read(&mut octets, &mut body).map_err(Error::Input)?;
    let operands = last.recipients.iter().map(|one| one.address.to_string().into_bytes().into()).collect();
    let destination = Destination { operands, ..Destination::default() };
    let request = Request { destination, sender: Some(last.originator.clone()), ..Request::default() };
    let mut prepared = prepare::prepare(&request, config, &message, moment)?;
    prepared.entry.recipients.clone_from(&last.recipients);
    prepared.entry.reverse_path.clone_from(&last.reverse_path);
    prepared.entry.originator.clone_from(&last.originator);
    prepared.entry.members = members.to_vec();
    let id = prepared.entry.id;
    spool.mark_digest(&id)?;
    keep::keep(config, spool, &mut prepared, &mut Taken { message, body })?;
    prepared.log_accepted();
    Ok(id)
}

fn list(members: &[QueueId]) -> String {
    members.iter().map(QueueId::to_string).collect::<Vec<_>>().join(" ")
}

/// A mail in an mbox (RFC 4155): lines end in LF, and a line that begins with `From ` behind any number of `>` gets one
/// more, so that each can be restored octet for octet.
fn write_mbox(entry: &Entry, content: &[u8], mbox: &mut dyn Write) -> io::Result<()> {
    let sender = entry.reverse_path.as_ref().map_or_else(|| "MAILER-DAEMON".to_string(), ToString::to_string);
    writeln!(mbox, "From {sender} {}", asctime(entry.arrived))?;
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if line[quotes..].starts_with(b"From ") {
            mbox.write_all(b">")?;
        }
        mbox.write_all(line)?;
        mbox.write_all(b"\n")?;
    }
    mbox.write_all(b"\n")
}

/// The time as asctime(3) writes it, in UTC.
fn asctime(at: Timestamp) -> String {
    at.strftime("%a %b %e %H:%M:%S %Y").to_string()
}
