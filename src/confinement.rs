//! The rights that a process gives up for good before it talks to anybody. It makes no core dumps. If the kernel has
//! Landlock, it has no access to the file system but that which handing over mail needs.
//!
//! This guards against the process itself. A hostile smarthost that finds a hole in the code that reads its answers
//! finds no shell to start, and no file to change outside the spool. Reading stays as the user's rights have it: the
//! resolver, the certificates and the password file lie in too many places to be listed.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    path_beneath_rules,
};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// The directories of the dynamic loader and the libraries; the loader is started like a program.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// No core dump of this process holds a password or a mail, and no other process of the same user can attach to it.
pub(crate) fn forbid_core_dumps() {
    // Linux fails no such call, and nothing here depends on them.
    let _ = prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

/// From now on this process makes, writes, renames and removes files only in `places`, and writes to `log`. It makes no
/// link and no directory anywhere, carries nothing out of the places or into them, and starts no other program by its
/// name (the dynamic loader can still be talked into one). Without Landlock nothing changes: it is a second wall, not
/// the first.
pub(crate) fn confine(places: &[PathBuf], log: Option<&Path>) {
    // An access right that cannot be had is left out; an error means that nothing was changed.
    let _ = confine_to(places, log);
}

/// The rights in the places of the spool. A mail goes from one to the other by a rename, which needs `Refer` on both
/// sides: `tmp/` to `queue/`, `queue/` to `failed/`, `drop/` to `tmp/`. All have the same rights, so no file gains any
/// by that (landlock(7)).
fn keeping() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        // An empty directory that a user has put into drop/.
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

fn confine_to(spool: &[PathBuf], log: Option<&Path>) -> Result<(), RulesetError> {
    let abi = ABI::V5;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let log: Vec<PathBuf> = log.map(Path::to_path_buf).into_iter().collect();
    // A log that does not exist yet is made in its directory.
    let (logs, places): (Vec<_>, Vec<_>) = log.into_iter().partition(|log| log.exists());
    let places: Vec<_> = places.iter().filter_map(|log| log.parent()).collect();
    let writing: BitFlags<AccessFs> = AccessFs::WriteFile.into();
    Ruleset::default()
        // The first Landlock forbids every rename from one directory to another; there we confine nothing.
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(["/"], reading))?
        .add_rules(path_beneath_rules(LIBRARIES, reading | AccessFs::Execute))?
        .add_rules(path_beneath_rules(std::env::current_exe(), reading | AccessFs::Execute))?
        .add_rules(path_beneath_rules(spool, keeping()))?
        .add_rules(path_beneath_rules(["/dev/null"], reading | writing))?
        .add_rules(path_beneath_rules(logs, reading | writing))?
        .add_rules(path_beneath_rules(places, reading | writing | AccessFs::MakeReg))?
        .restrict_self()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// A thread gives rights up for itself alone, not for its process.
    fn confined<T: Send + 'static>(spool: &Path, log: &Path, then: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let places = ["tmp", "queue"].map(|name| spool.join(name));
        let log = log.to_path_buf();
        let thread = std::thread::spawn(move || {
            confine_to(&places, Some(&log)).unwrap();
            prctl::get_no_new_privs().unwrap().then(then)
        });
        thread.join().unwrap()
    }

    #[test]
    fn confined_process_writes_to_spool_and_log_only_and_starts_nothing() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["spool", "spool/tmp", "spool/queue", "log"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("other"), "before").unwrap();
        let (spool, log, other) = (at("spool"), at("log/mail"), at("other"));
        let (in_spool, in_log) = (spool.clone(), log.clone());
        let done = confined(&spool, &log, move || {
            fs::write(in_spool.join("tmp/1"), "mail").unwrap();
            fs::rename(in_spool.join("tmp/1"), in_spool.join("queue/1")).unwrap();
            fs::write(&in_log, "line").unwrap();
            assert_eq!(fs::read_to_string(&other).unwrap(), "before");
            let changed = fs::write(&other, "after").is_ok() || fs::remove_file(&other).is_ok();
            let made = fs::write(other.with_file_name("new"), "x").is_ok();
            let started = Command::new("/bin/sh").args(["-c", "true"]).status().is_ok();
            (changed, made, started)
        });
        match done {
            Some(done) => assert_eq!(done, (false, false, false), "changed, made, started"),
            None => eprintln!("this kernel has no Landlock: nothing was tried"),
        }
    }

    #[test]
    fn confined_process_makes_no_link_and_leaves_its_places_as_they_are() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["spool", "spool/tmp", "spool/queue", "elsewhere", "log"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("elsewhere/kept"), "kept").unwrap();
        let (spool, elsewhere) = (at("spool"), at("elsewhere"));
        let done = confined(&spool.clone(), &at("log/mail"), move || {
            let (tmp, queue) = (spool.join("tmp"), spool.join("queue"));
            fs::write(tmp.join("1"), "mail").unwrap();
            fs::rename(tmp.join("1"), queue.join("1")).unwrap();
            fs::write(queue.join("1"), "shorter").unwrap();
            [
                ("a directory", fs::create_dir(tmp.join("made")).is_ok()),
                ("a symbolic link", symlink("/etc", tmp.join("link")).is_ok()),
                ("a link over a name of the spool", symlink("/etc", spool.join("failed")).is_ok()),
                ("a hard link to what is elsewhere", fs::hard_link(elsewhere.join("kept"), tmp.join("hard")).is_ok()),
                ("a FIFO", nix::unistd::mkfifo(&tmp.join("pipe"), nix::sys::stat::Mode::S_IRWXU).is_ok()),
                ("a name of the spool for another", fs::rename(&queue, spool.join("old")).is_ok()),
                ("a file carried away", fs::rename(queue.join("1"), elsewhere.join("1")).is_ok()),
                ("a file carried in", fs::rename(elsewhere.join("kept"), queue.join("2")).is_ok()),
                ("a file beside the places", fs::write(spool.join("file"), "x").is_ok()),
                ("a name of the spool taken away", fs::remove_dir(&tmp).is_ok()),
            ]
        });
        match done {
            Some(done) => assert_eq!(done.iter().find(|(_, was_done)| *was_done), None),
            None => eprintln!("this kernel has no Landlock: nothing was tried"),
        }
    }
}
