//! Debian's Exim as a satellite: update-exim4.conf.conf (`dc_key='value'`, a piece of shell), with passwd.client and
//! email-addresses beside it.

use std::path::{Path, PathBuf};

use super::account::{Account, Password};
use super::files::{Files, lines};
use super::imported::Imported;
use super::words::{host_and_port, words};
use crate::relay::{SenderPattern, Tls};

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let mut accounts = Vec::new();
    for (n, line) in files.lines() {
        match line.split_once('=') {
            Some((key, value)) => {
                // The shell takes one word, whatever quotes are around it, and nothing behind a `#`.
                let value = words(value).into_iter().next().unwrap_or_default();
                set(imported, &mut accounts, (n, key.trim(), value.trim()));
            }
            None => imported.note(n, "the line is left out: it sets nothing"),
        }
    }
    let logins = Logins::read(files, imported);
    for account in &mut accounts {
        logins.log_in(imported, account);
    }
    logins.note_others(imported, &accounts);
    set_sender(files, imported);
    if !accounts.is_empty() {
        imported
            .note(0, "Exim looked at no certificate: mailx-t does, see fingerprint in [smarthost] if it does not pass");
    }
    accounts.into_iter().for_each(|account| imported.add_account(account));
}

fn set(imported: &mut Imported, accounts: &mut Vec<Account>, (n, key, value): (usize, &str, &str)) {
    match key {
        "dc_smarthost" => {
            let hosts = value.split(';').map(str::trim).filter(|host| !host.is_empty());
            *accounts = hosts.map(|host| smarthost(n, host)).collect();
        }
        "dc_readhost" if !value.is_empty() => imported.domain = Some(value.to_string()),
        "dc_eximconfig_configtype" if ["smarthost", "satellite"].contains(&value) => {}
        "dc_eximconfig_configtype" => imported.note(n, "mail is relayed through a smarthost, whatever this says"),
        "dc_hide_mailname" => imported.leave_out(n, key, "From is always the account's"),
        _ if value.is_empty() => {}
        "CFILEMODE" | "dc_use_split_config" | "dc_minimaldns" | "dc_mailname_in_oh" => {
            imported.leave_out(n, key, "it is about Exim's own files and names");
        }
        _ if key.starts_with("dc_") => {
            imported.note(n, "the line is left out: mailx-t receives no mail and delivers none here");
        }
        _ => imported.leave_out_unknown(n),
    }
}

/// `host`, `host::port` or `host:port`. Exim does STARTTLS where it is offered, on port 25 unless another is named.
fn smarthost(line: usize, text: &str) -> Account {
    let (host, port) = host_and_port(text);
    let tls = if port == Some(465) { Tls::Implicit } else { Tls::StartTls };
    Account { host, port: port.or(Some(25)), tls, plain_at: line, ..Account::default() }
}

/// passwd.client: `host:user:password`. The host is a name, a `*` with the end of one, or `*` alone (nwildlsearch).
struct Logins {
    path: PathBuf,
    rows: Vec<Row>,
}

struct Row {
    line: usize,
    host: String,
    user: String,
    password: String,
}

impl Row {
    fn fits(&self, host: &str) -> bool {
        let is_suffix = self.host.strip_prefix('*').is_some_and(|end| !end.contains('*'));
        self.host.eq_ignore_ascii_case(host) || is_suffix && SenderPattern::from(self.host.as_str()).fits(host)
    }
}

impl Logins {
    fn read(files: &Files, imported: &mut Imported) -> Self {
        const NAME: &str = "/etc/exim4/passwd.client";
        let mut logins = Self { path: Path::new(NAME).to_path_buf(), rows: Vec::new() };
        let text = match files.named(NAME) {
            Ok((path, text)) => {
                logins.path = path;
                text
            }
            Err(absent) => {
                if !absent.is_missing() {
                    imported.note(0, &absent.to_string());
                    imported.expect_login_of(&logins.path, 0, "the file");
                }
                return logins;
            }
        };
        for (line, text) in lines(&text) {
            match row(line, text) {
                Some(row) => {
                    imported.expect_login_of(&logins.path, line, "the line");
                    logins.rows.push(row);
                }
                None => {
                    imported.note_in(
                        &logins.path,
                        line,
                        "the line is left out: it has not the form host:user:password",
                    );
                }
            }
        }
        logins
    }

    /// Puts the login for the account's host into it: that of the first line that fits. Exim looks up the name that DNS
    /// leads to, which is often another than the one in the settings; if there is only one login it is that.
    fn log_in(&self, imported: &mut Imported, account: &mut Account) {
        let is_only =
            |row: &&Row| self.rows.iter().all(|other| (&other.user, &other.password) == (&row.user, &row.password));
        let fitting = self.rows.iter().find(|row| row.fits(&account.host));
        let Some(row) = fitting.or_else(|| self.rows.first().filter(is_only)) else { return };
        if fitting.is_none() {
            let sentence = "Exim asks for the name that DNS gives to the smarthost, and this is another than \
                            dc_smarthost has: the login is taken, as there is no other";
            imported.note_in(&self.path, row.line, sentence);
        }
        account.user = Some(row.user.clone());
        account.password = Some(Password::from(row.password.as_str()));
    }

    fn note_others(&self, imported: &mut Imported, accounts: &[Account]) {
        let is_used = |row: &&Row| accounts.iter().any(|account| account.user.as_ref() == Some(&row.user));
        for row in self.rows.iter().filter(|row| !is_used(row)) {
            imported.note_in(&self.path, row.line, "the line is left out: it is for another host than the smarthost");
        }
    }
}

/// The key ends at a colon or a blank, and may stand in quotes; the password goes to the end of the line.
fn row(line: usize, text: &str) -> Option<Row> {
    let (host, rest) = match text.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?,
        None => text.split_at(text.find(|c: char| c == ':' || c.is_whitespace())?),
    };
    let rest = rest.trim_start();
    let (user, password) = rest.strip_prefix(':').unwrap_or(rest).trim_start().split_once(':')?;
    let [host, user, password] = [host, user, password].map(str::to_string);
    Some(Row { line, host, user, password })
}

/// Takes the sender from email-addresses (`user: address`). All mail leaves from one address, which is root's if there
/// is one; notes tell of the others.
fn set_sender(files: &Files, imported: &mut Imported) {
    let Some((path, text)) = files.beside("/etc/email-addresses", imported) else { return };
    let pairs = lines(&text).filter_map(|(n, line)| Some((n, line.split_once(':')?)));
    let mut pairs: Vec<(usize, &str, &str)> =
        pairs.map(|(n, (user, address))| (n, user.trim(), address.trim())).collect();
    pairs.sort_by_key(|(_, user, _)| *user != "root");
    let Some((_, _, chosen)) = pairs.first().copied() else { return };
    imported.set_from(0, chosen);
    for (n, user, _) in pairs.iter().filter(|(_, _, address)| *address != chosen) {
        let user = crate::outcome::clean(user);
        imported.note_in(&path, *n, &format!("the sender of {user} is left out: all mail leaves as {chosen}"));
    }
}
