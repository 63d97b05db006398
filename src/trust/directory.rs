//! A directory held by descriptor. A user who may write the directory above it can put another in its place, but not
//! into our hands: our calls meet the directory that we have judged, or fail.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::openat::openat;

/// As many links as the kernel follows (path_resolution(7)).
const MOST_LINKS: u32 = 40;
/// A directory on the way: open to look names up in it, not to read it.
const WAY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
/// A directory to read and to change.
const ITSELF: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    file: File,
    path: PathBuf,
}

impl Directory {
    /// Opens the directory at `path`. On the way root follows only root's own links.
    ///
    /// # Errors
    /// Those of the system, or a sentence about a link, or about a name that is no directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::reach(path, None)
    }

    /// As [`open`](Self::open), but makes it and the directories above it that are missing, with that mode less the
    /// umask.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_or_make(path: &Path, mode: u32) -> io::Result<Self> {
        Self::reach(path, Some(mode))
    }

    /// The directory for a new file. If it is missing it is made, for everybody to pass.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn above(file: &Path) -> io::Result<Self> {
        let file = std::path::absolute(file)?;
        let above = file.parent().unwrap_or(Path::new("/"));
        match Self::open(above) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = Self::open_or_make(above, 0o755)?;
                made.set_mode(0o755).map(|()| made)
            }
            opened => opened,
        }
    }

    fn reach(path: &Path, missing: Option<u32>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let mut left: VecDeque<OsString> = path.components().filter_map(name_of).collect();
        let mut links = 0;
        let mut way = openat(nix::fcntl::AT_FDCWD, "/", WAY, Mode::empty())?;
        while let Some(name) = left.pop_front() {
            match fstatat(&way, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(found) if kind_of(&found) == SFlag::S_IFLNK => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::ELOOP.into());
                    }
                    let target = PathBuf::from(followed(&way, &name, found.st_uid)?);
                    if target.is_absolute() {
                        way = openat(&way, "/", WAY, Mode::empty())?;
                    }
                    target.components().rev().filter_map(name_of).for_each(|name| left.push_front(name));
                    continue;
                }
                Err(Errno::ENOENT) => {
                    let mode = missing.ok_or(Errno::ENOENT)?;
                    // Another process may have been faster; its directory is judged when it is opened.
                    let made = mkdirat(&way, name.as_os_str(), Mode::from_bits_truncate(mode));
                    made.or_else(|error| if error == Errno::EEXIST { Ok(()) } else { Err(error) })?;
                }
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            way = opened(&way, &name, WAY)?;
        }
        Ok(Self { file: opened(&way, OsStr::new("."), ITSELF)?.into(), path })
    }

    /// The directory of that name in this one; `None` if the name is free.
    ///
    /// # Errors
    /// Those of the system, or a sentence about a file that is no directory.
    pub(crate) fn child(&self, name: &str) -> io::Result<Option<Self>> {
        match opened(&self.file, OsStr::new(name), ITSELF) {
            Ok(file) => Ok(Some(Self { file: file.into(), path: self.path.join(name) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory of that name in this one, for its owner alone.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn make(&self, name: &str) -> io::Result<Self> {
        mkdirat(&self.file, name, Mode::S_IRWXU)?;
        self.child(name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Makes a file of that name in this one, for its owner alone; it opens no file that is there.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let new = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.file, name, new, Mode::S_IRUSR | Mode::S_IWUSR)?.into())
    }

    /// Removes the file of that name.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.file, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Gives the file of one name another name here, in the place of what has that.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.file, from, &self.file, to)?)
    }

    /// Makes its names last.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Takes the directory of that name away, if it is empty.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn remove_empty(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.file, name, UnlinkatFlags::RemoveDir)?)
    }

    /// The names in it.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::from_fd(opened(&self.file, OsStr::new("."), ITSELF)?)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Its metadata: owner, mode and the like.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Gives it to that user and group.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn give(&self, (uid, gid): (u32, u32)) -> io::Result<()> {
        fchown(&self.file, Some(uid), Some(gid))
    }

    /// Sets its mode.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.file.set_permissions(Permissions::from_mode(mode))
    }

    /// The uid that owns the files that this process makes in it. A file system may decide that by itself, as NFS does
    /// for root (root_squash in exports(5)).
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn owner_of_new(&self) -> io::Result<u32> {
        let name = format!(".owner-{}", std::process::id());
        let made = self.create(name.as_ref())?.metadata();
        unlinkat(&self.file, name.as_str(), UnlinkatFlags::NoRemoveDir)?;
        Ok(made?.uid())
    }
}

impl From<Directory> for OwnedFd {
    fn from(directory: Directory) -> Self {
        directory.file.into()
    }
}

/// The part that a component adds to the way: `..` means what the file system has for it.
fn name_of(component: Component<'_>) -> Option<OsString> {
    match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    }
}

fn opened(above: impl AsFd, name: &OsStr, how: OFlag) -> io::Result<OwnedFd> {
    openat(&above, name, how, Mode::empty()).map_err(|error| match error {
        Errno::ENOTDIR | Errno::ELOOP => no_directory(&above, name),
        other => other.into(),
    })
}

fn no_directory(above: impl AsFd, name: &OsStr) -> io::Error {
    let found = fstatat(above, name, AtFlags::AT_SYMLINK_NOFOLLOW);
    let what = found.map_or("something else", |found| what_is(kind_of(&found)));
    io::Error::other(format!("{} is {what} and no directory: see who put it there, and move it away", name.display()))
}

/// The target of a link that this process may follow. Root follows only links that root has made: another user's link
/// leads where that user chooses.
fn followed(above: &OwnedFd, name: &OsStr, owner: u32) -> io::Result<OsString> {
    let is_ours = owner == 0 || !geteuid().is_root() || is_unmapped(owner);
    if is_ours {
        Ok(readlinkat(above, name)?)
    } else {
        Err(io::Error::other(format!(
            "{} is a link of user {owner}, and root follows none of others: see what it is, and remove it",
            name.display()
        )))
    }
}

/// A user namespace shows files whose owner it does not know as the overflow uid's, the machine's root among them
/// (user_namespaces(7)).
pub(super) fn is_unmapped(uid: u32) -> bool {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let maps_all = || {
        let map = read("/proc/self/uid_map");
        map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"])
    };
    read("/proc/sys/kernel/overflowuid").trim().parse() == Ok(uid) && !maps_all()
}

pub(super) fn kind_of(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}

/// A kind of file, for a sentence.
pub(crate) fn what_is(kind: SFlag) -> &'static str {
    match kind {
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a named pipe",
        SFlag::S_IFSOCK => "a socket",
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFREG => "a file",
        _ => "a device",
    }
}
