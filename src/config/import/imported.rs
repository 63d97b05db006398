//! What was read of another mailer's settings, and how it is written in ours.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lettre::Address;

use super::tables::{FileTables, OneOrMany, Recipients, Retry, Rewrite, SmarthostTable, Spool};
use super::{Error, Kind};
use crate::config::{Config, Source};
use crate::envelope::Names;
use crate::message::Mailbox;
use crate::outcome::clean;
use crate::relay::{Fingerprint, SenderPattern, Smarthost, Tls};

/// A secret on its way from one file to another. No debug output shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    /// What the password file is to hold.
    pub(crate) fn line(&self) -> String {
        format!("{}\n", self.0)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// One smarthost as the other mailer knew it.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) tls: Tls,
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
    pub(super) password_command: Option<String>,
    /// A mechanism by our name.
    pub(super) auth: Option<&'static str>,
    pub(super) ca_file: Option<String>,
    pub(super) fingerprint: Option<String>,
    pub(super) client_cert: Option<String>,
    pub(super) client_key: Option<String>,
    /// A SOCKS5 proxy, `host:port`.
    pub(super) proxy: Option<String>,
    pub(super) source_address: Option<IpAddr>,
    /// Whose mail it is for, and the address that it leaves as; none where it is for all.
    pub(super) match_from: Vec<String>,
    pub(super) from: Option<String>,
    /// In seconds.
    pub(super) timeout: Option<u64>,
    /// The line that asked for no TLS at all.
    pub(super) plain_at: usize,
    /// The line, and the setting that had the certificate not looked at.
    pub(super) unchecked: Option<(usize, String)>,
}

/// All that was read.
#[derive(Debug)]
pub struct Imported {
    kind: Kind,
    path: PathBuf,
    accounts: Vec<Account>,
    pub(super) from: Option<String>,
    pub(super) domain: Option<String>,
    default: Vec<String>,
    aliases: BTreeMap<String, Vec<String>>,
    pub(super) aliases_file: Option<String>,
    /// In bytes.
    pub(super) max_message_size: Option<u64>,
    /// First and longest wait, and the age at which mail is given up, in seconds.
    pub(super) retry: [Option<u64>; 3],
    /// With file and line; 0 is no line in particular.
    notes: Vec<(PathBuf, usize, String)>,
}

/// Our configuration, and what it needs beside it.
#[derive(Debug)]
pub struct Written {
    /// The text of the configuration file.
    pub config: String,
    /// The password files that it names, as far as the passwords were found.
    pub(crate) passwords: Vec<(PathBuf, Password)>,
}

impl Imported {
    pub(super) fn new(kind: Kind, path: &Path) -> Self {
        Self {
            kind,
            path: path.to_path_buf(),
            accounts: Vec::new(),
            from: None,
            domain: None,
            default: Vec::new(),
            aliases: BTreeMap::new(),
            aliases_file: None,
            max_message_size: None,
            retry: [None; 3],
            notes: Vec::new(),
        }
    }

    /// A sentence about a line; none may hold a value that could be a secret.
    pub(super) fn note(&mut self, line: usize, sentence: &str) {
        let path = self.path.clone();
        self.note_in(&path, line, sentence);
    }

    /// The same about a line of another file; 0 is none in particular.
    pub(super) fn note_in(&mut self, path: &Path, line: usize, sentence: &str) {
        let note = (path.to_path_buf(), line, clean(sentence));
        // What several accounts inherit is told once.
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The sentence about a setting that has no counterpart, or none that is needed.
    pub(super) fn left_out(&mut self, line: usize, key: &str, why: &str) {
        self.note(line, &format!("{key} is left out: {why}"));
    }

    /// The sentence about a line that nobody knows. It is not quoted: what is misspelt may stand beside a secret.
    pub(super) fn unknown(&mut self, line: usize) {
        self.note(line, "the line is left out: there is no such setting");
    }

    /// The sender by name and address; only the address counts.
    pub(super) fn set_from(&mut self, line: usize, text: &str) {
        match Mailbox::list(text.as_bytes()).into_iter().next().filter(|m| m.address.parse::<Address>().is_ok()) {
            Some(mailbox) => self.from = Some(mailbox.address),
            None => self.note(line, "the sender is left out: it is no whole address"),
        }
    }

    /// The address of this machine to send from; what is none is told.
    pub(super) fn source_address(&mut self, line: usize, text: &str) -> Option<IpAddr> {
        let found = text.parse().ok();
        if found.is_none() {
            self.note(line, "the address to send from is left out: it is no IP address");
        }
        found
    }

    /// Who gets mail for local names; what is no address is told.
    pub(super) fn add_default(&mut self, line: usize, text: &str) {
        let found: Vec<String> = Mailbox::list(text.as_bytes()).into_iter().map(|mailbox| mailbox.address).collect();
        match Names::Many(found.clone()).are_usable() {
            true => self.default.extend(found),
            false => self.note(line, "the default recipient is left out: it is no address"),
        }
    }

    /// An alias; what leads nowhere is told.
    pub(super) fn add_alias(&mut self, line: usize, name: &str, targets: &[String]) {
        let found: Vec<String> =
            targets.iter().flat_map(|t| Mailbox::list(t.as_bytes())).map(|mailbox| mailbox.address).collect();
        match Names::Many(found.clone()).are_usable() {
            true => drop(self.aliases.insert(name.to_string(), found)),
            false => self.note(line, "the alias is left out: it does not lead to addresses only"),
        }
    }

    /// A smarthost, after those there are. What it did without protection is not done here.
    pub(super) fn add_account(&mut self, mut account: Account) {
        let is_here = matches!(account.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if account.tls == Tls::None && !is_here {
            account.tls = Tls::StartTls;
            // Where plain SMTP is spoken, so is STARTTLS.
            account.port = account.port.or(Some(25));
            let sentence =
                "mail went without TLS: mailx-t does so to this machine only, and wants STARTTLS of any other";
            self.note(account.plain_at, sentence);
        }
        self.accounts.push(account);
    }

    /// A smarthost for the mail of these senders only, after one that is for all mail; what cannot be one is told.
    pub(super) fn add_account_for(&mut self, (path, line): (&Path, usize), senders: &[&str], account: Account) {
        let is_address = |text: &&str| !text.contains('*') && text.parse::<Address>().is_ok();
        let user = account.user.as_deref().filter(is_address);
        let from = senders.iter().copied().find(is_address).or(user).map(str::to_string);
        let taken: Vec<&String> = self.accounts.iter().flat_map(|account| &account.match_from).collect();
        let (mut sentence, all) = (None, self.from.clone().or_else(|| self.accounts.first()?.user.clone()));
        if account.host.is_empty() {
            sentence = Some("the account is left out: it names no smarthost");
        } else if from.is_none() {
            sentence = Some("the account is left out: nothing says which address its mail leaves from");
        } else if from == all || senders.iter().all(|sender| taken.iter().any(|known| known == sender)) {
            sentence = Some("the account is left out: mail of its sender goes another way already");
        }
        if let Some(sentence) = sentence {
            return self.note_in(path, line, sentence);
        }
        let from = from.filter(|from| Some(from) != account.user.as_ref());
        let match_from = senders.iter().map(|sender| sender.to_string()).collect();
        self.add_account(Account { match_from, from, ..account });
    }

    /// The account for all mail keeps that of its own sender where a pattern of another would take it.
    pub(super) fn keep_own_sender(&mut self) {
        let (Some(from), Some((first, others))) = (&self.from, self.accounts.split_first_mut()) else { return };
        let mut patterns = others.iter().flat_map(|account| &account.match_from);
        if patterns.any(|pattern| SenderPattern::from(pattern.as_str()).fits(from)) {
            first.match_from = vec![from.clone()];
            first.from = Some(from.clone()).filter(|from| Some(from) != first.user.as_ref());
        }
    }

    /// The address to send as, where nothing in the file says it.
    pub fn send_as(&mut self, address: &Address) {
        self.from = Some(address.to_string());
    }

    /// What was left out, and what a person should look at, one sentence each, line by line; complete once it has been
    /// written.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<_> = self.notes.iter().collect();
        notes.sort_by_key(|(path, line, _)| (*path != self.path, path, if *line == 0 { usize::MAX } else { *line }));
        let sentence = |(path, line, sentence): &(PathBuf, usize, String)| match line {
            0 => format!("{}: {sentence}", clean(&path.display().to_string())),
            _ => format!("{}:{line}: {sentence}", clean(&path.display().to_string())),
        };
        notes.into_iter().map(sentence).collect()
    }

    /// Our configuration, for a file at `target`, judged by our own reader.
    ///
    /// # Errors
    /// [`Error::Incomplete`]: the file lacks what a configuration needs.
    pub fn write(&mut self, target: &Path) -> Result<Written, Error> {
        self.look_at_certificates();
        let path = self.path.clone();
        let incomplete = |what: String| Error::Incomplete { path: path.clone(), what };
        let Some(first) = self.accounts.first() else {
            return Err(incomplete("it names no smarthost that mail could go to".to_string()));
        };
        let is_address = |text: &String| text.parse::<Address>().is_ok();
        if self.from.is_none() && !first.user.as_ref().is_some_and(is_address) {
            let what = "nothing in it says which address mail leaves from: say --sender ADDRESS";
            return Err(incomplete(what.to_string()));
        }
        let files = self.password_files(target);
        let config = self.text(&files).map_err(|error| incomplete(clean(&error.to_string())))?;
        Config::of(target, &config, Source::System(target.to_path_buf()))
            .map_err(|error| incomplete(format!("it makes no configuration: {error}")))?;
        let passwords = files.into_iter().zip(&self.accounts);
        let mut passwords: Vec<_> =
            passwords.filter_map(|(path, account)| Some((path?, account.password.clone()?))).collect();
        passwords.dedup();
        Ok(Written { config, passwords })
    }

    /// Fingerprints that are none are left out; where no certificate was looked at, it is said how to name the right one.
    fn look_at_certificates(&mut self) {
        let mut sentences = Vec::new();
        for account in &mut self.accounts {
            let read = |text: &String| Fingerprint::try_from(format!("sha256:{}", text.trim())).ok();
            let is_none = account.fingerprint.as_ref().is_some_and(|text| read(text).is_none());
            if is_none {
                sentences.push((0, "the fingerprint is left out: it is not the SHA-256 of a certificate".to_string()));
            }
            account.fingerprint = account.fingerprint.as_ref().and_then(read).map(|found| found.to_string());
            if let (Some((line, setting)), None) = (&account.unchecked, &account.fingerprint) {
                sentences.push((*line, refusal(setting, account)));
            }
        }
        sentences.iter().for_each(|(line, sentence)| self.note(*line, sentence));
    }

    /// The password file of each smarthost that wants one.
    fn password_files(&mut self, target: &Path) -> Vec<Option<PathBuf>> {
        let name = |n: usize| if n == 0 { "password".to_string() } else { format!("password-{}", n + 1) };
        let wants = |a: &Account| a.user.is_some() && a.password_command.is_none() && a.auth != Some("none");
        // Several senders may share one login.
        let is_same =
            |a: &Account, b: &Account| a.password.is_some() && (&a.user, &a.password) == (&b.user, &b.password);
        let owner = |account: &Account| self.accounts.iter().position(|other| is_same(other, account));
        let file = |(n, account): (usize, &Account)| {
            wants(account).then(|| target.with_file_name(name(owner(account).unwrap_or(n))))
        };
        let files: Vec<Option<PathBuf>> = self.accounts.iter().enumerate().map(file).collect();
        for (n, path) in files.iter().enumerate() {
            if let (Some(path), None) = (path, &self.accounts[n].password) {
                let sentence = format!("the password was not found: put it on the first line of {}", path.display());
                self.note(0, &sentence);
            }
        }
        files
    }

    fn text(&self, password_files: &[Option<PathBuf>]) -> Result<String, toml::ser::Error> {
        let pairs = self.accounts.iter().zip(password_files);
        let smarthosts: Vec<SmarthostTable> =
            pairs.map(|(account, file)| SmarthostTable::of(account, file.clone())).collect();
        let one = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        let user = self.accounts.first().and_then(|account| account.user.as_ref());
        let file = FileTables {
            smarthost: match <[SmarthostTable; 1]>::try_from(smarthosts) {
                Ok([only]) => OneOrMany::One(Box::new(only)),
                Err(several) => OneOrMany::Many(several),
            },
            rewrite: Rewrite { from: self.from.clone().filter(|from| Some(from) != user), domain: self.domain.clone() },
            recipients: Recipients {
                default: one(&self.default),
                aliases_file: self.aliases_file.clone(),
                aliases: self.aliases.clone(),
            },
            spool: Spool { max_message_size: self.max_message_size.map(|bytes| format!("{bytes} B")) },
            retry: Retry {
                first: self.retry[0].map(length),
                max: self.retry[1].map(length),
                give_up_after: self.retry[2].map(length),
            },
        };
        let head = format!(
            "# Made from the settings of {} by mailx-t ctl import. All keys: docs/configuration.md.\n\
             # Afterwards: mailx-t ctl check\n\n",
            self.kind.name()
        );
        Ok(head + &toml::to_string(&file)?)
    }
}

/// A number of seconds as a person would write it.
pub(super) fn length(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let fits = units.iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fits.map_or(format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// Never silently: what took any certificate is asked which one it meant.
fn refusal(setting: &str, account: &Account) -> String {
    // What goes into a line for the shell has to be a name.
    if !account.host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
    {
        return format!(
            "{setting} is not carried over: the certificate will be looked at, and the host is no host name"
        );
    }
    let mut smarthost = Smarthost::new(&account.host);
    (smarthost.port, smarthost.tls) = (account.port, account.tls);
    let starttls = if account.tls == Tls::StartTls { " -starttls smtp" } else { "" };
    format!(
        "{setting} is not carried over: the certificate of {} will be looked at. Should it not pass, pin it: \
         fingerprint = \"sha256:...\" in [smarthost], with the digits of: openssl s_client -connect {smarthost}{starttls} \
         </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
        account.host
    )
}
