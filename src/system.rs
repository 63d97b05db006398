//! Questions to the operating system: the caller, the name of this machine, the path of our other program, the time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use signal_hook::consts::{SIGCHLD, SIGXFSZ};

use nix::unistd::{Gid, Group, Pid, Uid, User, close, gethostname, getuid, setgroups, setresgid, setresuid, setsid};

use crate::trust::plain;
use crate::trust::reader::SERVICE;

/// The user on whose behalf we run. The uid decides, never `$USER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The real uid.
    pub uid: u32,
    /// The login name, or the uid in digits if the user database has none.
    pub name: String,
    /// The full name, if the user database has one.
    pub full_name: Option<String>,
    /// The home directory, if the user database names one.
    pub home: Option<PathBuf>,
}

impl Caller {
    /// Root and the service user hand in mail of other users; everybody else's is their own.
    pub(crate) fn speaks_for_others(&self) -> bool {
        self.uid == 0 || service().is_some_and(|(uid, _)| uid == self.uid)
    }
}

/// The caller, also after root has stepped down.
pub fn caller() -> Caller {
    static CALLER: OnceLock<Caller> = OnceLock::new();
    CALLER.get_or_init(|| user(getuid().as_raw())).clone()
}

/// The user with that uid.
pub(crate) fn user(uid: u32) -> Caller {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    Caller {
        uid,
        name: known.as_ref().map_or_else(|| uid.to_string(), |user| user.name.clone()),
        full_name: known.as_ref().and_then(|user| full_name(user.gecos.to_bytes(), &user.name)),
        home: known.map(|user| user.dir),
    }
}

/// The most characters of a full name that are told: users write their own with chfn(1), and it stands in a line of a
/// header.
const MOST_OF_NAME: usize = 64;

/// The name in the field that passwd(5) calls GECOS: the text before the first comma, in which `&` is the login name.
fn full_name(gecos: &[u8], login: &str) -> Option<String> {
    let first = gecos.split(|byte| *byte == b',').next().unwrap_or_default();
    let mut letters = login.chars();
    let capital = letters.next().map(char::to_uppercase).into_iter().flatten().chain(letters).collect::<String>();
    let name = crate::message::text(first).replace('&', &capital);
    let fit: String = name.trim().chars().take(MOST_OF_NAME).collect();
    Some(fit.trim_end()).filter(|name| !name.is_empty()).map(str::to_string)
}

/// The uid whose rights we have now.
pub(crate) fn effective_uid() -> u32 {
    Uid::effective().as_raw()
}

/// We run as root or as that user.
pub(crate) fn is(uid: u32) -> bool {
    is_root() || effective_uid() == uid
}

/// Lets go of two things that a caller hands down without meaning to, before any other file is opened. One is its
/// umask: files that we make are for their owner and group. The other is its open files: the relay would hold them,
/// locks and all, long after the caller is gone (Postfix's sendmail closes them too).
pub(crate) fn settle() {
    umask(Mode::from_bits_truncate(0o027));
    let inherited: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .map(|files| files.flatten().filter_map(|file| file.file_name().to_str()?.parse().ok()).collect())
        .unwrap_or_default();
    for file in inherited.into_iter().filter(|file| *file > 2) {
        // The one that listed them is closed already.
        let _ = close(file);
    }
}

/// Has neither a keystroke (Ctrl-Z) nor writing to the terminal of another job (`stty tostop`) stop this process: it
/// holds the queue, and other mail would wait until it goes on. Threads inherit that.
pub(crate) fn go_on_in_background() {
    let stops = SigSet::from_iter([Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU]);
    let _ = stops.thread_block();
}

/// Makes a limit on the size of files (`ulimit -f`) an error of writing, like a full disk, and no sudden death with a
/// mail in our hands (SIGXFSZ, setrlimit(2)).
pub(crate) fn survive_file_size_limit() {
    catch(SIGXFSZ);
}

/// Makes the end of a child something we can wait for, also under a caller that ignores SIGCHLD; every program inherits
/// that (swaks does it; wait(2), "ERRORS").
pub(crate) fn hear_of_children() {
    catch(SIGCHLD);
}

/// Takes the status of children that have ended and that nobody waits for: in a process that goes on they must not pile
/// up (wait(2), "NOTES").
pub(crate) fn bury_children() {
    while matches!(waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
}

/// Catches the signal and does nothing more; programs that we start get its default back.
fn catch(signal: i32) {
    let _ = signal_hook::flag::register(signal, Arc::default());
}

/// True for root.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// A user of this machine has that name.
pub(crate) fn is_user(name: &str) -> bool {
    User::from_name(name).is_ok_and(|user| user.is_some())
}

/// The uid of the user with that name.
pub(crate) fn uid_of(name: &str) -> Option<u32> {
    User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
}

/// The user database has that uid.
pub(crate) fn has_user(uid: u32) -> bool {
    User::from_uid(Uid::from_raw(uid)).is_ok_and(|user| user.is_some())
}

/// uid and gid of the service user; `None` if root serves. If no user database knows the name, each of them is loaded
/// and asked, which takes milliseconds: once is enough.
pub(crate) fn service() -> Option<(u32, u32)> {
    static SERVING: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    let look_up = || User::from_name(SERVICE).ok().flatten().map(|user| (user.uid.as_raw(), user.gid.as_raw()));
    *SERVING.get_or_init(look_up)
}

/// The gid of the group of that name.
pub(crate) fn group(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}

/// Makes root step down to the service user, for good, before it touches anything from outside. Nobody else changes.
///
/// # Errors
/// The kernel refuses, as within a user namespace that has no such user.
pub(crate) fn become_service() -> io::Result<()> {
    if !is_root() {
        return Ok(());
    }
    service().map_or(Ok(()), become_user)
}

/// As [`become_service`], for the user with that uid and gid.
///
/// # Errors
/// As [`become_service`].
pub(crate) fn become_user((uid, gid): (u32, u32)) -> io::Result<()> {
    if !is_root() {
        return Ok(());
    }
    caller();
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setgroups(&[gid])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    Ok(())
}

/// This machine's name as it is set, `localhost` if it has none.
pub(crate) fn host_name() -> String {
    let name = gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let fit: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect();
    if fit.is_empty() { "localhost".to_string() } else { fit }
}

/// The names under which this machine's own users are addressed: its name, short and full as the hosts file has it, and
/// localhost. No resolver is asked: a mail must not wait for one.
pub(crate) fn local_names(host: &str) -> Vec<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    names_in(&hosts, host)
}

/// hosts(5): a line that has our name has our other names too.
fn names_in(hosts: &str, host: &str) -> Vec<String> {
    let short = host.split('.').next().unwrap_or(host);
    let mut names: Vec<String> = [host, short, "localhost", "localhost.localdomain"].map(str::to_string).into();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let on_line: Vec<&str> = line.split_whitespace().skip(1).collect();
        if on_line.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            names.extend(on_line.iter().map(|name| name.to_string()));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Now, to the microsecond.
pub(crate) fn now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// The value of a Date field for now, in the machine's own zone, RFC 5322 section 3.3.
pub(crate) fn date() -> String {
    date_of(now())
}

/// The value of a Date field for that moment.
pub(crate) fn date_of(moment: jiff::Timestamp) -> String {
    let local = moment.to_zoned(jiff::tz::TimeZone::system());
    // Only a year past 9999 cannot be written.
    jiff::fmt::rfc2822::to_string(&local).unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".to_string())
}

/// The relay program: in libexec for an installed door, else beside the door.
pub(crate) fn relay_program() -> Option<PathBuf> {
    let door = std::env::current_exe().ok()?;
    let beside = door.parent()?;
    let places = [beside.join("../libexec/mailx-t"), beside.to_path_buf()];
    places.iter().map(|place| place.join("mailx-t-relay")).find(|path| path.is_file())
}

/// Leaves the caller's session: it may end, and a mail in flight must not end with it.
pub(crate) fn detach() {
    // It fails only for a group leader, which has nobody to leave.
    let _ = setsid();
}

/// The environment that the relay starts with. It has nothing of the caller's, and a setting that makes TLS cheap where
/// certificates lie in a hashed directory: OpenSSL then reads the one it needs, instead of the whole bundle twice.
pub(crate) fn relay_environment() -> Vec<(&'static str, &'static str)> {
    let mut environment = vec![("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")];
    if has_hashed_certificates(Path::new("/etc/ssl/certs")) {
        environment.push(("SSL_CERT_FILE", "/dev/null"));
        environment.push(("SSL_CERT_DIR", "/etc/ssl/certs"));
    }
    environment
}

fn has_hashed_certificates(directory: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(directory) else { return false };
    files.flatten().any(|file| file.file_name().as_encoded_bytes().ends_with(b".0"))
}

/// `~/dead.letter`, the last place for a mail that no other place could take: appended to, and only its owner may read
/// it. While another process writes a letter there, the letter goes to a file of our own beside it: we wait for nobody,
/// and no letter lies within another. If there is no home that we may write to, as for root that has stepped down, it
/// is a file of its own in `/var/tmp`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn dead_letter(caller: &Caller, letter: &mut dyn io::Read) -> io::Result<PathBuf> {
    let at_home = caller.home.as_deref().ok_or(io::ErrorKind::NotFound.into()).and_then(letter_in);
    let (path, mut file) = match at_home {
        Err(error) if is_out_of_reach(&error) => new_letter(Path::new("/var/tmp"))?,
        opened => opened?,
    };
    let before = file.metadata()?.len();
    let mut append = || -> io::Result<()> {
        writeln!(file, "From {} {}", caller.name, date())?;
        io::copy(letter, &mut file)?;
        writeln!(file)?;
        file.sync_all()
    };
    append().inspect_err(|_| {
        // Half a letter must not stay.
        let _ = file.set_len(before);
    })?;
    Ok(path)
}

fn letter_in(home: &Path) -> io::Result<(PathBuf, File)> {
    for name in ["dead.letter".to_string(), format!("dead.letter.{}", std::process::id())] {
        let path = home.join(name);
        match open_letter(&path)? {
            Some(file) if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) => return Ok((path, file)),
            _ => {}
        }
    }
    new_letter(home)
}

/// In a public directory anybody can put files: the file is ours only if nobody else has made it.
fn new_letter(directory: &Path) -> io::Result<(PathBuf, File)> {
    let path = directory.join(format!("dead.letter.{:016x}", fastrand::u64(..)));
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

fn is_out_of_reach(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem)
}

/// Opens the file, or makes it; `None` if what has the name is no file of ours alone.
fn open_letter(path: &Path) -> io::Result<Option<File>> {
    let file = match plain::open(path, OpenOptions::new().append(true).create(true).mode(0o600)) {
        Err(error) if plain::is_no_file(&error) || error.kind() == io::ErrorKind::IsADirectory => return Ok(None),
        // The file in our home is somebody else's: a file of our own beside it takes the letter.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.exists() => return Ok(None),
        opened => opened?,
    };
    let found = file.metadata()?;
    Ok((found.uid() == effective_uid() && found.nlink() == 1).then_some(file))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn machine_has_a_name_that_can_stand_in_ehlo() {
        let host = host_name();
        assert!(!host.is_empty() && host.is_ascii());
        assert!(local_names(&host).contains(&host));
    }

    #[test]
    fn full_name_of_a_user_ends_at_the_first_comma() {
        let name = |gecos: &[u8]| full_name(gecos, "alice");
        assert_eq!(name(b"Alice Smith,Room 1,555,,"), Some("Alice Smith".into()));
        assert_eq!(name(b"& Smith"), Some("Alice Smith".into()));
        assert_eq!(name("J\u{fc}rgen".as_bytes()), Some("J\u{fc}rgen".into()));
        assert_eq!(name(b"J\xfcrgen"), Some("J\u{fc}rgen".into()));
        assert_eq!((name(b""), name(b" ,,,")), (None, None));
        assert_eq!(full_name(b"&", ""), None);
        let long = "\u{fc}".repeat(100);
        assert_eq!(name(long.as_bytes()), Some("\u{fc}".repeat(64)));
        assert_eq!(name(format!("{} Smith", "x".repeat(63)).as_bytes()), Some("x".repeat(63)));
    }

    #[test]
    fn full_name_is_found_beside_the_short_one() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tweb1.example.org web1 # us\n10.0.0.9 db.example.org db\n";
        let names = names_in(hosts, "web1");
        assert!(names.contains(&"web1.example.org".to_string()), "{names:?}");
        assert!(!names.contains(&"db.example.org".to_string()));
        assert!(names_in("", "web1.example.org").contains(&"web1".to_string()));
    }

    #[test]
    fn date_is_one_that_readers_understand() {
        let date = date();
        assert!(jiff::fmt::rfc2822::parse(&date).is_ok(), "{date}");
    }

    struct Fails;

    impl io::Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::FileTooLarge.into())
        }
    }

    #[test]
    fn letters_of_two_processes_do_not_mix() {
        let home = tempfile::tempdir().unwrap();
        let caller = Caller { uid: 1, name: "al".into(), full_name: None, home: Some(home.path().to_path_buf()) };
        let usual = dead_letter(&caller, &mut &b"first\n"[..]).unwrap();
        let other = OpenOptions::new().append(true).open(&usual).unwrap();
        other.lock().unwrap();
        let beside = dead_letter(&caller, &mut &b"second\n"[..]).unwrap();
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert!(text(&usual).ends_with("first\n\n") && text(&beside).ends_with("second\n\n"));
        drop(other);
        assert_eq!(dead_letter(&caller, &mut &b"third\n"[..]).unwrap(), usual);
    }

    #[test]
    fn letter_in_a_public_directory_is_a_file_of_its_own() {
        let public = tempfile::tempdir().unwrap();
        let (one, other) = (new_letter(public.path()).unwrap(), new_letter(public.path()).unwrap());
        assert_ne!(one.0, other.0);
        let caller = Caller { uid: 1, name: "al".into(), full_name: None, home: Some(public.path().join("none")) };
        let place = dead_letter(&caller, &mut &b"x\n"[..]).unwrap();
        let (text, mode) = (std::fs::read_to_string(&place).unwrap(), std::fs::metadata(&place).unwrap().mode());
        std::fs::remove_file(&place).unwrap();
        assert!(place.starts_with("/var/tmp") && text.ends_with("x\n\n"), "{place:?}: {text}");
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn dead_letter_that_is_a_pipe_is_not_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let caller = Caller { uid: 1, name: "al".into(), full_name: None, home: Some(home.path().to_path_buf()) };
        nix::unistd::mkfifo(&home.path().join("dead.letter"), Mode::S_IRWXU).unwrap();
        let place = dead_letter(&caller, &mut &b"x\n"[..]).unwrap();
        assert_eq!(place, home.path().join(format!("dead.letter.{}", std::process::id())));
    }

    #[test]
    fn dead_letter_that_leads_elsewhere_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let caller = Caller { uid: 1, name: "al".into(), full_name: None, home: Some(home.path().to_path_buf()) };
        std::fs::write(at("victim"), "").unwrap();
        let beside = at(&format!("dead.letter.{}", std::process::id()));
        std::os::unix::fs::symlink(at("victim"), at("dead.letter")).unwrap();
        assert_eq!(dead_letter(&caller, &mut &b"x\n"[..]).unwrap(), beside);
        std::fs::remove_file(&beside).unwrap();
        std::fs::hard_link(at("victim"), &beside).unwrap();
        let own = dead_letter(&caller, &mut &b"x\n"[..]).unwrap();
        assert!(own.starts_with(home.path()) && own != beside, "{own:?}");
        assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "");
    }

    #[test]
    fn dead_letters_pile_up_in_one_file() {
        let home = tempfile::tempdir().unwrap();
        let caller = Caller { uid: 1, name: "al".into(), full_name: None, home: Some(home.path().to_path_buf()) };
        for text in ["first\n", "second\n"] {
            dead_letter(&caller, &mut text.as_bytes()).unwrap();
        }
        let mut torn = "third\n".as_bytes().chain(Fails);
        assert!(dead_letter(&caller, &mut torn).is_err());
        let all = std::fs::read_to_string(home.path().join("dead.letter")).unwrap();
        assert!(all.starts_with("From al ") && all.contains("first\n") && all.ends_with("second\n\n"));
    }
}
