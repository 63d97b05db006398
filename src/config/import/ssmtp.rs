//! ssmtp.conf, `Key=value` in any case, with revaliases beside it.

use lettre::Address;

use super::account::{Account, Password};
use super::files::{Files, lines};
use super::imported::Imported;
use super::words::{host_and_port, is_system_bundle, mechanism, switch};
use crate::relay::Tls;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let mut settings = Settings::default();
    for (n, line) in files.lines() {
        let plain = without_comment(line);
        let (key, value) = plain.split_once('=').map_or((plain, ""), |(key, value)| (key.trim(), value.trim()));
        let is_login = ["authpass", "authuser"].contains(&key.to_ascii_lowercase().as_str());
        let value = if is_login { login(imported, n, line, value) } else { value };
        settings.set(imported, n, key, value);
    }
    let account = settings.account();
    if !account.host.is_empty() {
        imported.add_account(account.clone());
    }
    set_senders(files, imported, &account);
}

/// ssmtp reads nothing behind a `#`, wherever it stands.
fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(before, _)| before.trim_end())
}

/// A user or a password as ssmtp reads it: up to a blank or a `=`. A note tells if that may not be what was meant.
fn login<'a>(imported: &mut Imported, n: usize, line: &str, value: &'a str) -> &'a str {
    let taken = value.split(|c: char| c == '=' || c.is_whitespace()).next().unwrap_or_default();
    let is_comment = line.split_once('#').is_none_or(|(before, _)| before.ends_with(char::is_whitespace));
    if taken != value || !is_comment {
        let sentence = "ssmtp takes only what stands before a #, a = or a blank, and so it is taken here: look at the \
                        login if more belongs to it";
        imported.note(n, sentence);
    }
    taken
}

/// The settings of ssmtp.conf about the smarthost.
#[derive(Default)]
struct Settings {
    account: Account,
    is_tls: bool,
    is_starttls: bool,
    /// It shows a certificate to the server.
    is_certified: bool,
    certificate: Option<String>,
    key: Option<String>,
}

impl Settings {
    fn set(&mut self, imported: &mut Imported, n: usize, key: &str, value: &str) {
        match key.to_ascii_lowercase().as_str() {
            "mailhub" => {
                (self.account.host, self.account.port) = host_and_port(value);
                self.account.plain_at = n;
            }
            // ssmtp(8): it gets all mail for users below uid 1000.
            "root" if value.contains('@') => imported.add_default(n, value),
            "usetls" => self.is_tls = switch(value) == Some(true),
            "usestarttls" => self.is_starttls = switch(value) == Some(true),
            // The first one counts, where all others are set by the last.
            "authuser" => {
                imported.expect_login(n, "AuthUser");
                self.account.user =
                    self.account.user.take().or(Some(value.to_string()).filter(|user| !user.is_empty()));
            }
            "authpass" => {
                imported.expect_login(n, "AuthPass");
                let password = Some(value).filter(|text| !text.is_empty()).map(Password::from);
                self.account.password = self.account.password.take().or(password);
            }
            "hostname" => self.account.ehlo = imported.greeting(n, key, value),
            "authmethod" => self.account.auth = mechanism(value),
            "tls_ca_file" if is_system_bundle(value) => {}
            "tls_ca_file" => self.account.ca_file = Some(value.to_string()),
            "usetlscert" => self.is_certified = switch(value) == Some(true),
            "tlscert" => self.certificate = Some(value.to_string()),
            "tlskey" => self.key = Some(value.to_string()),
            "rewritedomain" => imported.domain = Some(value.to_string()).filter(|domain| !domain.is_empty()),
            _ => match why(key) {
                Some(why) => imported.leave_out(n, key, why),
                None => imported.leave_out_unknown(n),
            },
        }
    }

    /// The smarthost. ssmtp does no TLS unless it is told to.
    fn account(self) -> Account {
        let mut account = Account { tls: Tls::None, ..self.account };
        if self.is_certified {
            (account.client_cert, account.client_key) = (self.certificate, self.key);
        }
        if self.is_tls || self.is_starttls {
            account.tls = if self.is_starttls { Tls::StartTls } else { Tls::Implicit };
            account.port = account.port.or(self.is_starttls.then_some(25));
            account.unchecked = Some((0, "ssmtp's trust in any certificate".to_string()));
        }
        account
    }
}

/// The reason why a setting is left out; `None` for one that ssmtp does not have.
fn why(key: &str) -> Option<&'static str> {
    match key.to_ascii_lowercase().as_str() {
        "debug" => Some("there is one log, see [log]"),
        "fromlineoverride" => Some("From is always the account's, and the sender's own address stays in Reply-To"),
        "minuserid" => Some("default in [recipients] is for every local name without an alias"),
        "root" => Some("it names nobody elsewhere: set default in [recipients]"),
        "tls_ca_dir" => Some("the system's certificates are trusted, or one ca-file"),
        _ => None,
    }
}

/// Takes the senders from revaliases (`user:address:mailhub`): root's address for all mail, each other one for the mail
/// of its user.
fn set_senders(files: &Files, imported: &mut Imported, account: &Account) {
    let Some((path, text)) = files.beside("revaliases", imported) else { return };
    let mut found: Vec<(usize, [&str; 3])> = Vec::new();
    for (n, line) in lines(&text) {
        let mut parts = without_comment(line).splitn(3, ':').map(str::trim);
        match (parts.next(), parts.next()) {
            (Some(user), Some(address)) => found.push((n, [user, address, parts.next().unwrap_or_default()])),
            _ => imported.note_in(&path, n, "the line is left out: it has not the form user:address"),
        }
    }
    let Some((n, [_, chosen, hub])) = found.iter().find(|(_, [user, ..])| *user == "root").or(found.first()) else {
        return;
    };
    imported.set_from(0, chosen);
    let (host, port) = host_and_port(hub);
    if !hub.is_empty() && (host, port.or(account.port)) != (account.host.clone(), account.port) {
        imported.note_in(&path, *n, "its mailhub is left out: mail of everybody else goes the same way");
    }
    for (n, [user, address, hub]) in found.iter().filter(|(_, [_, address, _])| address != chosen) {
        if address.parse::<Address>().is_err() {
            imported.note_in(&path, *n, "the line is left out: its sender is no whole address");
            continue;
        }
        let (host, port) = match *hub {
            "" => (account.host.clone(), account.port),
            hub => host_and_port(hub),
        };
        let port = port.or(account.port);
        imported.add_account_for((&path, *n), &[user, address], Account { host, port, ..account.clone() });
    }
}
