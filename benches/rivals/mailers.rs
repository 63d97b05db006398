//! The programs to compare, each set up for the same smarthost and called for the same work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The account at the smarthost.
pub(crate) const ACCOUNT: &str = "mail@example.test";
pub(crate) const PASSWORD: &str = "a-password-of-the-bench";

/// The paths of the parts, and the port that leads to the smarthost.
pub(crate) struct Place {
    pub(crate) release: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) ca: PathBuf,
    pub(crate) port: u16,
}

/// A program, set up; `None` stands for work that it cannot do.
pub(crate) struct Mailer {
    pub(crate) name: &'static str,
    /// Takes a mail from stdin and leaves it in its queue.
    pub(crate) accept: Option<Vec<String>>,
    /// Takes a mail from stdin and brings it to the smarthost before it ends.
    pub(crate) send: Option<Vec<String>>,
    /// Empties its queue.
    pub(crate) flush: Option<Vec<String>>,
    queue: PathBuf,
}

impl Mailer {
    /// Takes away what is left in its queue.
    pub(crate) fn clear(&self) {
        for file in fs::read_dir(&self.queue).into_iter().flatten().flatten() {
            // The lock of a program that is just ending may go by itself.
            let _ = fs::remove_file(file.path());
        }
    }
}

/// All programs on this machine, the floor first.
pub(crate) fn all(place: &Place) -> Vec<Mailer> {
    let mut all = vec![floor(place), mailx_t(place)];
    // Rivals only where /etc is a copy that nobody else sees: benches/run has put this file there.
    if Path::new("/etc/mailx-t-bench").exists() {
        all.extend([dma(place), exim(place), msmtp(place), nullmailer(place), ssmtp(place)].into_iter().flatten());
    }
    all
}

fn floor(place: &Place) -> Mailer {
    let queue = directory(&place.scratch.join("floor"));
    let (own, port, ca) = (std::env::current_exe().unwrap(), place.port.to_string(), text(&place.ca));
    let words = |rest: &[&str]| Some(words(&own, &[&["floor"], rest].concat()));
    Mailer {
        name: "floor (no mailer)",
        accept: words(&["accept", &text(&queue)]),
        send: words(&["send", &port, &ca]),
        flush: words(&["drain", &port, &ca, &text(&queue)]),
        queue,
    }
}

fn mailx_t(place: &Place) -> Mailer {
    let (own, password) = (directory(&place.scratch.join("mailx-t")), place.scratch.join("password"));
    write(&password, PASSWORD, 0o600);
    let config = own.join("config.toml");
    let settings = format!(
        "[smarthost]\nhost = \"localhost\"\nport = {}\nuser = \"{ACCOUNT}\"\npassword-file = \"{}\"\nca-file = \"{}\"\n\
         [spool]\npath = \"{own}/spool\"\n[log]\ntarget = \"{own}/log\"\n",
        place.port,
        password.display(),
        place.ca.display(),
        own = own.display(),
    );
    write(&config, &settings, 0o644);
    let (door, config) = (place.release.join("mailx-t"), text(&config));
    let done = Command::new(&door).args(["ctl", "init", "--config", &config]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let words = |rest: &[&str]| Some(words(&door, &[&["--config", &config], rest].concat()));
    Mailer {
        name: "mailx-t",
        accept: words(&["-odq", "ops@example.test"]),
        send: words(&["-odi", "ops@example.test"]),
        flush: words(&["-q"]),
        queue: own.join("spool/queue"),
    }
}

/// The DragonFly Mail Agent: a queue, and a connection for each mail.
fn dma(place: &Place) -> Option<Mailer> {
    let program = present("/usr/sbin/dma")?;
    directory(Path::new("/etc/dma"));
    let settings = format!("SMARTHOST localhost\nPORT {}\nAUTHPATH /etc/dma/auth.conf\nSECURETRANSFER\n", place.port);
    write("/etc/dma/dma.conf".as_ref(), &settings, 0o644);
    // It reads this as the user mail; nobody else sees this /etc.
    write("/etc/dma/auth.conf".as_ref(), &format!("{ACCOUNT}|localhost:{PASSWORD}\n"), 0o644);
    let queue = directory(Path::new("/var/spool/dma"));
    fs::set_permissions(&queue, fs::Permissions::from_mode(0o777)).unwrap();
    let send = ["-D", "-f", ACCOUNT, "ops@example.test"];
    Some(Mailer { name: "dma", accept: None, send: Some(words(&program, &send)), flush: None, queue })
}

/// A queue, and in the foreground (`-odf`) one program from stdin to the smarthost, as with us.
fn exim(place: &Place) -> Option<Mailer> {
    let program = present("/usr/sbin/exim4")?;
    let spool = directory(Path::new("/var/spool/exim4"));
    for name in ["db", "input", "log", "msglog"] {
        directory(&spool.join(name));
    }
    directory(Path::new("/etc/exim4"));
    let settings = format!(
        "primary_hostname = bench.example.test\nspool_directory = {spool}\nlog_file_path = {spool}/log/%slog\n\
         never_users =\ndisable_ipv6\nqualify_domain = example.test\nno_local_from_check\nkeep_environment =\n\
         tls_advertise_hosts =\nsmtputf8_advertise_hosts =\nbegin acl\n\
         begin routers\nsmart:\n  driver = manualroute\n  transport = smtps\n  self = send\n\
         \x20 route_list = * localhost::{port} byname\n\
         begin transports\nsmtps:\n  driver = smtp\n  protocol = smtps\n  hosts_require_auth = *\n\
         \x20 hosts_require_tls = *\n  tls_verify_certificates = {ca}\n  tls_verify_hosts = *\n\
         begin retry\n* * F,2h,15m\n\
         begin authenticators\nplain:\n  driver = plaintext\n  public_name = PLAIN\n\
         \x20 client_send = ^{ACCOUNT}^{PASSWORD}\n",
        spool = spool.display(),
        port = place.port,
        ca = place.ca.display(),
    );
    write("/etc/exim4/exim4.conf".as_ref(), &settings, 0o640);
    // The program was built for a user of that name, which benches/run has added.
    let owners = [("Debian-exim:Debian-exim", &*spool), ("root:Debian-exim", Path::new("/etc/exim4/exim4.conf"))];
    for (owner, path) in owners {
        let done = Command::new("chown").args(["-R", owner]).arg(path).status().unwrap();
        assert!(done.success(), "chown of {}", path.display());
    }
    let words = |how: &str| Some(words(&program, &[how, "-f", ACCOUNT, "ops@example.test"]));
    Some(Mailer { name: "exim", accept: words("-odq"), send: words("-odf"), flush: None, queue: spool.join("input") })
}

fn msmtp(place: &Place) -> Option<Mailer> {
    let program = present("/usr/bin/msmtp")?;
    let settings = format!(
        "defaults\ntls on\ntls_starttls off\ntls_trust_file {}\nauth on\naccount default\nhost localhost\nport {}\n\
         user {ACCOUNT}\npassword {PASSWORD}\nfrom {ACCOUNT}\n",
        place.ca.display(),
        place.port,
    );
    write("/etc/msmtprc".as_ref(), &settings, 0o600);
    let send = Some(words(&program, &["ops@example.test"]));
    Some(Mailer { name: "msmtp", accept: None, send, flush: None, queue: directory(&place.scratch.join("msmtp")) })
}

/// A queue, and a connection for each mail by a daemon that is not measured here.
fn nullmailer(place: &Place) -> Option<Mailer> {
    let program = present("/usr/bin/nullmailer-inject")?;
    let spool = directory(Path::new("/var/spool/nullmailer"));
    for name in ["queue", "tmp", "failed"] {
        directory(&spool.join(name));
    }
    let trigger = spool.join("trigger");
    if !trigger.exists() {
        nix::unistd::mkfifo(&trigger, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    }
    // Its spool is the user mail's, and so is the program that writes there (benches/run sets its bit).
    let done = Command::new("chown").arg("-R").arg("mail:mail").arg(&spool).status().unwrap();
    assert!(done.success(), "chown of {}", spool.display());
    directory(Path::new("/etc/nullmailer"));
    write("/etc/nullmailer/defaultdomain".as_ref(), "example.test\n", 0o644);
    let remote = format!("localhost smtp --port={} --ssl --user={ACCOUNT} --pass={PASSWORD}\n", place.port);
    write("/etc/nullmailer/remotes".as_ref(), &remote, 0o600);
    let accept = Some(words(&program, &["-f", ACCOUNT, "ops@example.test"]));
    Some(Mailer { name: "nullmailer", accept, send: None, flush: None, queue: spool.join("queue") })
}

fn ssmtp(place: &Place) -> Option<Mailer> {
    let program = present("/usr/sbin/ssmtp")?;
    directory(Path::new("/etc/ssmtp"));
    let settings = format!(
        "mailhub=localhost:{}\nhostname=bench.example.test\nFromLineOverride=YES\nUseTLS=YES\nTLS_CA_File={}\n\
         AuthUser={ACCOUNT}\nAuthPass={PASSWORD}\n",
        place.port,
        place.ca.display(),
    );
    write("/etc/ssmtp/ssmtp.conf".as_ref(), &settings, 0o600);
    let send = Some(words(&program, &["ops@example.test"]));
    Some(Mailer { name: "ssmtp", accept: None, send, flush: None, queue: directory(&place.scratch.join("ssmtp")) })
}

fn present(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.exists())
}

fn directory(path: &Path) -> PathBuf {
    fs::create_dir_all(path).unwrap();
    path.to_owned()
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn words(program: &Path, rest: &[&str]) -> Vec<String> {
    std::iter::once(text(program)).chain(rest.iter().map(|word| (*word).to_owned())).collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
