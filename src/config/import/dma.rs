//! dma.conf of the DragonFly Mail Agent, with auth.conf beside it: `KEY value` or a lone `KEY`.

use super::account::{Account, Password};
use super::files::{Files, lines};
use super::imported::Imported;
use crate::relay::Tls;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let mut settings = Settings::default();
    for (n, line) in files.lines() {
        // dma reads nothing behind a `#` in this file; in auth.conf it belongs to the password.
        let line = line.split_once('#').map_or(line, |(before, _)| before.trim_end());
        let (key, value) = line.split_once(char::is_whitespace).map_or((line, ""), |(key, value)| (key, value.trim()));
        settings.set(imported, n, key, value);
    }
    let mut account = settings.account();
    log_in(files, imported, &mut account, settings.auth_file.unwrap_or("auth.conf"));
    if !account.host.is_empty() {
        imported.add_account(account);
    }
}

/// The settings of dma.conf about the smarthost.
#[derive(Default)]
struct Settings<'a> {
    account: Account,
    auth_file: Option<&'a str>,
    is_secure: bool,
    is_starttls: bool,
    is_verified: bool,
}

impl<'a> Settings<'a> {
    fn set(&mut self, imported: &mut Imported, n: usize, key: &str, value: &'a str) {
        match key.to_ascii_uppercase().as_str() {
            "SMARTHOST" => {
                self.account.host = value.to_string();
                self.account.plain_at = n;
            }
            "PORT" => self.account.port = imported.port(n, value),
            "MAILNAME" if !value.starts_with('/') => self.account.ehlo = imported.greeting(n, key, value),
            "ALIASES" => imported.aliases_file = Some(value.to_string()),
            "AUTHPATH" => self.auth_file = Some(value),
            "SECURETRANSFER" => self.is_secure = true,
            "STARTTLS" => self.is_starttls = true,
            "VERIFYCERT" => self.is_verified = true,
            "FINGERPRINT" => self.account.fingerprint = Some(value.to_string()),
            "CERTFILE" => self.account.client_cert = Some(value.to_string()),
            "MASQUERADE" if value.contains('@') => imported.set_from(n, value),
            _ => match why(key) {
                Some(why) => imported.leave_out(n, key, why),
                None => imported.leave_out_unknown(n),
            },
        }
    }

    /// The smarthost. dma's own default is port 25 without TLS (dma.conf, PORT).
    fn account(&self) -> Account {
        let mut account = Account { tls: Tls::None, ..self.account.clone() };
        if self.is_secure {
            account.tls = if self.is_starttls { Tls::StartTls } else { Tls::Implicit };
            account.port = account.port.or(self.is_starttls.then_some(25));
        }
        if self.is_secure && !self.is_verified && account.fingerprint.is_none() {
            account.unchecked = Some((0, "the missing VERIFYCERT".to_string()));
        }
        account
    }
}

/// The reason why a setting is left out; `None` for one that dma does not have.
fn why(key: &str) -> Option<&'static str> {
    match key.to_ascii_uppercase().as_str() {
        "BOUNCEBACK" | "FULLBOUNCE" | "NULLCLIENT" => Some("it is so here"),
        "DEFER" => Some("a mail is tried at once, -odq leaves it to the next queue run"),
        "MAILNAME" => Some("the name for the greeting is the machine's: ehlo in [smarthost] sets another"),
        "MASQUERADE" => Some("it names no whole address: say --sender ADDRESS for the one to send as"),
        "OPPORTUNISTIC_TLS" => Some("STARTTLS is never done without"),
        "SECURE" | "INSECURE" => Some("a login is never sent without TLS"),
        "SPOOLDIR" => Some("our spool has another form; path in [spool] is its place"),
        _ => None,
    }
}

/// Finds the login in auth.conf: `user|smarthost:password`.
fn log_in(files: &Files, imported: &mut Imported, account: &mut Account, name: &str) {
    let (path, text) = match files.named(name) {
        Ok(found) => found,
        Err(absent) => {
            if !absent.is_missing() {
                imported.note(0, &absent.to_string());
                imported.expect_login(0, "AUTHPATH");
            }
            return;
        }
    };
    for (n, line) in lines(&text) {
        let found = line.split_once('|').and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
        if found.is_some() {
            imported.expect_login_of(&path, n, "the line");
        }
        match found {
            Some((user, (host, password))) if host == account.host && account.user.is_none() => {
                account.user = Some(user.to_string());
                account.password = Some(Password::from(password));
            }
            Some(_) => imported.note_in(&path, n, "the line is left out: it is for another host than SMARTHOST"),
            None => imported.note_in(&path, n, "the line is left out: it has not the form user|host:password"),
        }
    }
}
