//! esmtprc: `keyword = value`, where the `=` may be missing; `identity ADDRESS` starts the settings of one sender.

use super::account::{Account, Password};
use super::files::Files;
use super::imported::Imported;
use super::words::{host_and_port, words};
use crate::relay::Tls;

/// The settings of one identity.
struct Identity {
    line: usize,
    address: Option<String>,
    account: Account,
}

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let mut identities: Vec<Identity> = Vec::new();
    for (n, line) in files.lines() {
        let (key, value) = setting(line);
        match (key.as_str(), identities.last_mut()) {
            ("identity", _) => identities.push(Identity { line: n, address: Some(value), account: plain(n) }),
            (key, Some(identity)) => set(imported, identity, (n, key, &value)),
            (key, None) => {
                let mut general = Identity { line: n, address: None, account: plain(n) };
                set(imported, &mut general, (n, key, &value));
                identities.push(general);
            }
        }
    }
    // The first identity is the general one where nothing stands above it.
    identities.sort_by_key(|identity| identity.address.is_some());
    for (at, identity) in identities.into_iter().enumerate() {
        let account = finished(identity.account);
        match identity.address {
            Some(address) if at > 0 => {
                imported.add_account_for((&files.path, identity.line), &[&address], account);
            }
            address => {
                if let Some(address) = address {
                    imported.set_from(identity.line, &address);
                }
                if !account.host.is_empty() {
                    imported.add_account(account);
                }
            }
        }
    }
}

/// libESMTP speaks no TLS from the first byte, and asks for STARTTLS only if it is told to.
fn plain(line: usize) -> Account {
    Account { tls: Tls::None, plain_at: line, ..Account::default() }
}

/// Its own port is 587, whether with STARTTLS or without.
fn finished(account: Account) -> Account {
    Account { port: account.port.or(Some(587)), ..account }
}

/// The keyword, of two words after `force`, and the value without its quotes and its escapes.
fn setting(line: &str) -> (String, String) {
    let end = line.find(|c: char| c == '=' || c == '#' || c.is_whitespace()).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    if key == "force" {
        let (second, value) = setting(rest);
        return (format!("force {second}"), value);
    }
    let value = words(rest.strip_prefix('=').unwrap_or(rest)).into_iter().next().unwrap_or_default();
    (key.to_ascii_lowercase(), value)
}

fn set(imported: &mut Imported, identity: &mut Identity, (n, key, value): (usize, &str, &str)) {
    let account = &mut identity.account;
    match key {
        "hostname" => {
            (account.host, account.port) = host_and_port(value);
            account.port = account.port.or(match value.rsplit_once(':') {
                Some((_, "smtp")) => Some(25),
                _ => None,
            });
            account.plain_at = n;
        }
        "username" => {
            imported.expect_login(n, "username");
            account.user = Some(value.to_string()).filter(|user| !user.is_empty());
        }
        "password" => {
            imported.expect_login(n, "password");
            account.password = Some(value).filter(|text| !text.is_empty()).map(Password::from);
        }
        "starttls" if matches!(value, "enabled" | "required") => account.tls = Tls::StartTls,
        "starttls" => account.tls = Tls::None,
        "helo" => account.ehlo = imported.greeting(n, key, value),
        "qualifydomain" => imported.domain = Some(value.to_string()).filter(|domain| !domain.is_empty()),
        "force reverse_path" if !value.contains('%') => imported.set_from(n, value),
        _ => match why(key) {
            Some(why) => imported.leave_out(n, key, why),
            None => imported.leave_out_unknown(n),
        },
    }
}

/// The reason why a setting is left out; `None` for one that esmtp does not have.
fn why(key: &str) -> Option<&'static str> {
    match key {
        "certificate_passphrase" => Some("client-key holds a key without a passphrase"),
        "force sender" | "force reverse_path" => Some("all mail leaves as one address: from in [rewrite]"),
        "force_mda" | "mda" => Some("mailx-t delivers no mail here"),
        "message_id" => Some("a mail without one gets a Message-ID"),
        "preconnect" => Some("no command is run before a connection: let a unit of its own keep the tunnel open"),
        _ => None,
    }
}
