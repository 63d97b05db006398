//! The spool's own directory and the names in it: made, given their owners and modes, and judged.
//!
//! In the machine's spool the directory is root's, and the files in the four directories below it are the service's:
//! the service can change every mail, and no name that root works with. All of it works by descriptor, since the
//! service may change a directory that was its own until now while we work.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::{Draft, Error, QueueId, Spool, dropped, shown};
use crate::trust::Directory;

/// The mode of the spool's own directory.
const ROOT_MODE: u32 = 0o755;
/// The directories of every spool, with their modes.
const OWN: [(&str, u32); 3] = [("queue", 0o700), ("tmp", 0o700), ("failed", 0o700)];
/// It takes from anyone and shows to nobody: only the machine's spool has it.
const DROP: (&str, u32) = ("drop", 0o3733);
/// The directories that readers see something of, with their modes: in the queue they read names and open nothing, and
/// files in the list get their group.
const SHOWN: [(&str, u32); 2] = [("queue", 0o740), (shown::LIST, 0o2750)];

/// The locks of a relay, which a spool without mail has too.
const LOCKS: [&str; 2] = ["relay.lock", "serve.lock"];

/// The owner of a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The machine's, run by its maker, or by the service user with that uid and gid.
    Machine(Option<(u32, u32)>),
    /// A user's own: nobody else leaves mail in it.
    User,
}

impl Owner {
    fn names(self) -> impl Iterator<Item = (&'static str, u32)> {
        OWN.into_iter().chain((self != Self::User).then_some(DROP))
    }

    /// The directories, each with its mode and its group; without a group any will do.
    fn parts(self, readers: Option<u32>) -> Vec<Part> {
        let group = self.group();
        let shown = SHOWN.iter().filter(|_| self != Self::User && readers.is_some());
        let parts = self.names().filter(|(name, _)| !shown.clone().any(|(shown, _)| shown == name));
        let parts = parts.map(|(name, mode)| Part { name, mode, group });
        parts.chain(shown.clone().map(|(name, mode)| Part { name, mode: *mode, group: readers })).collect()
    }

    /// The group of the service.
    pub(crate) fn group(self) -> Option<u32> {
        self.service().map(|(_, gid)| gid)
    }

    fn service(self) -> Option<(u32, u32)> {
        if let Self::Machine(service) = self { service } else { None }
    }
}

/// A directory of a spool.
#[derive(Clone, Copy, Debug)]
struct Part {
    name: &'static str,
    mode: u32,
    group: Option<u32>,
}

/// Names that may be there before a spool is: a file system's own directory, and in a user's directory the memory of
/// mails left for the machine's service.
fn may_precede(name: &OsStr) -> bool {
    let is_whole = |name: &str| {
        let id = name.strip_suffix(".new").unwrap_or(name).strip_suffix(".gz");
        id.and_then(QueueId::parse).is_some()
    };
    name == "lost+found" || name == dropped::REMEMBERED || name.to_str().is_some_and(is_whole)
}

impl Spool {
    /// Makes the directories of the machine's spool that are missing, with their modes, and their owners if that is not
    /// the caller; safe to repeat.
    ///
    /// # Errors
    /// As [`create_for`](Self::create_for).
    pub fn create(&self, service: Option<(u32, u32)>) -> Result<(), Error> {
        let owner = Owner::Machine(service);
        self.create_for(owner, owner.group())
    }

    /// Makes the directories that are missing, with their modes and owners; safe to repeat, even if a user who owns
    /// some of them means harm. The group `readers` may list the queue.
    ///
    /// # Errors
    /// [`Error::NoSpool`] for a directory that has other uses, [`Error::Create`] for one that cannot be made or given
    /// its mode, or that is of the wrong kind: then nothing has been changed.
    pub(crate) fn create_for(&self, owner: Owner, readers: Option<u32>) -> Result<(), Error> {
        let above = |source| Error::Create { path: self.root().to_path_buf(), source };
        let directory = Directory::open_or_make(self.root(), ROOT_MODE).map_err(above)?;
        self.is_ours_to_make(&directory)
            .map_err(above)?
            .then_some(())
            .ok_or(Error::NoSpool(self.root().to_path_buf()))?;
        let parts = owner.parts(readers);
        let names = || parts.iter().map(|part| part.name);
        names().try_for_each(|name| self.look(&directory, name, owner).map(drop))?;
        let has_changed_hands = settle_root(&directory, owner).map_err(above)?;
        if has_changed_hands {
            // From here on nobody else gives and takes names in it. Until here somebody could.
            names().try_for_each(|name| self.look(&directory, name, owner).map(drop))?;
        }
        for part in &parts {
            let found = self.look(&directory, part.name, owner)?;
            let made = found.map_or_else(|| directory.make(part.name), Ok);
            let settled = made.and_then(|made| settle(&made, owner, *part));
            settled.map_err(|source| Error::Create { path: self.directory(part.name), source })?;
        }
        if readers.is_none() {
            close(&directory, shown::LIST).map_err(above)?;
        }
        if owner == Owner::User { close(&directory, DROP.0).map_err(above) } else { Ok(()) }
    }

    /// The directory of that name, if it is there and may be the spool's.
    fn look(&self, root: &Directory, name: &str, owner: Owner) -> Result<Option<Directory>, Error> {
        let judged = root.child(name).and_then(|found| {
            found.as_ref().map_or(Ok(()), |found| judge(found, root, owner))?;
            Ok(found)
        });
        judged.map_err(|source| Error::Create { path: self.directory(name), source })
    }

    /// Modes are changed in a directory that is a spool, or becomes one: never in one that has other uses, such as
    /// `/var`.
    fn is_ours_to_make(&self, directory: &Directory) -> io::Result<bool> {
        let names = directory.names()?;
        Ok(names.iter().any(|name| name == "queue") || names.iter().all(|name| may_precede(name)))
    }

    /// The directories that a relay works in.
    pub(crate) fn places(&self) -> Vec<PathBuf> {
        Owner::Machine(None)
            .names()
            .map(|(name, _)| name)
            .chain([shown::LIST])
            .map(|name| self.directory(name))
            .collect()
    }

    /// The uid that the mails belong to, root's if root serves; `None` if there is no spool.
    pub(crate) fn owner(&self) -> Option<u32> {
        let uid = |path: &Path| std::fs::symlink_metadata(path).ok().map(|found| found.uid());
        uid(&self.directory("queue")).or_else(|| std::fs::metadata(self.root()).ok().map(|found| found.uid()))
    }

    /// uid and gid of the user that the spool belongs to, if root runs us and it is not root's; `None` if the file
    /// system gives root's new files to that user anyway.
    pub(crate) fn owner_in_our_place(&self) -> Option<(u32, u32)> {
        let found = std::fs::symlink_metadata(self.directory("queue")).ok().filter(|found| found.uid() != 0)?;
        (geteuid().is_root() && self.owner_of_new() != Some(found.uid())).then_some((found.uid(), found.gid()))
    }

    /// The uid that gets what this process makes in the spool; `None` if it may make nothing there.
    fn owner_of_new(&self) -> Option<u32> {
        Directory::open(&self.directory("queue")).and_then(|queue| queue.owner_of_new()).ok()
    }

    /// The uid that should own what is in the spool. A file system may give our files to another user.
    fn wanted(&self, owner: Owner) -> u32 {
        let us = wanted(owner);
        let given = || self.owner().filter(|uid| *uid != us && self.owner_of_new() == Some(*uid));
        if owner.service().is_some() { us } else { given().unwrap_or(us) }
    }

    /// The defects of the spool, one sentence each; empty if all is well.
    pub(crate) fn defects(&self, owner: Owner, readers: Option<u32>) -> Vec<String> {
        let wanted = self.wanted(owner);
        let mut defects: Vec<String> = self.defect_of_root(owner, wanted).into_iter().collect();
        defects.extend(self.defects_of_names(&owner.parts(readers), wanted));
        if owner == Owner::User && self.directory(DROP.0).is_dir() {
            let drop = self.directory(DROP.0);
            defects.push(format!("{} is for the machine's spool alone: run mailx-t ctl init", drop.display()));
        }
        let probe = QueueId::new();
        // A full disk has room for a name, but not for a mail: so this writes more than the system holds back.
        let write = |mut draft: Draft| {
            let written = io::Write::write_all(&mut draft, &[0; 128 << 10]).map_err(|source| draft.failed(source));
            written.and(draft.discard())
        };
        // A directory that is missing or not ours takes no mail for that reason: one line for one cause.
        if defects.is_empty()
            && let Err(error) = Draft::create(self, probe).and_then(write)
        {
            let is_full = matches!(&error, Error::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull);
            defects.push(format!("{error}{}", if is_full { ": make room: df tells on which disk" } else { "" }));
        }
        defects
    }

    /// The defects of the directories, those of one kind in one sentence.
    fn defects_of_names(&self, parts: &[Part], wanted: u32) -> Vec<String> {
        if !self.root().exists() {
            return vec![format!("{} is not there: run mailx-t ctl init", self.root().display())];
        }
        let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
        for part in parts {
            let Some(defect) = defect_of(&self.directory(part.name), wanted, part) else { continue };
            let name = part.name;
            match alike.iter_mut().find(|(known, _)| *known == defect) {
                Some((_, names)) => names.push(name),
                None => alike.push((defect, vec![name])),
            }
        }
        let said = |(defect, names): (String, Vec<&str>)| {
            let [others @ .., last] = names.as_slice() else { return defect };
            let place = self.directory(last).display().to_string();
            let others: String = others.iter().map(|name| format!("{name}, ")).collect();
            format!("{others}{place}{}{defect}", if others.is_empty() { "" } else { " each" })
        };
        alike.into_iter().map(said).collect()
    }

    fn defect_of_root(&self, owner: Owner, wanted: u32) -> Option<String> {
        let found = std::fs::metadata(self.root()).ok()?;
        let root = self.root().display();
        if found.uid() != 0 && (owner.service().is_some() || found.uid() != wanted) {
            return Some(format!(
                "{root} belongs to user {}, who can put anything in the place of what is in it: run mailx-t ctl init as root",
                found.uid()
            ));
        }
        let mode = found.mode() & 0o7777;
        (mode & 0o022 != 0).then(|| format!("{root} has mode {mode:o} instead of {ROOT_MODE:o}: run mailx-t ctl init"))
    }
}

/// The words that follow the name of a directory with a defect.
fn defect_of(path: &Path, owner: u32, Part { mode, group, .. }: &Part) -> Option<String> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) => return Some(format!(": {error}: run mailx-t ctl init")),
    };
    let said = found.mode() & 0o7777;
    match () {
        () if !found.is_dir() => Some(" is no directory: move it away, and run mailx-t ctl init".to_string()),
        () if owner != found.uid() => {
            Some(" belongs to another user than the spool: run mailx-t ctl init as root".to_string())
        }
        () if group.is_some_and(|group| group != found.gid()) => {
            let gid = found.gid();
            Some(format!(" belongs to group {gid} instead of {}: run mailx-t ctl init as root", group.unwrap_or(gid)))
        }
        () if said != *mode => Some(format!(" has mode {said:o} instead of {mode:o}: run mailx-t ctl init")),
        () => None,
    }
}

/// The uid that the files of the spool should belong to.
fn wanted(owner: Owner) -> u32 {
    owner.service().map_or(geteuid().as_raw(), |(uid, _)| uid)
}

/// A directory that is there becomes the spool's if it is the spool's already, or if it is root's and empty. Root's own
/// files are not given away because somebody has called their directory `queue`.
fn judge(found: &Directory, root: &Directory, owner: Owner) -> io::Result<()> {
    let (uid, wanted) = (found.metadata()?.uid(), wanted(owner));
    let is_lock = |name: &std::ffi::OsString| LOCKS.iter().any(|lock| name == lock);
    if uid == wanted || uid == 0 && geteuid().is_root() && found.names()?.iter().all(is_lock) {
        return Ok(());
    }
    if owner.service().is_none() && root.owner_of_new().ok() == Some(uid) {
        return Ok(());
    }
    let cure = match (uid, owner.service()) {
        (0, Some((uid, gid))) => format!(
            "it was made before there was that user; to keep what is in it, in the spool's directory: \
             chown -R {uid}:{gid} queue tmp failed; chgrp -R {gid} drop; chown {uid} drop; then run mailx-t ctl init again"
        ),
        _ => "see who made it, move it away, and run mailx-t ctl init again".to_string(),
    };
    Err(io::Error::other(format!("it belongs to user {uid} and not to user {wanted}: {cure}")))
}

/// Gives the spool's own directory its owner and its mode; true if it was somebody else's before.
fn settle_root(directory: &Directory, owner: Owner) -> io::Result<bool> {
    let found = directory.metadata()?;
    let is_to_change = geteuid().is_root() && (found.uid(), found.gid()) != (0, 0);
    if is_to_change {
        let given = directory.give((0, 0));
        let is_settled = || owner.service().is_none() && directory.owner_of_new().ok() == Some(found.uid());
        given.or_else(|error| if is_settled() { Ok(()) } else { Err(error) })?;
    }
    let is_of_root = found.uid() == 0 && !geteuid().is_root();
    // If root has made the directory for a user, that user cannot change it; a missing right shows at the first name.
    if found.mode() & 0o7777 != ROOT_MODE && !(is_of_root && found.mode() & 0o022 == 0) {
        directory.set_mode(ROOT_MODE)?;
    }
    Ok(is_to_change)
}

fn settle(directory: &Directory, owner: Owner, Part { mode, group, .. }: Part) -> io::Result<()> {
    let found = directory.metadata()?;
    let uid = owner.service().map_or(found.uid(), |(uid, _)| uid);
    let gid = group.unwrap_or(found.gid());
    if (found.uid(), found.gid()) != (uid, gid) {
        if found.uid() != uid {
            // The locks are closed to the new owner, who makes others.
            LOCKS.iter().for_each(|lock| drop(directory.remove(OsStr::new(lock))));
        }
        // Another group must not see what the mode was for, and changing the owner takes the set-group-id bit away: so
        // the modes come after.
        directory.set_mode(mode & 0o7700)?;
        directory.give((uid, gid))?;
    }
    if directory.metadata()?.mode() & 0o7777 != mode { directory.set_mode(mode) } else { Ok(()) }
}

/// Closes a directory that this spool should not have: the `drop/` that earlier versions made in every spool, or a list
/// without readers. The files that others left in `drop/` were never to be sent by this user; they are kept where
/// nobody adds to them.
fn close(root: &Directory, name: &str) -> io::Result<()> {
    match root.child(name)? {
        Some(found) => root.remove_empty(name).or_else(|_| found.set_mode(0o700)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn state(path: &Path) -> (u32, u32, u32) {
        let found = fs::symlink_metadata(path).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    }

    fn refused(spool: &Spool, owner: Owner) -> String {
        spool.create_for(owner, owner.group()).unwrap_err().to_string()
    }

    #[test]
    fn directory_with_other_uses_does_not_become_a_spool() {
        let directory = tempfile::tempdir().unwrap();
        let tmp = directory.path().join("tmp");
        fs::create_dir(&tmp).unwrap();
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(matches!(Spool::new(directory.path()).create(None), Err(Error::NoSpool(_))));
        assert_eq!(fs::metadata(&tmp).unwrap().mode() & 0o7777, 0o1777);
        fs::remove_dir(&tmp).unwrap();
        let id = QueueId::new();
        Spool::remember(directory.path(), &id).unwrap();
        fs::create_dir(directory.path().join("lost+found")).unwrap();
        fs::write(directory.path().join(format!("{id}.gz")), "x").unwrap();
        for _ in 0..2 {
            Spool::new(directory.path()).create(None).unwrap();
        }
    }

    #[test]
    fn what_is_no_directory_is_refused_and_what_it_leads_to_is_not_touched() {
        let place = tempfile::tempdir().unwrap();
        let victim = place.path().join("victim");
        fs::create_dir(&victim).unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o751)).unwrap();
        for name in ["queue", "tmp", "failed", "drop"] {
            let root = place.path().join(format!("spool-{name}"));
            fs::create_dir(&root).unwrap();
            fs::create_dir(root.join("queue")).unwrap();
            let spool = Spool::new(&root);
            let _ = fs::remove_dir(root.join(name));
            symlink(&victim, root.join(name)).unwrap();
            let before = state(&root);
            let error = refused(&spool, Owner::Machine(None));
            assert!(
                error.contains(&format!("/{name}: {name} is a symbolic link and no directory: see who")),
                "{error}"
            );
            fs::remove_file(root.join(name)).unwrap();
            nix::unistd::mkfifo(&root.join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
            let error = refused(&spool, Owner::Machine(None));
            assert!(error.contains("is a named pipe and no directory"), "{error}");
            assert_eq!((state(&victim).2, state(&root)), (0o751, before), "{name}");
        }
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    }

    #[test]
    fn spool_of_a_users_own_takes_mail_of_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create_for(Owner::User, None).unwrap();
        assert!(!directory.path().join("drop").exists());
        assert_eq!(spool.defects(Owner::User, None), Vec::<String>::new());
        // The form that an earlier version gave it.
        spool.create(None).unwrap();
        assert!(
            spool.defects(Owner::User, None)[0]
                .contains("/drop is for the machine's spool alone: run mailx-t ctl init")
        );
        fs::write(directory.path().join("drop/x"), "").unwrap();
        spool.create_for(Owner::User, None).unwrap();
        assert_eq!(state(&directory.path().join("drop")).2, 0o700);
        fs::remove_file(directory.path().join("drop/x")).unwrap();
        spool.create_for(Owner::User, None).unwrap();
        assert!(!directory.path().join("drop").exists());
    }

    #[test]
    fn spool_made_twice_is_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        let owner = Owner::Machine(None);
        for _ in 0..2 {
            spool.create(None).unwrap();
            assert_eq!(spool.defects(owner, owner.group()), Vec::<String>::new());
        }
        fs::remove_dir(spool.directory("failed")).unwrap();
        assert_eq!(spool.defects(owner, owner.group()).len(), 1);
        spool.create(None).unwrap();
        fs::set_permissions(spool.root(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(
            spool.defects(owner, owner.group())[0].contains("has mode 777 instead of 755"),
            "{:?}",
            spool.defects(owner, owner.group())
        );
        spool.create(None).unwrap();
        assert_eq!(state(spool.root()).2, 0o755);
    }

    /// A stranger, in place of the service user.
    const SERVICE: (u32, u32) = (54_322, 54_323);

    /// A spool as versions before this one made it: all of it the service's.
    fn spool_of_old() -> (tempfile::TempDir, Spool) {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path().join("spool"));
        spool.create(None).unwrap();
        let give = |path: &Path| chown(path, Some(SERVICE.0), Some(SERVICE.1)).unwrap();
        Owner::Machine(None).names().for_each(|(name, mode)| {
            give(&spool.directory(name));
            fs::set_permissions(spool.directory(name), fs::Permissions::from_mode(mode)).unwrap();
        });
        give(spool.root());
        (directory, spool)
    }

    fn skipped() -> bool {
        let is_user = !geteuid().is_root();
        if is_user {
            eprintln!("skipped: only root has files of others");
        }
        is_user
    }

    #[test]
    fn spool_of_the_services_becomes_roots_with_what_is_in_it() {
        if skipped() {
            return;
        }
        let (_keep, spool) = spool_of_old();
        let mail = spool.file("queue", &QueueId::new());
        fs::write(&mail, "mail").unwrap();
        chown(&mail, Some(SERVICE.0), Some(SERVICE.1)).unwrap();
        let owner = Owner::Machine(Some(SERVICE));
        let told = spool.defects(owner, owner.group());
        assert!(told[0].contains("spool belongs to user 54322, who can put anything in the place of"), "{told:?}");
        for _ in 0..2 {
            spool.create_for(owner, owner.group()).unwrap();
            assert_eq!(state(spool.root()), (0, 0, 0o755));
            for Part { name, mode, .. } in owner.parts(owner.group()) {
                assert_eq!(state(&spool.directory(name)), (SERVICE.0, SERVICE.1, mode), "{name}");
            }
            assert_eq!((fs::read_to_string(&mail).unwrap().as_str(), state(&mail).0), ("mail", SERVICE.0));
            assert_eq!(spool.defects(owner, owner.group()), Vec::<String>::new());
            assert_eq!(spool.owner(), Some(SERVICE.0));
        }
    }

    #[test]
    fn what_belongs_to_others_is_not_given_to_the_service() {
        if skipped() {
            return;
        }
        let cases = [(0, "", "", true), (0, "serve.lock", "", true), (0, "key", "x", false), (54_399, "", "", false)];
        for (uid, name, content, is_fine) in cases {
            let (_keep, spool) = spool_of_old();
            let failed = spool.directory("failed");
            fs::remove_dir(&failed).unwrap();
            fs::create_dir(&failed).unwrap();
            if !name.is_empty() {
                fs::write(failed.join(name), content).unwrap();
            }
            chown(&failed, Some(uid), Some(uid)).unwrap();
            let before = state(&failed);
            let made = spool.create(Some(SERVICE));
            assert_eq!(made.is_ok(), is_fine, "{uid} {name}: {made:?}");
            if let Err(error) = made {
                assert_eq!((state(&failed), state(spool.root()).0), (before, SERVICE.0), "nothing is changed");
                let expected = format!("/failed: it belongs to user {uid} and not to user 54322: ");
                assert!(error.to_string().contains(&expected), "{error}");
                assert_eq!(error.to_string().contains("chown -R 54322:54323 queue tmp failed; "), uid == 0, "{error}");
            }
        }
    }

    #[test]
    fn links_of_others_on_the_way_are_not_followed_by_root() {
        if skipped() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("elsewhere")).unwrap();
        let link = place.path().join("link");
        symlink("elsewhere", &link).unwrap();
        Spool::new(link.join("of/root")).create(None).unwrap();
        assert!(place.path().join("elsewhere/of/root/queue").is_dir());
        std::os::unix::fs::lchown(&link, Some(SERVICE.0), Some(SERVICE.1)).unwrap();
        let error = refused(&Spool::new(link.join("of/service")), Owner::Machine(None));
        assert!(error.contains("link is a link of user 54322, and root follows none of others"), "{error}");
        assert!(!place.path().join("elsewhere/of/service").exists());
    }
}
