//! Files that decide: settings, aliases, certificates that are trusted, and every secret. Each is opened once, without
//! waiting for anybody, and judged and read by that descriptor: what has its name later does not count.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{geteuid, getuid};

use super::directory::{kind_of, what_is};
use super::openat::openat;

/// To be looked up in, not to be read.
const WAY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);
/// Without O_NONBLOCK, opening a FIFO would wait for its writer.
const TEXT: OFlag = OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// A file that decides, open.
#[derive(Debug)]
pub(crate) struct DecidingFile {
    file: File,
    metadata: Metadata,
    folders: Vec<Folder>,
}

/// The directory that a name is looked up in.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    found: FileStat,
    is_read_only: bool,
    /// The owner of the link that leads on from here, if the name is one.
    link: Option<u32>,
}

/// The reason why a file does not decide anything.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Somebody else could put another file in its place.
    #[error("lies in {}, {why}: {cure}", folder.display())]
    Folder {
        /// The directory.
        folder: PathBuf,
        /// The users who could.
        why: String,
        /// The cure.
        cure: String,
    },
    /// It cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Somebody else has made the link that has its name.
    #[error("is a link of user {0}: name the file that it leads to")]
    Link(u32),
    /// It is a directory, a pipe or a device.
    #[error("is {0} and not a regular file: name a file")]
    NoFile(&'static str),
    /// It is somebody else's.
    #[error("belongs to user {0}: give it to yourself or root, and chmod go-w it")]
    Owner(u32),
    /// Others may write it.
    #[error("has mode {mode:04o} and may be written by {whom}: chmod go-w it")]
    Writable {
        /// Its mode.
        mode: u32,
        /// The users who may.
        whom: &'static str,
    },
}

impl DecidingFile {
    /// Opens a regular file; whether it may decide is asked for by [`judge`](Self::judge).
    ///
    /// # Errors
    /// [`Fault::Io`] or [`Fault::NoFile`].
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let path = std::path::absolute(path)?;
        let Some(name) = path.file_name() else { return Err(Fault::NoFile("a directory")) };
        let (way, mut folder) = Folder::open(path.parent().unwrap_or(Path::new("/")))?;
        let named = fstatat(&way, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
        folder.link = (kind_of(&named) == SFlag::S_IFLNK).then_some(named.st_uid);
        let file: File = openat(&way, name, TEXT, Mode::empty()).map_err(io::Error::from)?.into();
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Fault::NoFile(what_is(SFlag::from_bits_truncate(metadata.mode()) & SFlag::S_IFMT)));
        }
        let mut folders = vec![folder];
        if folders[0].link.is_some() {
            // Whoever made the link chose this directory, and is judged.
            let target = std::fs::canonicalize(&path)?;
            folders.push(Folder::open(target.parent().unwrap_or(Path::new("/")))?.1);
        }
        Ok(Self { file, metadata, folders })
    }

    /// Nobody else has written it, or could: it belongs to root, to this process's user or to one of `others`, and so
    /// does the directory that it lies in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn judge(&self, others: &[u32]) -> Result<(), Fault> {
        let is_ours =
            |uid: u32| uid == 0 || uid == geteuid().as_raw() || uid == getuid().as_raw() || others.contains(&uid);
        if !is_ours(self.metadata.uid()) {
            return Err(Fault::Owner(self.metadata.uid()));
        }
        let mode = self.metadata.mode() & 0o7777;
        if mode & 0o022 != 0 && !is_read_only(&self.file) {
            let whom = if mode & 0o002 != 0 { "everybody" } else { "its group" };
            return Err(Fault::Writable { mode, whom });
        }
        self.folders.iter().try_for_each(|folder| folder.judge(&is_ours))
    }

    /// It is root's, and so are the directories that it is looked up in, where nobody else can put a file: no other
    /// user has chosen what stands in it. A sticky directory does not count, since others bring files of root's there.
    pub(crate) fn is_of_root(&self) -> bool {
        self.metadata.uid() == 0 && self.folders.iter().all(Folder::is_of_root)
    }

    /// Owner, mode and the like, as they were when it was opened.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its file system is mounted for reading alone, as a container's secrets are.
    pub(crate) fn is_read_only(&self) -> bool {
        is_read_only(&self.file)
    }

    /// The file, to be read.
    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// All that stands in it, at most `most` octets.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::FileTooLarge`].
    pub(crate) fn read(self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }
}

impl Folder {
    fn open(path: &Path) -> io::Result<(OwnedFd, Self)> {
        let way = openat(AT_FDCWD, path, WAY, Mode::empty())?;
        let found = fstat(&way)?;
        let is_read_only = is_read_only(&way);
        Ok((way, Self { path: path.to_path_buf(), found, is_read_only, link: None }))
    }

    fn is_of_root(&self) -> bool {
        let is_closed = self.found.st_mode & 0o022 == 0 || self.is_read_only;
        self.found.st_uid == 0 && self.link.is_none_or(|uid| uid == 0) && is_closed
    }

    fn judge(&self, is_ours: &dyn Fn(u32) -> bool) -> Result<(), Fault> {
        let fault =
            |why: String, cure: &str| Err(Fault::Folder { folder: self.path.clone(), why, cure: cure.to_string() });
        if let Some(uid) = self.link.filter(|uid| !is_ours(*uid)) {
            return Err(Fault::Link(uid));
        }
        // In a sticky directory nobody takes another's file away (inode(7)), and whose file this is has been asked.
        let is_open = self.found.st_mode & 0o022 != 0 && self.found.st_mode & 0o1000 == 0;
        match () {
            () if !is_ours(self.found.st_uid) => {
                let uid = self.found.st_uid;
                fault(format!("where user {uid} can put another in its place"), "move it to a directory of root's")
            }
            () if is_open && !self.is_read_only => {
                let mode = self.found.st_mode & 0o7777;
                fault(format!("which has mode {mode:04o}: others can put another in its place"), "chmod go-w that")
            }
            () => Ok(()),
        }
    }
}

fn is_read_only(file: impl AsFd) -> bool {
    fstatvfs(file).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    use super::*;

    fn judged(path: &Path) -> String {
        let opened = DecidingFile::open(path).and_then(|file| file.judge(&[]));
        opened.map_or_else(|fault| fault.to_string(), |()| String::new())
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "text").unwrap();
        (directory, file)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn file_that_others_may_write_decides_nothing() {
        let (directory, file) = place();
        for (mode, whom) in [(0o600, ""), (0o644, ""), (0o444, ""), (0o664, "its group"), (0o666, "everybody")] {
            set_mode(&file, mode);
            let expected = format!("has mode {mode:04o} and may be written by {whom}: chmod go-w it");
            assert_eq!(judged(&file), if whom.is_empty() { String::new() } else { expected });
        }
        set_mode(&file, 0o644);
        for (mode, is_fine) in [(0o755, true), (0o1777, true), (0o775, false), (0o777, false)] {
            set_mode(directory.path(), mode);
            let expected = format!(", which has mode {mode:04o}: others can put another in its place: chmod go-w that");
            let said = judged(&file);
            assert!(said.is_empty() == is_fine && (is_fine || said.ends_with(&expected)), "{said}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let (directory, file) = place();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        assert_eq!(judged(&pipe), "is a named pipe and not a regular file: name a file");
        assert_eq!(judged(directory.path()), "is a directory and not a regular file: name a file");
        assert!(judged(Path::new("/dev/null")).starts_with("is a device"));
        assert!(judged(&file.join("none")).contains("Not a directory"));
        assert!(judged(&directory.path().join("none")).contains("No such file"));
    }

    #[test]
    fn link_leads_to_a_file_in_a_directory_that_is_judged_too() {
        let (directory, file) = place();
        let link = directory.path().join("link");
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).unwrap();
        symlink(&file, &link).unwrap();
        assert_eq!(judged(&link), "");
        fs::rename(&file, shared.join("file")).unwrap();
        fs::remove_file(&link).unwrap();
        symlink("shared/file", &link).unwrap();
        assert_eq!(judged(&link), "");
        set_mode(&shared, 0o777);
        assert!(judged(&link).contains("/shared, which has mode 0777"), "{}", judged(&link));
    }

    #[test]
    fn what_is_judged_is_what_is_read() {
        let (directory, file) = place();
        let opened = DecidingFile::open(&file).unwrap();
        fs::write(directory.path().join("other"), "other").unwrap();
        fs::rename(directory.path().join("other"), &file).unwrap();
        opened.judge(&[]).unwrap();
        assert_eq!(opened.read(100).unwrap(), b"text");
        assert!(DecidingFile::open(&file).unwrap().read(4).is_err());
    }

    #[test]
    fn file_of_roots_is_one_where_nobody_else_could_have_brought_it() {
        if !geteuid().is_root() {
            eprintln!("skipped: only root has files of root's");
            return;
        }
        let (directory, file) = place();
        for (mode, is_of_root) in [(0o755, true), (0o1777, false), (0o1775, false)] {
            set_mode(directory.path(), mode);
            let opened = DecidingFile::open(&file).unwrap();
            assert_eq!((opened.judge(&[]).is_ok(), opened.is_of_root()), (true, is_of_root), "{mode:o}");
        }
        set_mode(directory.path(), 0o755);
        let link = directory.path().join("link");
        symlink(&file, &link).unwrap();
        assert!(DecidingFile::open(&link).unwrap().is_of_root());
        lchown(&link, Some(54_321), None).unwrap();
        assert!(!DecidingFile::open(&link).unwrap().is_of_root());
    }

    #[test]
    fn file_of_another_user_decides_nothing() {
        if !geteuid().is_root() {
            eprintln!("skipped: only root has files of others");
            return;
        }
        const OTHER: u32 = 54_321;
        let (directory, file) = place();
        chown(&file, Some(OTHER), None).unwrap();
        assert_eq!(judged(&file), "belongs to user 54321: give it to yourself or root, and chmod go-w it");
        assert!(DecidingFile::open(&file).unwrap().judge(&[OTHER]).is_ok());
        chown(&file, Some(0), None).unwrap();
        chown(directory.path(), Some(OTHER), None).unwrap();
        assert!(judged(&file).contains(", where user 54321 can put another in its place: move it"));
        chown(directory.path(), Some(0), None).unwrap();
        let link = directory.path().join("link");
        symlink(&file, &link).unwrap();
        lchown(&link, Some(OTHER), None).unwrap();
        assert_eq!(judged(&link), "is a link of user 54321: name the file that it leads to");
    }
}
