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

/// Why a mailer cannot be measured.
pub(crate) type Trouble = String;
type SetUp = Result<Mailer, Trouble>;

/// A rival: its program, and how it is set up.
type Rival = (&'static str, fn(&Place, &Path) -> SetUp);
const RIVALS: [Rival; 5] = [
    ("/usr/sbin/dma", dma),
    ("/usr/sbin/exim4", exim),
    ("/usr/bin/msmtp", msmtp),
    ("/usr/bin/nullmailer-inject", nullmailer),
    ("/usr/sbin/ssmtp", ssmtp),
];

/// A directory in a copy of /etc that nobody else sees: benches/run makes both.
const OWN_ETC: &str = "/etc/mailx-t-bench";

/// A directory that the users of all mailers reach. The scratch directory may lie in a closed home; then there are no
/// rivals, or there is a better place.
pub(crate) fn shared(scratch: &Path) -> PathBuf {
    Some(PathBuf::from(OWN_ETC)).filter(|own| own.exists()).unwrap_or_else(|| scratch.to_owned())
}

/// All programs on this machine, the floor first; rivals only where their settings harm nobody.
pub(crate) fn all(place: &Place) -> Vec<SetUp> {
    let is_here = |program: &&Path| Path::new(OWN_ETC).exists() && program.exists();
    let rivals = RIVALS.iter().filter_map(|(program, set_up)| {
        let program = Some(Path::new(*program)).filter(is_here)?;
        Some(set_up(place, program).map_err(|trouble| format!("{}: {trouble}", program.display())))
    });
    [floor(place), mailx_t(place)].into_iter().chain(rivals).collect()
}

fn floor(place: &Place) -> SetUp {
    let queue = directory(&place.scratch.join("floor"))?;
    let (own, port, ca) = (std::env::current_exe().unwrap(), place.port.to_string(), text(&place.ca));
    let words = |rest: &[&str]| Some(words(&own, &[&["floor"], rest].concat()));
    Ok(Mailer {
        name: "floor (no mailer)",
        accept: words(&["accept", &text(&queue)]),
        send: words(&["send", &port, &ca]),
        flush: words(&["drain", &port, &ca, &text(&queue)]),
        queue,
    })
}

fn mailx_t(place: &Place) -> SetUp {
    let (own, password) = (directory(&place.scratch.join("mailx-t"))?, place.scratch.join("password"));
    write(&password, PASSWORD, 0o600)?;
    let config = own.join("config.toml");
    let settings = format!(
        "[smarthost]\nhost = \"localhost\"\nport = {}\nuser = \"{ACCOUNT}\"\npassword-file = \"{}\"\nca-file = \"{}\"\n\
         [spool]\npath = \"{own}/spool\"\n[log]\ntarget = \"{own}/log\"\n",
        place.port,
        password.display(),
        place.ca.display(),
        own = own.display(),
    );
    write(&config, &settings, 0o644)?;
    let (door, config) = (place.release.join("mailx-t"), text(&config));
    run(Command::new(&door).args(["ctl", "init", "--config", &config]))?;
    let words = |rest: &[&str]| Some(words(&door, &[&["--config", &config], rest].concat()));
    Ok(Mailer {
        name: "mailx-t",
        accept: words(&["-odq", "ops@example.test"]),
        send: words(&["-odi", "ops@example.test"]),
        flush: words(&["-q"]),
        queue: own.join("spool/queue"),
    })
}

/// The DragonFly Mail Agent: a queue, and a connection for each mail.
fn dma(place: &Place, program: &Path) -> SetUp {
    directory(Path::new("/etc/dma"))?;
    let settings = format!("SMARTHOST localhost\nPORT {}\nAUTHPATH /etc/dma/auth.conf\nSECURETRANSFER\n", place.port);
    write("/etc/dma/dma.conf".as_ref(), &settings, 0o644)?;
    // It reads this as the user mail; nobody else sees this /etc.
    write("/etc/dma/auth.conf".as_ref(), &format!("{ACCOUNT}|localhost:{PASSWORD}\n"), 0o644)?;
    let queue = directory(Path::new("/var/spool/dma"))?;
    fs::set_permissions(&queue, fs::Permissions::from_mode(0o777)).unwrap();
    let send = ["-D", "-f", ACCOUNT, "ops@example.test"];
    Ok(Mailer { name: "dma", accept: None, send: Some(words(program, &send)), flush: None, queue })
}

/// A queue, and in the foreground (`-odf`) one program from stdin to the smarthost, as with us.
fn exim(place: &Place, program: &Path) -> SetUp {
    let spool = directory(Path::new("/var/spool/exim4"))?;
    for name in ["db", "input", "log", "msglog"] {
        directory(&spool.join(name))?;
    }
    directory(Path::new("/etc/exim4"))?;
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
    write("/etc/exim4/exim4.conf".as_ref(), &settings, 0o640)?;
    // The program was built for a user of that name, which benches/run has added.
    let owners = [("Debian-exim:Debian-exim", &*spool), ("root:Debian-exim", Path::new("/etc/exim4/exim4.conf"))];
    for (owner, path) in owners {
        run(Command::new("chown").args(["-R", owner]).arg(path))?;
    }
    let words = |how: &str| Some(words(program, &[how, "-f", ACCOUNT, "ops@example.test"]));
    Ok(Mailer { name: "exim", accept: words("-odq"), send: words("-odf"), flush: None, queue: spool.join("input") })
}

fn msmtp(place: &Place, program: &Path) -> SetUp {
    let settings = format!(
        "defaults\ntls on\ntls_starttls off\ntls_trust_file {}\nauth on\naccount default\nhost localhost\nport {}\n\
         user {ACCOUNT}\npassword {PASSWORD}\nfrom {ACCOUNT}\n",
        place.ca.display(),
        place.port,
    );
    write("/etc/msmtprc".as_ref(), &settings, 0o600)?;
    let send = Some(words(program, &["ops@example.test"]));
    Ok(Mailer { name: "msmtp", accept: None, send, flush: None, queue: directory(&place.scratch.join("msmtp"))? })
}

/// A queue, and a connection for each mail by a daemon that is not measured here.
fn nullmailer(place: &Place, program: &Path) -> SetUp {
    let spool = directory(Path::new("/var/spool/nullmailer"))?;
    for name in ["queue", "tmp", "failed"] {
        directory(&spool.join(name))?;
    }
    let trigger = spool.join("trigger");
    if !trigger.exists() {
        nix::unistd::mkfifo(&trigger, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    }
    // Its spool is the user mail's, and so is the program that writes there (benches/run sets its bit).
    run(Command::new("chown").args(["-R", "mail:mail"]).arg(&spool))?;
    directory(Path::new("/etc/nullmailer"))?;
    write("/etc/nullmailer/defaultdomain".as_ref(), "example.test\n", 0o644)?;
    let remote = format!("localhost smtp --port={} --ssl --user={ACCOUNT} --pass={PASSWORD}\n", place.port);
    write("/etc/nullmailer/remotes".as_ref(), &remote, 0o600)?;
    let accept = Some(words(program, &["-f", ACCOUNT, "ops@example.test"]));
    Ok(Mailer { name: "nullmailer", accept, send: None, flush: None, queue: spool.join("queue") })
}

fn ssmtp(place: &Place, program: &Path) -> SetUp {
    directory(Path::new("/etc/ssmtp"))?;
    let settings = format!(
        "mailhub=localhost:{}\nhostname=bench.example.test\nFromLineOverride=YES\nUseTLS=YES\nTLS_CA_File={}\n\
         AuthUser={ACCOUNT}\nAuthPass={PASSWORD}\n",
        place.port,
        place.ca.display(),
    );
    write("/etc/ssmtp/ssmtp.conf".as_ref(), &settings, 0o600)?;
    let send = Some(words(program, &["ops@example.test"]));
    Ok(Mailer { name: "ssmtp", accept: None, send, flush: None, queue: directory(&place.scratch.join("ssmtp"))? })
}

fn directory(path: &Path) -> Result<PathBuf, Trouble> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path.to_owned())
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Trouble> {
    let written = fs::write(path, text).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn run(command: &mut Command) -> Result<(), Trouble> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    output.status.success().then_some(()).ok_or_else(said)
}

fn words(program: &Path, rest: &[&str]) -> Vec<String> {
    std::iter::once(text(program)).chain(rest.iter().map(|word| (*word).to_owned())).collect()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
