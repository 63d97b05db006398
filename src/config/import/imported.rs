//! The settings that were read from another mailer's files, and notes about those that were left out.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lettre::Address;

use super::account::Account;
use super::kind::Kind;
use super::words::host_name;
use crate::envelope::Names;
use crate::message::Mailbox;
use crate::outcome::clean;
use crate::relay::{SenderPattern, Tls};

/// All settings that were read.
#[derive(Debug)]
pub struct Imported {
    pub(super) kind: Kind,
    pub(super) path: PathBuf,
    pub(super) accounts: Vec<Account>,
    pub(super) from: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) default: Vec<String>,
    pub(super) aliases: BTreeMap<String, Vec<String>>,
    pub(super) aliases_file: Option<String>,
    /// In bytes.
    pub(super) max_message_size: Option<u64>,
    pub(super) retry: Retry,
    /// The target of the log.
    pub(super) log: Option<String>,
    /// The name in front of its lines.
    pub(super) log_name: Option<String>,
    /// What says that the other mailer logs in: a place and a setting.
    login: Option<(PathBuf, usize, &'static str)>,
    notes: Vec<Note>,
}

/// The waits of mail that has not left, in seconds.
#[derive(Debug, Default)]
pub(super) struct Retry {
    /// The first wait.
    pub(super) first: Option<u64>,
    /// The longest wait.
    pub(super) max: Option<u64>,
    /// The age at which mail is given up.
    pub(super) give_up_after: Option<u64>,
}

/// A sentence for a person about a line of a file; 0 stands for no line in particular.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    path: PathBuf,
    line: usize,
    sentence: String,
    /// It is said behind all others: without what it asks for no mail leaves.
    is_last: bool,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, sentence) = (clean(&self.path.display().to_string()), &self.sentence);
        match self.line {
            0 => write!(f, "{path}: {sentence}"),
            line => write!(f, "{path}:{line}: {sentence}"),
        }
    }
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
            retry: Retry::default(),
            log: None,
            log_name: None,
            login: None,
            notes: Vec::new(),
        }
    }

    /// Notes a sentence about a line. It may hold no value that could be a secret.
    pub(super) fn note(&mut self, line: usize, sentence: &str) {
        let path = self.path.clone();
        self.note_in(&path, line, sentence);
    }

    /// Notes a sentence about a line of another file; line 0 is no line in particular.
    pub(super) fn note_in(&mut self, path: &Path, line: usize, sentence: &str) {
        self.keep(Note { path: path.to_path_buf(), line, sentence: clean(sentence), is_last: false });
    }

    /// Notes what a person has to do before mail leaves.
    pub(super) fn note_last(&mut self, line: usize, sentence: &str) {
        self.keep(Note { path: self.path.clone(), line, sentence: clean(sentence), is_last: true });
    }

    fn keep(&mut self, note: Note) {
        // Several accounts may inherit one line.
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Remembers that the other mailer logs in, as that line says. The first such line counts.
    pub(super) fn expect_login(&mut self, line: usize, setting: &'static str) {
        let path = self.path.clone();
        self.expect_login_of(&path, line, setting);
    }

    /// As [`Imported::expect_login`], for another file.
    pub(super) fn expect_login_of(&mut self, path: &Path, line: usize, setting: &'static str) {
        self.login.get_or_insert((path.to_path_buf(), line, setting));
    }

    /// The sentence about a login that the other mailer had, and that did not come out; `None` if all is well.
    pub(super) fn lost_login(&self) -> Option<String> {
        let (path, line, setting) = self.login.clone()?;
        let has_login = |account: &Account| account.user.is_some() && account.auth != Some("none");
        let sentence = format!("{setting} logs in, and no login was found");
        let is_lost = !self.accounts.first().is_some_and(has_login);
        is_lost.then(|| Note { path, line, sentence, is_last: true }.to_string())
    }

    /// The port that the text says; a note tells of a text that is none.
    pub(super) fn port(&mut self, line: usize, text: &str) -> Option<u16> {
        let port = text.trim().parse().ok().filter(|port| *port != 0);
        if port.is_none() {
            self.note(line, "the port is left out: it is no number from 1 to 65535");
        }
        port
    }

    /// The name for the greeting that the text says; a note tells of a name that no server takes.
    pub(super) fn greeting(&mut self, line: usize, key: &str, text: &str) -> Option<String> {
        let name = host_name(text);
        if name.is_none() {
            self.leave_out(line, key, "a server takes a name with a dot only, and the machine's is told: see ehlo");
        }
        name
    }

    /// Takes the file that the other mailer logs to.
    pub(super) fn set_log(&mut self, line: usize, key: &str, path: &str) {
        if path.starts_with('/') {
            self.log = Some(path.to_string());
            let sentence = "becomes target of [log]: the relay must be able to write it, as mailx-t where there is \
                            one (ctl check tells)";
            self.note(line, &format!("{key} {sentence}"));
        } else {
            self.leave_out(line, key, "the system log gets every line; target of [log] takes a whole path");
        }
    }

    /// Notes that a setting is left out: it has no counterpart, or needs none.
    pub(super) fn leave_out(&mut self, line: usize, key: &str, why: &str) {
        self.note(line, &format!("{key} is left out: {why}"));
    }

    /// Notes that an unknown line is left out. The line is not quoted: a misspelt key may stand beside a secret.
    pub(super) fn leave_out_unknown(&mut self, line: usize) {
        self.note(line, "the line is left out: there is no such setting");
    }

    /// Sets the sender. The text may hold a name too, which has no counterpart.
    pub(super) fn set_from(&mut self, line: usize, text: &str) {
        match Mailbox::list(text.as_bytes()).into_iter().next().filter(|m| m.address.parse::<Address>().is_ok()) {
            Some(mailbox) => {
                if let Some(name) = mailbox.name.filter(|name| !name.is_empty()) {
                    self.note(line, &format!("the name {name:?} of the sender is left out: a mail keeps its own"));
                }
                self.from = Some(mailbox.address);
            }
            None => self.note(line, "the sender is left out: it is no whole address"),
        }
    }

    /// Reads an address of this machine to send from; a note tells of a text that is none.
    pub(super) fn source_address(&mut self, line: usize, text: &str) -> Option<IpAddr> {
        let found = text.parse().ok();
        if found.is_none() {
            self.note(line, "the address to send from is left out: it is no IP address");
        }
        found
    }

    /// Adds recipients of mail for local names; a note tells of a text that is no address.
    pub(super) fn add_default(&mut self, line: usize, text: &str) {
        let found: Vec<String> = Mailbox::list(text.as_bytes()).into_iter().map(|mailbox| mailbox.address).collect();
        if Names::Many(found.clone()).are_usable() {
            self.default.extend(found)
        } else {
            self.note(line, "the default recipient is left out: it is no address")
        }
    }

    /// As [`Imported::add_alias_in`], for a line of the file that was named.
    pub(super) fn add_alias(&mut self, line: usize, name: &str, targets: &[String]) {
        let path = self.path.clone();
        self.add_alias_in((&path, line), name, targets);
    }

    /// Adds an alias; a note tells of one that does not lead to addresses.
    pub(super) fn add_alias_in(&mut self, (path, line): (&Path, usize), name: &str, targets: &[String]) {
        let found: Vec<String> =
            targets.iter().flat_map(|t| Mailbox::list(t.as_bytes())).map(|mailbox| mailbox.address).collect();
        if Names::Many(found.clone()).are_usable() {
            drop(self.aliases.insert(name.to_string(), found))
        } else {
            self.note_in(path, line, "the alias is left out: it does not lead to addresses only")
        }
    }

    /// Adds a smarthost behind those there are. If it was used without TLS it is used with STARTTLS, and a note tells
    /// so.
    pub(super) fn add_account(&mut self, mut account: Account) {
        let is_here = matches!(account.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if account.tls == Tls::None && !is_here {
            account.tls = Tls::StartTls;
            // STARTTLS is spoken on the port of plain SMTP.
            account.port = account.port.or(Some(25));
            let sentence =
                "mail went without TLS: mailx-t does so to this machine only, and wants STARTTLS of any other";
            self.note(account.plain_at, sentence);
        }
        // Everybody reads the configuration.
        if account.proxy.as_ref().is_some_and(|proxy| proxy.contains('@')) {
            account.proxy = None;
            self.note(0, "the proxy is left out: a login at a proxy is not spoken: name one that wants none");
        }
        self.accounts.push(account);
    }

    /// Adds a smarthost for the mail of these senders alone, behind the one for all mail; a note tells of one that
    /// cannot be used. `path` and `line` are the place of its settings.
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

    /// Keeps the mail of the general sender at the first account, where a pattern of another account would take it.
    pub(super) fn keep_own_sender(&mut self) {
        let (Some(from), Some((first, others))) = (&self.from, self.accounts.split_first_mut()) else { return };
        let mut patterns = others.iter().flat_map(|account| &account.match_from);
        if patterns.any(|pattern| SenderPattern::from(pattern.as_str()).fits(from)) {
            first.match_from = vec![from.clone()];
            first.from = Some(from.clone()).filter(|from| Some(from) != first.user.as_ref());
        }
    }

    /// Sets the address to send as, which the file does not say.
    pub fn send_as(&mut self, address: &Address) {
        self.from = Some(address.to_string());
    }

    /// The settings that were left out, and those that a person should look at: one sentence each, in the order of the
    /// lines. They are complete once the configuration is written.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<&Note> = self.notes.iter().collect();
        let line = |note: &Note| if note.line == 0 { usize::MAX } else { note.line };
        notes.sort_by_key(|note| (note.is_last, note.path != self.path, &note.path, line(note)));
        notes.into_iter().map(Note::to_string).collect()
    }
}
