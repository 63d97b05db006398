//! mailq: lists the queue in Postfix's own columns (`showq_compat.c`), which monitoring reads, or as `postqueue -j`
//! does, with a few members more.

mod folded;
mod listed;

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use self::listed::{Listed, Place};
use crate::command::accountable::accountable;
use crate::config::{self, Config};
use crate::error::Error;
use crate::outcome::clean;
use crate::spool::{Clock, Entry, NOBODY, Progress, QueueId, Remark, Shown, Spool, UnderWay};
use crate::system;

/// The form of the listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Json,
    /// Columns, and below them sentences for a person. Programs look only at the first or the last line, and get no
    /// such sentences.
    Screen,
    /// Columns.
    Text,
}

/// The width of an id and its mark.
const ID_WIDTH: usize = 16;

/// Writes the queue, mail by mail: its length costs no memory but for the ids. A reader sees what the relay has put
/// into the list. A caller without a right to it sees the mails that they have left in `drop/`, and a line that says
/// that the rest is the administrator's.
///
/// # Errors
/// The queue cannot be read, or [`Error::Output`].
pub(crate) fn run(config: &Config, form: Form, out: &mut dyn Write) -> Result<(), Error> {
    list(&Spool::new(config.spool_path()), config.does_without_spool(), form, out)
}

/// As [`run`], also where the machine's configuration cannot be used: that is when one looks.
///
/// # Errors
/// As [`run`], or what is wrong with the configuration.
pub(crate) fn run_anyway(loaded: Result<Config, config::Error>, form: Form, out: &mut dyn Write) -> Result<(), Error> {
    let refused = match loaded {
        Ok(config) => return run(&config, form, out),
        Err(refused) => refused,
    };
    let spool = Spool::new(config::machine_spool());
    // Root looks at another user's directories as that user alone.
    let is_safe = || spool.owner_in_our_place().is_none_or(|owner| system::become_user(owner).is_ok());
    if refused.is_of_machine() && !matches!(refused, config::Error::Service(_)) && is_safe() {
        list(&spool, false, form, out)?;
    }
    Err(refused.into())
}

fn list(spool: &Spool, is_dispensable: bool, form: Form, out: &mut dyn Write) -> Result<(), Error> {
    let (mut out, mut is_own) = (BufWriter::new(out), false);
    let written = match spool.ids() {
        // No mail can wait there.
        Err(_) if is_dispensable => write(spool, form, &mut std::iter::empty(), &mut out),
        Ok(ids) => {
            let under_way = UnderWay::of(spool);
            let members = folded::members(spool);
            let queue = ids.iter().filter(|id| !members.contains(id)).filter_map(|id| listed(spool, &under_way, id));
            write(spool, form, &mut queue.chain(waiting(spool)).chain(left(spool)), &mut out)
        }
        Err(error) if error.is_denied() => match spool.shown() {
            Ok(shown) => write_shown(spool, form, shown, &mut out),
            Err(_) => {
                is_own = form == Form::Json;
                write_own(spool, form, &mut out)
            }
        },
        Err(error) => return Err(error.into()),
    };
    match written.and_then(|()| out.flush()) {
        // The reader closed the pipe: they have read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Ok(()) if is_own => Err(Error::NotYoursToList),
        result => result.map_err(Error::Output),
    }
}

/// All mails of the queue.
fn write(spool: &Spool, form: Form, mails: &mut dyn Iterator<Item = Listed>, out: &mut dyn Write) -> io::Result<()> {
    if form == Form::Json {
        return json(spool, mails, out);
    }
    // Monitors read the last line: it counts all mails, or says that there are none.
    let counted = text(spool, mails, out)?;
    match counted.mails {
        0 => writeln!(out, "Mail queue is empty")?,
        mails => {
            let (kilobytes, plural) = (counted.octets.div_ceil(1024), if mails == 1 { "" } else { "s" });
            writeln!(out, "-- {kilobytes} Kbytes in {mails} Request{plural}.")?;
        }
    }
    if form == Form::Screen {
        counted.tell_dropped(out)?;
        closed(spool, out)?;
        given_up(spool, out)?;
    }
    Ok(())
}

/// The queue for a reader, with what they have left themselves.
fn write_shown(spool: &Spool, form: Form, shown: Vec<Shown>, out: &mut dyn Write) -> io::Result<()> {
    let said = shown.iter().filter_map(|shown| shown.said.as_ref());
    let members: HashSet<QueueId> = said.flat_map(|(entry, _)| entry.members.iter().copied()).collect();
    let listed = shown.into_iter().filter(|shown| !members.contains(&shown.id)).map(as_shown);
    write(spool, form, &mut listed.chain(own(spool)), out)?;
    if form == Form::Screen {
        writeln!(
            out,
            "mailx-t: what others have left in drop/, and what was given up, is the administrator's to list"
        )?;
    }
    Ok(())
}

/// The mails that the caller has left in `drop/`. There is no count at the end, since it would be taken for that of the
/// queue.
fn write_own(spool: &Spool, form: Form, out: &mut dyn Write) -> io::Result<()> {
    let mails = &mut own(spool).into_iter();
    if form == Form::Json {
        return json(spool, mails, out);
    }
    match text(spool, mails, out)?.mails {
        0 => {
            writeln!(out, "mailx-t: no mail of yours is known to wait; the queue itself is the administrator's to list")
        }
        _ => writeln!(
            out,
            "mailx-t: these are your own mails still in drop/; the rest of the queue is the administrator's"
        ),
    }
}

/// The mail, unless it has just left. The log and `ctl check` tell of a damaged entry.
fn listed(spool: &Spool, under_way: &UnderWay, id: &QueueId) -> Option<Listed> {
    let (entry, progress) = spool.peek(id).ok().flatten()?;
    let (is_held, is_under_way) = (spool.is_held(id), under_way.has(spool, id));
    Some(Listed { entry, is_known: true, progress, is_held, is_under_way, place: Place::Queue, folded: None })
}

/// The mails of users that no relay has taken in yet: they wait as those in the queue do.
fn left(spool: &Spool) -> impl Iterator<Item = Listed> {
    let left = spool.left_files(&|_| false).unwrap_or_default();
    left.into_iter().filter_map(|left| spool.peek_left(&left)).map(|entry| outside(entry, Place::Drop))
}

/// The mails of root and of the service that wait until the configuration can be used.
fn waiting(spool: &Spool) -> impl Iterator<Item = Listed> {
    let ids = spool.waiting().unwrap_or_default();
    ids.into_iter().filter_map(|id| spool.peek_waiting(&id)).map(|entry| outside(entry, Place::Waiting))
}

fn own(spool: &Spool) -> Vec<Listed> {
    let remembered = config::user_spool().map(|place| spool.remembered(&place)).unwrap_or_default();
    remembered.into_iter().map(|entry| outside(entry, Place::Drop)).collect()
}

fn outside(entry: Entry, place: Place) -> Listed {
    Listed {
        entry,
        is_known: true,
        progress: Progress::default(),
        is_held: false,
        is_under_way: false,
        place,
        folded: None,
    }
}

/// The mails that were listed.
#[derive(Debug, Default)]
struct Counted {
    mails: u64,
    /// Those of them that lie in `drop/`.
    dropped: u64,
    octets: u64,
}

impl Counted {
    fn add(&mut self, mail: &Listed) {
        self.mails += 1;
        self.dropped += u64::from(mail.place == Place::Drop);
        self.octets = self.octets.saturating_add(mail.entry.size);
    }

    fn tell_dropped(&self, out: &mut dyn Write) -> io::Result<()> {
        let (plural, verb) = if self.dropped == 1 { ("", "waits") } else { ("s", "wait") };
        match self.dropped {
            0 => Ok(()),
            count => writeln!(out, "mailx-t: {count} mail{plural} of users {verb} in drop/ for the relay"),
        }
    }
}

/// The mail as a reader sees it.
fn as_shown(shown: Shown) -> Listed {
    let Shown { id, said, is_held, is_under_way } = shown;
    let is_known = said.is_some();
    let (entry, progress) = said.unwrap_or_else(|| (nothing_but(id), Progress::default()));
    Listed { entry, is_known, progress, is_held, is_under_way, place: Place::Queue, folded: None }
}

/// What the name of a mail tells of it.
fn nothing_but(id: QueueId) -> Entry {
    Entry {
        id,
        arrived: id.made().unwrap_or_default(),
        uid: NOBODY,
        reverse_path: None,
        originator: String::new(),
        recipients: vec![],
        message_id: String::new(),
        eight_bit: false,
        repairs: vec![],
        dsn: Default::default(),
        about: None,
        job: None,
        members: vec![],
        size: 0,
    }
}

/// The spool's own memory, for mail that has not been tried.
struct Known {
    clock: Option<Clock>,
    remarks: Vec<Remark>,
}

impl Known {
    fn of(spool: &Spool) -> Self {
        Self { clock: spool.clock(), remarks: spool.remarks(system::now()) }
    }

    /// The smarthost's trouble, or that the user has had a share of a limit.
    fn trouble(&self, mail: &Listed) -> Option<&str> {
        let share = || {
            let about = Spool::share_of(accountable(mail.entry.uid));
            self.remarks.iter().find(|remark| remark.about == about).map(|remark| remark.says.as_str())
        };
        self.clock.as_ref().map(|clock| clock.reason.as_str()).or_else(share).filter(|_| mail.place == Place::Queue)
    }
}

fn text(spool: &Spool, mails: &mut dyn Iterator<Item = Listed>, out: &mut dyn Write) -> io::Result<Counted> {
    let (known, mut counted) = (Known::of(spool), Counted::default());
    let mut gathered = folded::Gathered::default();
    let mut show = |mail: Listed, out: &mut dyn Write| {
        if counted.mails == 0 {
            writeln!(
                out,
                "{:<ID_WIDTH$} {:>8} {:<19} --Sender/Recipient------",
                "----Queue ID----", "--Size--", "---Arrival Time----"
            )?;
        }
        block(&mail, known.trouble(&mail), out)?;
        counted.add(&mail);
        Ok::<(), io::Error>(())
    };
    for mail in mails {
        if let Some(mail) = gathered.keep_back(mail) {
            show(mail, out)?;
        }
    }
    gathered.entries().into_iter().try_for_each(|mail| show(mail, out))?;
    Ok(counted)
}

/// Tells of mails that were given up and could not be returned, since nobody else does. A caller who may not look into
/// `failed/` hears nothing.
fn given_up(spool: &Spool, out: &mut dyn Write) -> io::Result<()> {
    let (mails, place) = (spool.failed().map_or(Vec::new(), |failed| failed.mails), spool.root().join("failed"));
    let (Some(oldest), Some(newest)) = (mails.first(), mails.last()) else { return Ok(()) };
    let (count, (plural, verb)) = (mails.len(), if mails.len() == 1 { ("", "was") } else { ("s", "were") });
    let since = oldest.made().map_or(String::new(), |made| format!(", the oldest of {}", day(made)));
    let why = spool.why_failed(newest).map_or(String::new(), |why| format!(", the last because: {}", clean(&why)));
    writeln!(
        out,
        "mailx-t: {count} mail{plural} {verb} given up and not returned{since}{why}: look into {}",
        place.display()
    )
}

/// The trouble that keeps all mail, since no mail may have it as its own reason.
fn closed(spool: &Spool, out: &mut dyn Write) -> io::Result<()> {
    let Some(Clock { reason, next_attempt, .. }) = spool.clock().filter(|clock| clock.attempts > 0) else {
        return Ok(());
    };
    writeln!(out, "mailx-t: mail waits: {}; the next try is at {next_attempt:.0}", clean(&reason))
}

/// The day of a moment, in the machine's zone.
pub(crate) fn day(moment: jiff::Timestamp) -> String {
    moment.to_zoned(jiff::tz::TimeZone::system()).date().to_string()
}

fn block(mail: &Listed, trouble: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    // Postfix's marks: a mail that is held, and one of the active queue.
    let mark = match mail {
        Listed { is_held: true, .. } => "!",
        Listed { is_under_way: true, .. } => "*",
        _ => "",
    };
    let id = format!("{}{mark}", mail.entry.id);
    let local = mail.entry.arrived.to_zoned(jiff::tz::TimeZone::system());
    let arrived = local.strftime("%a %b %e %H:%M:%S").to_string();
    if !mail.is_known {
        writeln!(out, "{id:<ID_WIDTH$} {:>8} {arrived:<19} -", "-")?;
        return writeln!(out, "{:>77}\n", "(no relay has looked at it yet: readers hear more after that)");
    }
    writeln!(out, "{id:<ID_WIDTH$} {:>8} {arrived:<19} {}", mail.entry.size, mail.sender())?;
    let mut last = None;
    for (address, reason) in mail.waiting(trouble) {
        if reason != last {
            let reason = clean(reason.as_deref().unwrap_or("reason unavailable"));
            writeln!(out, "{:>pad$}({reason})", "", pad = 76usize.saturating_sub(reason.chars().count()))?;
        }
        last = reason;
        writeln!(out, "{:1$}{address}", "", ID_WIDTH + 30)?;
    }
    writeln!(out)
}

fn json(spool: &Spool, mails: &mut dyn Iterator<Item = Listed>, out: &mut dyn Write) -> io::Result<()> {
    let known = Known::of(spool);
    for mail in mails {
        let entry = &mail.entry;
        let reason = known.trouble(&mail);
        let recipient = |(address, reason): (String, Option<String>)| match reason {
            Some(reason) => serde_json::json!({ "address": address, "delay_reason": reason }),
            None => serde_json::json!({ "address": address }),
        };
        let recipients: Vec<serde_json::Value> = mail.waiting(reason).into_iter().map(recipient).collect();
        let queue = match (mail.place, mail.is_held, mail.progress.attempts) {
            (Place::Drop | Place::Waiting, ..) => "maildrop",
            (_, true, _) => "hold",
            _ if mail.is_under_way => "active",
            (_, _, 0) => "incoming",
            _ => "deferred",
        };
        let object = serde_json::json!({
            "queue_name": queue,
            "queue_id": entry.id.as_str(),
            "arrival_time": entry.arrived.as_second(),
            "message_size": mail.is_known.then_some(entry.size),
            "forced_expire": false,
            "sender": mail.is_known.then(|| mail.sender()),
            "recipients": recipients,
            "attempts": mail.progress.attempts,
            "next_attempt": mail.next_attempt().map(|at| at.as_second()),
            "message_id": mail.is_known.then_some(&entry.message_id),
            "job": entry.job,
            "folded_until": mail.folded_until().map(|at| at.as_second()),
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

/// The age of a mail in words.
pub(super) fn age(entry: &Entry) -> String {
    let seconds = system::now().duration_since(entry.arrived).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{EnhancedStatus, Outcome, Scope, Stage, Status};
    use crate::spool::tests::empty_spool;
    use crate::spool::{EntryRecipient, Record};

    fn mail(recipients: &[&str], reasons: &[Option<&str>]) -> Listed {
        let recipient =
            |a: &&str| EntryRecipient { address: a.parse().unwrap(), original: None, dsn: Default::default() };
        let entry = Entry {
            id: QueueId::parse("6645F0AB1C2D000").unwrap(),
            arrived: jiff::Timestamp::UNIX_EPOCH,
            uid: 0,
            reverse_path: None,
            originator: "root".into(),
            recipients: recipients.iter().map(recipient).collect(),
            message_id: "<1@x.org>".into(),
            eight_bit: false,
            repairs: vec![],
            dsn: Default::default(),
            about: None,
            job: None,
            members: Vec::new(),
            size: 1234,
        };
        let record = |(n, reason): (usize, &Option<&str>)| {
            reason.map(|reason| {
                let outcome = Outcome {
                    status: Status::Deferred,
                    stage: Stage::Rcpt,
                    scope: Scope::Recipient,
                    enhanced: EnhancedStatus::new(4, 2, 1),
                    reason: reason.to_string(),
                };
                (n, Record { at: jiff::Timestamp::UNIX_EPOCH, recipient: n, outcome, next_attempt: None, report: None })
            })
        };
        let last = reasons.iter().enumerate().filter_map(record).collect();
        Listed {
            entry,
            is_known: true,
            progress: Progress { last, attempts: 1, ..Progress::default() },
            is_held: false,
            is_under_way: false,
            place: Place::Queue,
            folded: None,
        }
    }

    fn written(mail: &Listed) -> Vec<String> {
        let mut out = Vec::new();
        block(mail, None, &mut out).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_string).collect()
    }

    #[test]
    fn columns_stand_where_scripts_look() {
        let lines = written(&mail(&["a@x.org", "b@x.org", "c@x.org"], &[Some("451 later"), Some("451 later"), None]));
        let fields: Vec<&str> = lines[0].split_whitespace().collect();
        assert_eq!((fields[0], fields[1], fields[6]), ("6645F0AB1C2D000", "1234", "root"));
        assert_eq!(lines[1].trim_start(), "(451 later)");
        assert_eq!(lines[1].len(), 76 + 2);
        assert_eq!(lines[2], format!("{:46}a@x.org", ""));
        assert_eq!(lines[3].trim(), "b@x.org");
        assert_eq!(lines[4].trim_start(), "(reason unavailable)");
        assert_eq!(lines[6], "");
    }

    #[test]
    fn marks_are_those_of_postfix() {
        for (is_held, is_under_way, id) in [
            (false, false, "6645F0AB1C2D000"),
            (false, true, "6645F0AB1C2D000*"),
            (true, false, "6645F0AB1C2D000!"),
            (true, true, "6645F0AB1C2D000!"),
        ] {
            let line = &written(&Listed { is_held, is_under_way, ..mail(&["a@x.org"], &[]) })[0];
            assert_eq!(line.split_whitespace().next(), Some(id));
        }
    }

    #[test]
    fn mails_given_up_are_told_to_a_person() {
        let (directory, spool) = empty_spool();
        let told = || {
            let mut out = Vec::new();
            given_up(&spool, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(), "");
        let place = directory.path().join("failed");
        let today = day(system::now());
        let sentence = |start: &str| {
            let place = place.display();
            format!("mailx-t: {start} given up and not returned, the oldest of {today}: look into {place}\n")
        };
        for expected in ["1 mail was", "2 mails were"] {
            std::fs::write(place.join(QueueId::new().as_str()), "x").unwrap();
            assert_eq!(told(), sentence(expected));
        }
    }

    #[test]
    fn empty_queue_says_so_in_the_words_that_plugins_match() {
        let directory = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        write(&Spool::new(directory.path()), Form::Text, &mut std::iter::empty(), &mut out).unwrap();
        assert_eq!(out, b"Mail queue is empty\n");
    }
}
