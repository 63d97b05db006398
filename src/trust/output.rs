//! A file that an administrator has named for us to append to, such as a log. It may be a pipe or a device, and its
//! name a link. In a directory that others may write, it may be no link and no second name, since somebody else could
//! have chosen what it leads to.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::geteuid;

use super::Directory;
use super::directory::{is_unmapped, kind_of};
use super::openat::openat;

/// Opens the file to append to, and makes it where it is missing, for its owner and group. A pipe that nobody reads is
/// not waited for.
///
/// # Errors
/// Those of the system, or a sentence about a name that is not trusted.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let place = Place::of(path)?;
    let how =
        OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let mode = Mode::from_bits_truncate(0o640);
    let file: File = match openat(&place.way, place.name, how | OFlag::O_NOFOLLOW, mode) {
        Err(Errno::ELOOP) => {
            place.judge_link()?;
            openat(&place.way, place.name, how, mode)?
        }
        opened => opened?,
    }
    .into();
    let found = file.metadata()?;
    if found.is_file() && found.nlink() > 1 {
        place.judge_second_name()?;
    }
    Ok(file)
}

/// The reason why [`open`] would not append to the file of that name; `None` if it would, or if there is no such file.
pub(crate) fn refusal(path: &Path) -> Option<String> {
    let place = Place::of(path).map_err(|error| error.to_string());
    let judged = place.map(|place| match fstatat(&place.way, place.name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) if kind_of(&found) == SFlag::S_IFLNK => place.judge_link(),
        Ok(found) if kind_of(&found) == SFlag::S_IFREG && found.st_nlink > 1 => place.judge_second_name(),
        _ => Ok(()),
    });
    judged.ok()?.err().map(|error| error.to_string())
}

/// The directory that a name is looked up in.
struct Place<'a> {
    way: OwnedFd,
    name: &'a OsStr,
    found: FileStat,
}

impl<'a> Place<'a> {
    fn of(path: &'a Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let above = path.parent().unwrap_or(Path::new("/"));
        let way = if geteuid().is_root() {
            // Root does not follow a link of somebody else's.
            Directory::open(above)?.into()
        } else {
            openat(AT_FDCWD, above, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?
        };
        Ok(Self { found: fstat(way.as_fd())?, way, name })
    }

    /// Nobody else gives and takes names here.
    fn is_ours(&self) -> bool {
        is_ours(self.found.st_uid) && self.found.st_mode & 0o022 == 0
    }

    fn judge_link(&self) -> io::Result<()> {
        let link = fstatat(&self.way, self.name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        // In a sticky directory nobody takes another's link away (inode(7)).
        let is_kept = is_ours(self.found.st_uid) && self.found.st_mode & 0o1000 != 0 && is_ours(link.st_uid);
        if self.is_ours() || is_kept {
            Ok(())
        } else {
            Err(io::Error::other("it is a link in a directory that others may write"))
        }
    }

    fn judge_second_name(&self) -> io::Result<()> {
        if self.is_ours() {
            Ok(())
        } else {
            Err(io::Error::other("it has several names, one in a directory that others may write"))
        }
    }
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw() || is_unmapped(uid)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};
    use std::path::PathBuf;

    use super::*;

    struct House {
        directory: tempfile::TempDir,
    }

    impl House {
        fn new() -> Self {
            let house = Self { directory: tempfile::tempdir().unwrap() };
            fs::create_dir(house.at("logs")).unwrap();
            fs::write(house.at("victim"), "").unwrap();
            house
        }

        fn at(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// Appends to the log there; whether that and a look before it say the same.
        fn append(&self) -> Result<(), String> {
            let log = self.at("logs/log");
            let refusal = refusal(&log);
            let done = open(&log).and_then(|mut file| file.write_all(b"line\n")).map_err(|error| error.to_string());
            assert_eq!(done.clone().err(), refusal);
            done
        }

        fn set_mode(&self, mode: u32) {
            fs::set_permissions(self.at("logs"), Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn log_in_a_directory_of_our_own_may_be_anything() {
        let house = House::new();
        house.append().unwrap();
        assert_eq!(fs::metadata(house.at("logs/log")).unwrap().mode() & 0o777 & !0o640, 0);
        fs::remove_file(house.at("logs/log")).unwrap();
        symlink(house.at("victim"), house.at("logs/log")).unwrap();
        house.append().unwrap();
        fs::remove_file(house.at("logs/log")).unwrap();
        fs::hard_link(house.at("victim"), house.at("logs/log")).unwrap();
        house.append().unwrap();
        assert_eq!(fs::read_to_string(house.at("victim")).unwrap(), "line\nline\n");
    }

    #[test]
    fn log_where_others_may_write_leads_nowhere_else() {
        let house = House::new();
        house.append().unwrap();
        house.set_mode(0o777);
        house.append().unwrap();
        fs::rename(house.at("logs/log"), house.at("logs/old")).unwrap();
        symlink(house.at("victim"), house.at("logs/log")).unwrap();
        assert!(house.append().unwrap_err().contains("it is a link in a directory that others may write"));
        // Ours, and nobody takes it away.
        house.set_mode(0o1777);
        house.append().unwrap();
        fs::remove_file(house.at("logs/log")).unwrap();
        fs::hard_link(house.at("victim"), house.at("logs/log")).unwrap();
        assert!(house.append().unwrap_err().contains("several names"));
        assert_eq!(fs::read_to_string(house.at("victim")).unwrap(), "line\n");
        fs::remove_file(house.at("logs/log")).unwrap();
        nix::unistd::mkfifo(&house.at("logs/log"), Mode::S_IRWXU).unwrap();
        assert!(open(&house.at("logs/log")).is_err(), "nobody reads it");
    }

    #[test]
    fn log_directory_of_the_services_leads_root_nowhere_else() {
        if !geteuid().is_root() {
            eprintln!("skipped: only root has files of others");
            return;
        }
        let house = House::new();
        lchown(house.at("logs"), Some(54_321), None).unwrap();
        house.append().unwrap();
        for put in [symlink::<PathBuf, PathBuf>, fs::hard_link::<PathBuf, PathBuf>] {
            fs::remove_file(house.at("logs/log")).unwrap();
            put(house.at("victim"), house.at("logs/log")).unwrap();
            house.append().unwrap_err();
        }
        symlink(house.at("logs"), house.at("way")).unwrap();
        lchown(house.at("way"), Some(54_321), None).unwrap();
        assert!(open(&house.at("way/new")).is_err(), "a link on the way");
        assert_eq!(fs::read_to_string(house.at("victim")).unwrap(), "");
    }
}
