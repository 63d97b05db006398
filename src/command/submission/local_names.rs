//! The meaning of names without a domain on this machine: aliases, the default recipient, the machine's own names.

use std::io;
use std::path::Path;

use lettre::Address;

use crate::config::Config;
use crate::envelope::{self, Aliases, Destination, Resolver, Step};
use crate::message::{Message, charset, text};
use crate::system;
use crate::trust::{DecidingFile, Fault};

/// No file of aliases is larger, in bytes.
const MOST_ALIASES: u64 = 64 << 20;

/// The recipients that local names stand for, and warnings about them.
pub(crate) struct LocalNames<'a> {
    /// The aliases of the configuration, then those of the system's file.
    aliases: Aliases,
    default: Option<Vec<String>>,
    domain: Option<&'a str>,
    hosts: Vec<String>,
    /// Lines of the system's file that mean nothing here.
    pub(crate) warnings: Vec<String>,
    /// The reason why the system's file is not obeyed at all. Its names then go to the default recipient, and no mail
    /// is lost.
    pub(crate) refused: Option<String>,
}

impl<'a> LocalNames<'a> {
    /// The local names of this machine.
    pub(crate) fn here(config: &'a Config) -> Self {
        Self::of(config, system::local_names(&system::host_name()))
    }

    /// The local names of a machine that is called by these names.
    pub(crate) fn of(config: &'a Config, hosts: Vec<String>) -> Self {
        let mut aliases = Aliases::default();
        for (name, targets) in &config.recipients.aliases {
            aliases.insert(name, targets.list());
        }
        let default = config.recipients.default.as_ref().map(|names| names.list());
        let domain = config.rewrite.domain.as_deref();
        let mut names = Self { aliases, default, domain, hosts, warnings: Vec::new(), refused: None };
        names.add_file(&config.recipients.aliases_file);
        names
    }

    fn add_file(&mut self, path: &Path) {
        let named = |what: String| format!("{}: {what}", path.display());
        match read(path) {
            Ok(text) => {
                let (system, warnings) = Aliases::parse(&text);
                self.aliases = std::mem::take(&mut self.aliases).or(system);
                self.warnings = warnings.into_iter().map(named).collect();
            }
            Err(Fault::Io(error)) => {
                self.warnings = vec![named(format!("cannot be read, so its names are not known: {error}"))];
            }
            Err(fault) => self.refused = Some(named(format!("is not obeyed: it {fault}"))),
        }
    }

    /// Finds the recipients behind the names. A name that leads nowhere goes to the default recipient, else to
    /// `account`.
    pub(crate) fn resolver<'n>(&'n self, account: &'n Address) -> Resolver<'n> {
        let resolver = Resolver::new(&self.aliases, &self.hosts, self.domain, self.default.as_deref(), account);
        resolver.with_users(system::is_user)
    }

    /// Mail for that name goes to the account itself, since no setting says who gets it.
    pub(crate) fn leads_nowhere(&self, name: &str, account: &Address) -> bool {
        let account_itself = [account.to_string()];
        let mut resolver = self.resolver(account);
        let asked = Destination { operands: vec![name.as_bytes().to_vec().into()], ..Destination::default() };
        let found = envelope::recover(&asked, &Message::default(), &mut resolver);
        let is_last_resort = |step: &Step| step.rule.ends_with("default:") && step.targets == account_itself;
        found.is_ok()
            && resolver.steps().iter().any(is_last_resort)
            && !self.default.iter().flatten().any(|target| *target == account_itself[0])
    }
}

/// Reads the file of aliases, and refuses one that a stranger may write: whoever writes it gets everybody's mail. A
/// file that is missing counts as empty, and so does `/dev/null`.
fn read(path: &Path) -> Result<String, Fault> {
    if path == Path::new("/dev/null") {
        return Ok(String::new());
    }
    let service = system::service().filter(|_| !system::is_root()).map(|(uid, _)| uid);
    let opened = match DecidingFile::open(path) {
        Err(Fault::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened?,
    };
    opened.judge(service.as_slice())?;
    let octets = opened.read(MOST_ALIASES)?;
    Ok(if charset::is_utf16(&octets) { charset::decode("utf-16", &octets) } else { text(&octets) })
}
