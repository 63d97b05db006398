//! The reason why nothing would be logged, and what to do. A logger drops a line that cannot be written and says
//! nothing, so this has to be asked for; it makes and changes nothing.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::settings::{Settings, Target};
use super::target::{Datagram, SOCKET};
use crate::trust::output;

/// The fault that keeps this process, which runs as `user`, from writing the log; `None` if there is none.
pub(crate) fn defect(settings: &Settings, user: &str) -> Option<String> {
    match &settings.target {
        Target::File(path) => of_file(path, user),
        Target::Stderr => None,
        Target::Syslog => of_syslog(Path::new(SOCKET)),
    }
}

fn of_file(path: &Path, user: &str) -> Option<String> {
    let (log, directory) = (path.display(), path.parent().unwrap_or(path));
    let may = |path: &Path, flags| access(path, flags).map_err(|error| error.desc());
    if path.is_dir() {
        return Some(format!("log {log} is a directory: set target in [log] to a file"));
    }
    if let Some(why) = output::refusal(path) {
        return Some(format!(
            "log {log}: {why}: remove it, or set target in [log] to a file in a directory of {user}'s"
        ));
    }
    // If a directory above it is closed, we cannot see whether it is there.
    if fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) && !has_reader(path) {
        return Some(format!("log {log} is a named pipe that nobody reads: start its reader, or set target in [log]"));
    }
    if path.exists() {
        let error = may(path, AccessFlags::W_OK).err()?;
        return Some(format!("log {log} cannot be written ({error}): chown {user} {log}"));
    }
    if !directory.is_dir() {
        let (place, error) =
            (directory.display(), may(directory, AccessFlags::F_OK).err().unwrap_or("Not a directory"));
        return Some(format!("log {log}: {place} cannot be reached ({error}): make it, and let {user} write there"));
    }
    let error = may(directory, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    Some(format!("log {log} cannot be made ({error}): touch {log}, then chown {user} {log}"))
}

/// fifo(7): nobody can open one for writing without waiting while nobody reads it.
fn has_reader(pipe: &Path) -> bool {
    let opened = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(pipe);
    opened.map_or_else(|error| error.raw_os_error() != Some(nix::libc::ENXIO), |_| true)
}

fn of_syslog(socket: &Path) -> Option<String> {
    let error = Datagram::open(socket).err()?;
    let socket = socket.display();
    Some(format!("log syslog: nobody listens at {socket} ({error}): start a syslog daemon, or set target in [log]"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixDatagram;

    use nix::unistd::geteuid;

    use super::*;

    #[test]
    fn log_that_can_be_written_has_no_defect() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        assert_eq!(of_file(&path, "me"), None);
        assert!(!path.exists(), "to look makes nothing");
        fs::write(&path, "").unwrap();
        assert_eq!(of_file(&path, "me"), None);
        let socket = place.path().join("socket");
        let _listener = UnixDatagram::bind(&socket).unwrap();
        assert_eq!(of_syslog(&socket), None);
    }

    #[test]
    fn each_defect_is_told_with_its_cure() {
        let place = tempfile::tempdir().unwrap();
        let of = |name: &str| of_file(&place.path().join(name), "me").unwrap_or_default();
        assert!(of("none/log").contains("/none cannot be reached (No such file or directory): make it, and let me"));
        assert!(of("").ends_with(" is a directory: set target in [log] to a file"));
        fs::write(place.path().join("file"), "").unwrap();
        assert!(of("file/log").contains("/file cannot be reached (Not a directory)"));
        fs::write(place.path().join("kept"), "").unwrap();
        let others = [("kept", "cannot be written (Permission denied): chown me /"), ("new", "chown me /")];
        fs::set_permissions(place.path().join("kept"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o500)).unwrap();
        for (name, cure) in others {
            // Nothing is closed to root.
            assert!(of(name).contains(cure) || geteuid().is_root() && of(name).is_empty(), "{}", of(name));
        }
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
        nix::unistd::mkfifo(&place.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(of("pipe").contains(" is a named pipe that nobody reads: start its reader"), "{}", of("pipe"));
        let silent = of_syslog(&place.path().join("socket")).unwrap();
        assert!(silent.contains("(No such file or directory (os error 2)): start a syslog daemon"), "{silent}");
    }
}
