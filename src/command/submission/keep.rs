//! Keeps a prepared mail on disk. A mail that is too large is cut, and the whole of it is kept compressed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use bytesize::ByteSize;

use super::prepare::Prepared;
use super::take::Taken;
use crate::config::{self, Config};
use crate::error::Error;
use crate::rewrite::{Cut, CutNotice, Repair};
use crate::spool::{self, Carried, Draft, Entry, QueueId, Spill, Spool, Whole};
use crate::system;

/// The largest mail that leaves, in octets.
pub(crate) fn largest(config: &Config) -> u64 {
    config.spool.max_message_size.as_u64()
}

/// The largest message that is taken from `drop/`, in octets. The service cuts it and keeps the whole, since a caller
/// who leaves mail there may have no place of their own for that.
pub(crate) fn largest_dropped(config: &Config) -> u64 {
    largest(config).saturating_mul(2)
}

/// The octets of a body that have to stay at hand.
pub(crate) fn most_at_hand(config: &Config, spool: &Spool) -> u64 {
    if is_foreign(spool) { largest_dropped(config) } else { largest(config) }
}

fn is_foreign(spool: &Spool) -> bool {
    spool.owner().is_some_and(|owner| !system::is(owner))
}

/// ═══ The acceptance line: `commit` returns with the mail on disk, or the mail was not accepted. ═══
///
/// A mail of a caller without a right to the queue is left in `drop/`, from which the service takes it.
pub(crate) fn keep(config: &Config, spool: &Spool, prepared: &mut Prepared, taken: &mut Taken) -> Result<(), Error> {
    match Draft::create(spool, prepared.entry.id) {
        Err(error) if error.is_denied() && is_foreign(spool) => leave_in_drop(config, spool, prepared, taken),
        created => commit(created?, Place::Queue, config, spool, prepared, taken),
    }
}

/// The place of a mail in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `queue/`: the mail is as it leaves.
    Queue,
    /// `drop/`: the service does the rest.
    Drop,
    /// Among those that wait for a configuration: the service does the rest, and trusts the entry.
    Waiting,
}

impl Place {
    fn draft(self, spool: &Spool, id: QueueId) -> Result<Draft, spool::Error> {
        match self {
            Self::Queue => Draft::create(spool, id),
            Self::Drop => Draft::create_in_drop(spool, id),
            Self::Waiting => Draft::create_to_wait(spool, id),
        }
    }
}

/// Leaves the mail in `drop/`.
pub(crate) fn leave_in_drop(
    config: &Config,
    spool: &Spool,
    prepared: &mut Prepared,
    taken: &mut Taken,
) -> Result<(), Error> {
    prepared.is_dropped = true;
    let draft = Place::Drop.draft(spool, prepared.entry.id)?;
    commit(draft, Place::Drop, config, spool, prepared, taken)
}

/// Keeps a mail of a caller with a right to the queue until the configuration can be used.
pub(crate) fn leave_waiting(
    config: &Config,
    spool: &Spool,
    prepared: &mut Prepared,
    taken: &mut Taken,
) -> Result<(), Error> {
    let draft = Place::Waiting.draft(spool, prepared.entry.id)?;
    commit(draft, Place::Waiting, config, spool, prepared, taken)
}

fn commit(
    first: Draft,
    place: Place,
    config: &Config,
    spool: &Spool,
    prepared: &mut Prepared,
    taken: &mut Taken,
) -> Result<(), Error> {
    let (id, is_dropped) = (prepared.entry.id, place == Place::Drop);
    let again = || place.draft(spool, id);
    let (draft, whole) = fill(first, &again, &Limits::of(config, spool, place), prepared, taken)?;
    prepared.entry.size = draft.commit()?;
    whole.into_iter().for_each(Whole::keep);
    if let Some(place) = config::user_spool().filter(|_| is_dropped) {
        let _ = Spool::remember(&place, &id);
    }
    Ok(())
}

/// Writes a mail that no spool can keep into an open file without a name.
pub(crate) fn in_open_file(
    config: &Config,
    spool: &Spool,
    prepared: &mut Prepared,
    taken: &mut Taken,
) -> Result<File, Error> {
    let id = prepared.entry.id;
    let create = || Draft::create_to_carry(id);
    let first = create()?;
    let (draft, whole) = fill(first, &create, &Limits::of(config, spool, Place::Queue), prepared, taken)?;
    let mail = draft.hand_over()?;
    whole.into_iter().for_each(Whole::keep);
    Ok(mail)
}

/// Writes a mail that is only shown into an open file without a name. If it is too large, the whole of it is not kept.
pub(crate) fn nowhere(config: &Config, prepared: &mut Prepared, taken: &mut Taken) -> Result<Carried, Error> {
    let id = prepared.entry.id;
    let create = || Draft::create_to_carry(id);
    let spool = Spool::new(config.spool_path());
    let limits = Limits { place: PlaceOfWhole::Nowhere, ..Limits::of(config, &spool, Place::Queue) };
    let (draft, _) = fill(create()?, &create, &limits, prepared, taken)?;
    Ok(Carried::read(draft.hand_over()?)?)
}

/// The limits of a mail, and the place for the whole of a larger one.
struct Limits<'a> {
    spool: &'a Spool,
    place: PlaceOfWhole,
    /// The most octets of a mail that stays as it is.
    whole: u64,
    /// The octets that are left of a larger one.
    cut: u64,
}

impl<'a> Limits<'a> {
    fn of(config: &Config, spool: &'a Spool, place: Place) -> Self {
        let whole = if place == Place::Queue { largest(config) } else { largest_dropped(config) };
        let place = if place == Place::Drop { PlaceOfWhole::Own } else { PlaceOfWhole::Spool };
        Self { spool, place, whole, cut: largest(config) }
    }

    /// Keeps the whole of a message of `total` octets, in the spool or else with the user.
    fn keep_whole(&self, prepared: &Prepared, taken: &mut Taken, total: u64) -> Result<KeptWhole, spool::Error> {
        let (id, head) = (&prepared.entry.id, taken.message.octets());
        let own = |body: &mut Spill| match config::user_spool() {
            Some(own) => Whole::keep_in(&own, id, head, body),
            None => Err(spool::Error::Create { path: "~".into(), source: io::ErrorKind::NotFound.into() }),
        };
        let whole = match self.place {
            PlaceOfWhole::Nowhere => None,
            PlaceOfWhole::Own => Some(own(&mut taken.body)?),
            PlaceOfWhole::Spool => match self.spool.keep_whole(id, head, &mut taken.body) {
                Ok(whole) => Some(whole),
                Err(error) => Some(own(&mut taken.body).map_err(|_| error)?),
            },
        };
        let place = whole.as_ref().map_or_else(|| self.spool.place_of_whole(id), |whole| whole.path().to_path_buf());
        Ok(KeptWhole { notice: notice(total, self.cut, &place), whole })
    }
}

/// The place for the whole of a mail that is too large.
#[derive(Clone, Copy, Debug)]
enum PlaceOfWhole {
    /// It is not kept: the notice names the place in the spool.
    Nowhere,
    /// The directory of the user who hands it in.
    Own,
    /// The spool, or else the directory of the user.
    Spool,
}

/// A message that is kept whole, and the notice about it.
struct KeptWhole {
    whole: Option<Whole>,
    notice: CutNotice,
}

/// The notice for the reader of a mail that is cut to `most` octets.
fn notice(total: u64, most: u64, place: &Path) -> CutNotice {
    CutNotice { total, most, host: system::host_name(), place: place.display().to_string() }
}

/// Writes envelope block, header section and body into a draft. If they are too much for it, a cut mail goes into
/// another draft.
fn fill(
    mut draft: Draft,
    again: &dyn Fn() -> Result<Draft, spool::Error>,
    limits: &Limits<'_>,
    prepared: &mut Prepared,
    taken: &mut Taken,
) -> Result<(Draft, Option<Whole>), Error> {
    let total = taken.message.octets().len() as u64 + taken.body.length();
    // Only the ends of a body that has overflowed are at hand.
    let mut kept = taken.body.has_overflowed().then(|| limits.keep_whole(prepared, taken, total)).transpose()?;
    draft.envelope(&prepared.entry)?;
    let filled = content(prepared, &mut taken.body, kept.as_ref().map(|kept| &kept.notice), &mut draft);
    filled.map_err(|source| draft.failed(source))?;
    if kept.is_none() && draft.message() > limits.whole {
        kept = Some(limits.keep_whole(prepared, taken, draft.message())?);
    }
    let Some(KeptWhole { whole, notice }) = kept else { return Ok((draft, None)) };
    // This takes the name from the draft, which the next one needs.
    let uncut = Carried::read(draft.hand_over()?)?;
    let mut draft = again()?;
    prepared.entry = write_cut(&uncut.entry, Repair::Cut, uncut.content()?, &notice, &mut draft)?;
    prepared.warnings.push(format!(
        "no more than {} can be sent: the mail was cut, the whole is kept in {}",
        ByteSize(notice.most),
        notice.place
    ));
    Ok((draft, whole))
}

/// Writes the mail in wire form. If only the ends of its body are at hand, the notice stands between them.
fn content(prepared: &Prepared, body: &mut Spill, notice: Option<&CutNotice>, to: &mut dyn Write) -> io::Result<()> {
    let Some(notice) = notice else { return prepared.rewritten.write(&mut body.reader()?, to) };
    let length = body.length();
    let (head, tail) = body.ends()?;
    let between = notice.between(length.saturating_sub(notice.most));
    prepared.rewritten.write(&mut head.chain(between.as_bytes()).chain(tail), to)
}

/// Cuts the mail of `entry` and writes it into a draft. Returns its entry, which lacks the size.
pub(crate) fn write_cut(
    entry: &Entry,
    repair: Repair,
    content: impl Read,
    notice: &CutNotice,
    draft: &mut Draft,
) -> Result<Entry, Error> {
    let cut = Cut::of(content).map_err(|source| draft.failed(source))?;
    let mut smaller = entry.clone();
    smaller.eight_bit &= cut.is_text();
    smaller.repairs.push(repair.name().to_string());
    smaller.repairs.sort();
    smaller.repairs.dedup();
    draft.envelope(&smaller)?;
    cut.write(entry.size, notice, draft).map_err(|source| draft.failed(source))?;
    Ok(smaller)
}
