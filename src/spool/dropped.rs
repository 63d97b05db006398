//! `drop/`: mails that local users without a right to the queue have left. Anyone can leave any file there, so we
//! believe nothing about a file but its owner, whom no one can forge.
//!
//! A file is first taken out of everybody's reach, into `tmp/`; a file that is no mail goes to `failed/`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::entry::MOST_BLOCK;
use super::entry_file::{Content, content_of, read_block};
use super::{Entry, Error, QueueId, Spool, files};
use crate::outcome::clean;
use crate::trust::plain;

/// The user that a file counts as whose owner need not have left it: nobody can use up what is another's, or speak as
/// another. The kernel gives no user this uid.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The directory that remembers a user's own mails in `drop/`.
pub(super) const REMEMBERED: &str = "dropped";
/// The kind of a file's name once it is out of reach.
const TAKEN: &str = "drop";
/// The kind of the name of a mail that waits for a configuration.
const WAITING: &str = "waiting";

/// A file from `drop/` that could be a mail; its owner may still be writing to it.
#[derive(Debug)]
pub(crate) struct Dropped {
    spool: Spool,
    path: PathBuf,
    file: File,
    content_at: u64,
    /// The contents of its envelope block: claims, not facts.
    pub(crate) entry: Entry,
    /// The uid of its owner, or [`NOBODY`] if the owner need not have left it.
    pub(crate) uid: u32,
}

/// A file that lies in `drop/`, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Its name, the user's choice.
    pub(crate) name: QueueId,
    /// The uid of its owner.
    pub(crate) uid: u32,
    /// The user it counts as: its owner, or [`NOBODY`] if another may have put it there.
    pub(crate) payer: u32,
    /// Its size.
    pub(crate) octets: u64,
    /// It is a regular file, and could be a mail.
    pub(crate) is_file: bool,
}

impl Spool {
    /// The files in `drop/` that are called as mails are, in the order of the names.
    ///
    /// # Errors
    /// [`Error::Read`] if the directory cannot be listed.
    pub(crate) fn left_files(&self, is_known: &dyn Fn(&QueueId) -> bool) -> Result<Vec<Left>, Error> {
        let names = self.left()?.into_iter().filter(|name| !is_known(name));
        let files = names.filter_map(|name| {
            let found = fs::symlink_metadata(self.file("drop", &name)).ok()?;
            let payer = if self.is_its_owners(&found) { found.uid() } else { NOBODY };
            Some(Left { name, uid: found.uid(), payer, octets: found.len(), is_file: found.is_file() })
        });
        Ok(files.collect())
    }

    /// The envelope block of a mail that lies in `drop/`, for a listing. Its id is the name, its uid the payer's. All
    /// else in it are claims. `None` if it is no mail.
    pub(crate) fn peek_left(&self, left: &Left) -> Option<Entry> {
        if !left.is_file {
            return None;
        }
        let path = self.file("drop", &left.name);
        let file = plain::open(&path, OpenOptions::new().read(true)).ok()?;
        let (entry, _) = read_block(&file, &path).ok()?;
        Some(Entry { id: left.name, uid: left.payer, size: entry.size.min(left.octets), ..entry })
    }

    /// The files out of `drop/` that an earlier run left half done, by the ids they were given, and the mails that wait
    /// for a configuration.
    ///
    /// # Errors
    /// [`Error::Read`] if `tmp/` cannot be listed.
    pub(crate) fn collected(&self) -> Result<Vec<QueueId>, Error> {
        self.names("tmp", |name| {
            let (id, kind) = name.split_once('.')?;
            QueueId::parse(id).filter(|_| [TAKEN, WAITING].contains(&kind))
        })
    }

    /// The mails of root and of the service that wait until the configuration can be used.
    ///
    /// # Errors
    /// [`Error::Read`] if `tmp/` cannot be listed.
    pub(crate) fn waiting(&self) -> Result<Vec<QueueId>, Error> {
        self.names("tmp", |name| QueueId::parse(name.strip_suffix(WAITING)?.strip_suffix('.')?))
    }

    /// The file of such a mail.
    pub(crate) fn waiting_file(&self, id: &QueueId) -> PathBuf {
        self.file("tmp", id).with_extension(WAITING)
    }

    /// The file of a mail in the queue, or else of one that waits.
    pub(super) fn queued_or_waiting(&self, id: &QueueId) -> PathBuf {
        Some(self.file("queue", id)).filter(|path| path.exists()).unwrap_or_else(|| self.waiting_file(id))
    }

    /// The envelope block of a mail that waits, for a listing.
    pub(crate) fn peek_waiting(&self, id: &QueueId) -> Option<Entry> {
        let path = self.waiting_file(id);
        read_block(&plain::open(&path, OpenOptions::new().read(true)).ok()?, &path).ok().map(|(entry, _)| entry)
    }

    /// Removes such a mail unsent. The caller leads: no relay takes it in meanwhile.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remove_waiting(&self, id: &QueueId) -> Result<(), Error> {
        let path = self.waiting_file(id);
        let removed = fs::remove_file(&path).and_then(|()| files::sync_directory(&self.directory("tmp")));
        removed.map_err(|source| Error::Write { path, source })
    }

    /// Takes a regular file in `drop/` out of its user's reach. Returns the id it has from now on. The id is ours: the
    /// name in `drop/` is the user's choice, and would sort where the user wishes. `None` if the user has taken it
    /// back; a user may do that.
    pub(crate) fn collect(&self, left: &Left) -> Option<QueueId> {
        let id = QueueId::marked(self.mark_of(left.payer));
        files::rename_new(&self.file("drop", &left.name), &self.taken(&id)).is_ok().then_some(id)
    }

    /// Makes the removal of collected files last: a file that came back after its mail was delivered would be taken for
    /// a new one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn sync_collected(&self) -> Result<(), Error> {
        for path in [self.directory("drop"), self.directory("tmp")] {
            files::sync_directory(&path).map_err(|source| Error::Write { path, source })?;
        }
        Ok(())
    }

    /// Opens a collected file. A file that is no mail of at most `most` octets is moved to `failed/`; the error says
    /// why.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a file that has been moved away, [`Error::Read`] for one that could not be inspected.
    pub(crate) fn dropped(&self, id: &QueueId, most: u64) -> Result<Dropped, Error> {
        let path = self.taken(id);
        let is_ours = path == self.waiting_file(id);
        // The leader alone writes under this name. A draft that is there was cut short by a crash.
        let _ = fs::remove_file(self.file("tmp", id));
        open(self, &path, most, is_ours).map_err(|error| match error {
            Error::Damaged { why, .. } => self.refuse(id, why),
            denied if denied.is_denied() => self.refuse(id, "it may not be read".to_string()),
            // fcntl(2), F_SETLEASE: a user who leaves a mail has closed the file before it gets its name.
            Error::Read { source, .. } if source.kind() == io::ErrorKind::WouldBlock => {
                self.refuse(id, "another program holds a lease on it".to_string())
            }
            other => other,
        })
    }

    /// Puts a collected file away, for a person to look at; the error says where.
    pub(crate) fn refuse(&self, id: &QueueId, why: String) -> Error {
        // If it cannot be put away, it is named where it lies, and inspected again.
        let path = self.put_away(id, &self.taken(id)).unwrap_or_else(|_| self.taken(id));
        Error::Damaged { path, why }
    }

    /// Puts away a name in `drop/` that is no regular file; returns the id it has from now on, and the error that says
    /// where. `None` if it stays: a directory that is not empty is in nobody's way there, and `ctl check` names it.
    pub(crate) fn clear(&self, left: &Left) -> Option<(QueueId, Error)> {
        let id = QueueId::marked(self.mark_of(left.payer));
        let path = self.put_away(&id, &self.file("drop", &left.name)).ok()?;
        Some((id, Error::Damaged { path, why: "it is no regular file".to_string() }))
    }

    /// Keeps a file of one name in `failed/`; for any other it keeps a line of text there that says what it was. A link
    /// may lead anywhere, a FIFO holds up its reader, and root would look at both. Returns the path.
    fn put_away(&self, id: &QueueId, place: &Path) -> io::Result<PathBuf> {
        let (found, refused) = (fs::symlink_metadata(place)?, self.free_in_failed(id, "refused"));
        if found.is_file() && found.nlink() == 1 {
            fs::rename(place, &refused)?;
            return Ok(refused);
        }
        if found.is_dir() {
            fs::remove_dir(place)?;
        }
        let line =
            format!("{} was left in drop/ by user {}: it was no mail, and is gone\n", told(place, &found), found.uid());
        files::create_new(&refused)?.write_all(line.as_bytes())?;
        if !found.is_dir() {
            fs::remove_file(place)?;
        }
        Ok(refused)
    }

    /// Writes down, in the user's own `place`, that they have left a mail: `drop/` itself shows nothing to anybody. It
    /// is only a convenience for mailq, so it may fail.
    pub(crate) fn remember(place: &Path, id: &QueueId) -> io::Result<()> {
        fs::create_dir_all(place)?;
        let mut file = plain::open(&place.join(REMEMBERED), OpenOptions::new().append(true).create(true).mode(0o600))?;
        writeln!(file, "{id}")
    }

    /// The mails remembered at `place` that still lie in `drop/`; the others are forgotten.
    pub(crate) fn remembered(&self, place: &Path) -> Vec<Entry> {
        let path = place.join(REMEMBERED);
        let text = plain::read_text(&path).unwrap_or_default();
        let entry = |id: &QueueId| {
            read_block(&plain::open(&self.file("drop", id), OpenOptions::new().read(true)).ok()?, &path)
                .ok()
                .map(|(entry, _)| entry)
        };
        let entries: Vec<Entry> = text.lines().filter_map(QueueId::parse).filter_map(|id| entry(&id)).collect();
        let left: String = entries.iter().map(|entry| format!("{}\n", entry.id)).collect();
        if left != text {
            let _ = fs::write(&path, left);
        }
        entries
    }

    /// The reason why the owner of the file may be another user than the one who put it into `drop/`: a file can be
    /// moved there from elsewhere. One that is made there has the group of `drop/`.
    fn is_forged(&self, found: &fs::Metadata) -> Option<&'static str> {
        let drop = fs::symlink_metadata(self.directory("drop")).ok()?;
        let owner = self.owner();
        if found.mode() & 0o022 != 0 {
            return Some("others than its owner may write it");
        }
        if found.uid() == 0 || Some(found.uid()) == owner {
            return Some("its owner has the queue, and leaves no mail in drop/");
        }
        (found.gid() != drop.gid()).then_some("it was not made in drop/, so its owner need not have left it")
    }

    /// Its owner has left it. A link, a pipe or a directory says nothing of who put it there.
    fn is_its_owners(&self, found: &fs::Metadata) -> bool {
        found.is_file() && found.nlink() == 1 && is_signed(found) && self.is_forged(found).is_none()
    }

    fn taken(&self, id: &QueueId) -> PathBuf {
        let waiting = self.waiting_file(id);
        if waiting.exists() { waiting } else { self.file("tmp", id).with_extension(TAKEN) }
    }
}

impl Dropped {
    /// The message as it stands in the file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn content(&self) -> Result<Content<'_>, Error> {
        content_of(&self.file, self.content_at, self.entry.size, &self.path)
    }

    /// True if the file under that name in the queue or in `failed/` is this very mail, taken before a crash; false if
    /// the name is free.
    ///
    /// # Errors
    /// [`Error::Damaged`]: it is the name of another mail, which nobody may replace. The file has been put away.
    pub(crate) fn is_taken(&self, id: &QueueId) -> Result<bool, Error> {
        let standing = ["queue", "failed"].iter().find_map(|place| {
            let path = self.spool.file(place, id);
            let found = match plain::open(&path, OpenOptions::new().read(true)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                found => found.map_err(|source| Error::Read { path: path.clone(), source }),
            };
            Some(found.and_then(|file| read_block(&file, &path)).map(|(entry, _)| entry))
        });
        match standing {
            None => Ok(false),
            Some(Ok(entry)) if entry.uid == self.uid && entry.message_id == self.entry.message_id => Ok(true),
            Some(_) => Err(self.spool.refuse(id, "another mail has that name".to_string())),
        }
    }

    /// The mail is in the queue: the file goes.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// Its owner has left it for certain. The group of `drop/` does not show that: a file that is made in a directory that
/// was made in `drop/` has it too, wherever that directory is now. A copy lacks the sticky bit, unless all modes are
/// copied. A mail without it is sent, but nobody is named for it: earlier versions set none.
fn is_signed(found: &fs::Metadata) -> bool {
    found.mode() & nix::libc::S_ISVTX != 0
}

/// The line about it, for the reader of `failed/`.
fn told(place: &Path, found: &fs::Metadata) -> String {
    let target = || fs::read_link(place).map_or_else(|error| error.to_string(), |to| to.display().to_string());
    match found.file_type() {
        kind if kind.is_symlink() => format!("a link to {}", clean(&target())),
        kind if kind.is_file() => format!("a file of {} octets with {} names", found.len(), found.nlink()),
        kind if kind.is_dir() => "an empty directory".to_string(),
        kind if kind.is_fifo() => "a named pipe".to_string(),
        kind if kind.is_socket() => "a socket".to_string(),
        _ => "a device".to_string(),
    }
}

/// Opens the file without waiting for anybody (a FIFO has two ends) and without following links. A file that is ours
/// lay where nobody else can put one: its envelope block says whose mail it is.
fn open(spool: &Spool, path: &Path, most: u64, is_ours: bool) -> Result<Dropped, Error> {
    let damaged = |why: &str| Error::Damaged { path: path.to_path_buf(), why: why.to_string() };
    let fail = |source: io::Error| Error::Read { path: path.to_path_buf(), source };
    let found = fs::symlink_metadata(path).map_err(fail)?;
    if !found.is_file() {
        return Err(damaged("it is no regular file"));
    }
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fail)?;
    let found = file.metadata().map_err(fail)?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(damaged("it is not a regular file with one name"));
    }
    if found.len() > most.saturating_add(MOST_BLOCK) {
        return Err(damaged("it is larger than a mail may be"));
    }
    if let Some(why) = spool.is_forged(&found).filter(|_| !is_ours) {
        return Err(damaged(why));
    }
    let (entry, content_at) = read_block(&file, path)?;
    let owner = if is_signed(&found) { found.uid() } else { NOBODY };
    let uid = if is_ours { entry.uid } else { owner };
    Ok(Dropped { spool: spool.clone(), path: path.to_path_buf(), file, content_at, entry, uid })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    use super::super::Draft;
    use super::super::entry::tests::example;
    use super::super::tests::empty_spool;
    use super::*;

    /// Nobody in particular.
    const STRANGER: u32 = 54_321;

    /// Only root can make a file another user's; everybody else's own files are refused, since the queue is theirs.
    fn can_leave() -> bool {
        let is_root = nix::unistd::geteuid().is_root();
        if !is_root {
            println!("skipped: only root can leave a mail as another user");
        }
        is_root
    }

    fn collect(spool: &Spool) -> Vec<(QueueId, QueueId)> {
        let files = spool.left_files(&|_| false).unwrap();
        files.iter().filter(|left| left.is_file).filter_map(|left| Some((left.name, spool.collect(left)?))).collect()
    }

    fn clear(spool: &Spool) -> usize {
        let files = spool.left_files(&|_| false).unwrap();
        files.iter().filter(|left| !left.is_file).filter_map(|left| spool.clear(left)).count()
    }

    fn leave(spool: &Spool) -> QueueId {
        let entry = example(&["a@x.org"]);
        let mut draft = Draft::create_in_drop(spool, entry.id).unwrap();
        draft.envelope(&entry).unwrap();
        draft.write_all(b"Subject: x\r\n\r\nbody\r\n").unwrap();
        draft.commit().unwrap();
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(spool.file("drop", &entry.id), Some(STRANGER), None).unwrap();
        }
        entry.id
    }

    #[test]
    fn mail_left_is_taken_with_its_owner_and_an_id_of_ours() {
        let (_keep, spool) = empty_spool();
        let name = leave(&spool);
        let [(was, id)] = collect(&spool)[..] else { panic!("one") };
        assert!(was == name && id != name);
        assert_eq!(fs::read_dir(spool.directory("drop")).unwrap().count(), 0);
        assert_eq!(spool.collected().unwrap(), [id], "what was taken is found again after a crash");
        if can_leave() {
            let dropped = spool.dropped(&id, 1000).unwrap();
            assert_eq!(dropped.uid, STRANGER);
            let mut text = String::new();
            dropped.content().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "Subject: x\r\n\r\nbody\r\n");
            dropped.remove().unwrap();
            assert!(spool.collected().unwrap().is_empty());
        }
    }

    #[test]
    fn file_that_its_owner_need_not_have_left_is_put_away() {
        if !can_leave() {
            return;
        }
        let (_keep, spool) = empty_spool();
        let place = |name: &QueueId| spool.file("drop", name);
        let set_mode =
            |name: &QueueId, mode| fs::set_permissions(place(name), PermissionsExt::from_mode(mode)).unwrap();
        let names: Vec<QueueId> = (0..6).map(|_| leave(&spool)).collect();
        // Made elsewhere, and moved.
        std::os::unix::fs::chown(place(&names[0]), Some(STRANGER), Some(STRANGER)).unwrap();
        // Root's and the service's go to the queue.
        std::os::unix::fs::chown(place(&names[1]), Some(0), None).unwrap();
        set_mode(&names[2], 0o1660);
        set_mode(&names[3], 0o1642);
        set_mode(&names[4], 0o640);
        let owners: Vec<Option<u32>> =
            collect(&spool).into_iter().map(|(_, id)| Some(spool.dropped(&id, 1000).ok()?.uid)).collect();
        assert_eq!(owners.iter().filter(|owner| owner.is_none()).count(), 4, "{owners:?}");
        assert!(owners.contains(&Some(STRANGER)) && owners.contains(&Some(NOBODY)), "{owners:?}");
        assert_eq!(fs::read_dir(spool.directory("failed")).unwrap().count(), 4);
        let kept = spool.kept().unwrap();
        let of = |uid| kept.get(&spool.mark_of(uid)).map(|kept| kept.files);
        assert_eq!((of(NOBODY), of(STRANGER), of(0)), (Some(4), None, None), "it counts as nobody's");
    }

    #[test]
    fn hostile_files_are_put_away_and_block_nobody() {
        let (_keep, spool) = empty_spool();
        let place = |id: &QueueId| spool.file("drop", id);
        let ids: Vec<QueueId> = (0..7).map(|_| QueueId::new()).collect();
        std::os::unix::fs::symlink("/etc/passwd", place(&ids[0])).unwrap();
        fs::create_dir(place(&ids[1])).unwrap();
        nix::unistd::mkfifo(&place(&ids[2]), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::write(place(&ids[3]), b"garbage").unwrap();
        File::create(place(&ids[4])).unwrap().set_len(100 << 20).unwrap();
        fs::write(spool.root().join("other"), b"x").unwrap();
        fs::hard_link(spool.root().join("other"), place(&ids[5])).unwrap();
        fs::write(place(&ids[6]), example(&["a@x.org"]).block().0).unwrap();
        let good = leave(&spool);
        assert_eq!(clear(&spool), 3);
        for (name, id) in collect(&spool) {
            let taken = spool.dropped(&id, 1 << 20);
            assert_eq!(taken.is_ok(), name == good && can_leave(), "{taken:?}");
        }
        let failed: Vec<_> = fs::read_dir(spool.directory("failed")).unwrap().map(|found| found.unwrap()).collect();
        assert_eq!(failed.len(), if can_leave() { 7 } else { 8 });
        assert!(failed.iter().all(|found| found.file_type().unwrap().is_file()));
        let refused: Vec<String> =
            failed.iter().map(|found| fs::read_to_string(found.path()).unwrap_or_default()).collect();
        let uid = nix::unistd::getuid();
        let told = |what: &str| format!("{what} was left in drop/ by user {uid}: it was no mail, and is gone\n");
        assert!(refused.contains(&told("a link to /etc/passwd")), "{refused:?}");
        assert!(refused.contains(&told("an empty directory")), "{refused:?}");
        assert!(refused.contains(&told("a named pipe")), "{refused:?}");
        assert!(refused.contains(&told("a file of 1 octets with 2 names")), "{refused:?}");
        assert_eq!(fs::read(spool.root().join("other")).unwrap(), b"x");
    }

    #[test]
    fn what_a_lease_keeps_is_put_away_at_once() {
        let (_keep, spool) = empty_spool();
        let left = leave(&spool);
        // F_SETLEASE with F_WRLCK; an attempt to open the file makes the kernel send SIGIO.
        let hold = r#"$SIG{IO} = "IGNORE"; open F, "+<", $ARGV[0]; fcntl(F, 1024, 1) or exit; print "\n"; <STDIN>"#;
        let mut holder = Command::new("perl");
        holder.args(["-e", &format!("$| = 1; {hold}")]).arg(spool.file("drop", &left));
        let Ok(mut holder) = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            eprintln!("skipped: no perl to hold a lease");
            return;
        };
        let said = holder.stdout.as_mut().unwrap().read(&mut [0]).unwrap();
        if said == 0 {
            eprintln!("skipped: this file system has no leases");
            holder.wait().unwrap();
            return;
        }
        let [(name, id)] = collect(&spool)[..] else { panic!("one") };
        assert_eq!(name, left);
        let error = spool.dropped(&id, 1000).unwrap_err().to_string();
        holder.kill().and_then(|()| holder.wait()).unwrap();
        assert!(error.contains("/failed/") && error.contains("another program holds a lease on it"), "{error}");
        assert!(spool.collected().unwrap().is_empty());
    }

    #[test]
    fn directory_with_something_in_it_stays_in_nobodys_way() {
        let (_keep, spool) = empty_spool();
        let id = QueueId::new();
        fs::create_dir_all(spool.file("drop", &id).join("x")).unwrap();
        assert!(clear(&spool) == 0 && collect(&spool).is_empty());
        assert_eq!(spool.strays().unwrap(), [id.to_string()]);
    }

    #[test]
    fn name_of_another_mail_replaces_nothing() {
        let (_keep, spool) = empty_spool();
        let standing = example(&["a@x.org"]);
        let mut draft = Draft::create(&spool, standing.id).unwrap();
        draft.envelope(&standing).unwrap();
        draft.commit().unwrap();
        let name = leave(&spool);
        fs::rename(spool.file("drop", &name), spool.file("drop", &standing.id)).unwrap();
        let [(name, id)] = collect(&spool)[..] else { panic!("one") };
        assert!(name == standing.id && id != standing.id);
        if can_leave() {
            assert!(!spool.dropped(&id, 1000).unwrap().is_taken(&id).unwrap());
        }
        assert!(spool.claim(&standing.id).unwrap().unwrap().entry == Entry { size: 0, ..standing });
    }

    #[test]
    fn names_that_are_no_ids_are_not_touched() {
        let (_keep, spool) = empty_spool();
        for name in ["x", "..x", "half.new"] {
            fs::write(spool.directory("drop").join(name), b"x").unwrap();
        }
        assert!(collect(&spool).is_empty());
        assert_eq!(fs::read_dir(spool.directory("drop")).unwrap().count(), 3);
    }
}
