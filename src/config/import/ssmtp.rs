//! ssmtp.conf, `Key=value` in any case, with revaliases beside it.

use lettre::Address;

use super::files::{Files, lines};
use super::imported::{Account, Imported, Password};
use super::words::{host_and_port, mechanism, switch};
use crate::relay::Tls;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let mut account = Account { tls: Tls::None, ..Account::default() };
    let (mut is_tls, mut is_starttls, mut is_certified) = (false, false, false);
    let (mut certificate, mut key_file) = (None, None);
    for (n, line) in files.lines() {
        let (key, value) = line.split_once('=').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
        match key.to_ascii_lowercase().as_str() {
            "mailhub" => {
                (account.host, account.port) = host_and_port(value);
                account.plain_at = n;
            }
            // ssmtp(8): who gets all mail for users below uid 1000.
            "root" if value.contains('@') => imported.add_default(n, value),
            "root" => imported.left_out(n, key, "it names nobody elsewhere: set default in [recipients]"),
            "usetls" => is_tls = switch(value) == Some(true),
            "usestarttls" => is_starttls = switch(value) == Some(true),
            "authuser" => account.user = Some(value.to_string()),
            "authpass" => account.password = Some(Password::from(value)),
            "authmethod" => account.auth = mechanism(value),
            "tls_ca_file" => account.ca_file = Some(value.to_string()),
            "tls_ca_dir" => imported.left_out(n, key, "the system's certificates are trusted, or one ca-file"),
            "usetlscert" => is_certified = switch(value) == Some(true),
            "tlscert" => certificate = Some(value.to_string()),
            "tlskey" => key_file = Some(value.to_string()),
            "rewritedomain" => imported.domain = Some(value.to_string()).filter(|domain| !domain.is_empty()),
            "hostname" => imported.left_out(n, key, "the name for the greeting is the machine's"),
            "fromlineoverride" => {
                imported.left_out(
                    n,
                    key,
                    "From is always the account's, and the sender's own address stays in Reply-To",
                );
            }
            "minuserid" => {
                imported.left_out(n, key, "default in [recipients] is for every local name without an alias")
            }
            "debug" => imported.left_out(n, key, "there is one log, see [log]"),
            _ => imported.unknown(n),
        }
    }
    if is_certified {
        (account.client_cert, account.client_key) = (certificate, key_file);
    }
    if is_tls || is_starttls {
        account.tls = if is_starttls { Tls::StartTls } else { Tls::Implicit };
        account.port = account.port.or(is_starttls.then_some(25));
        account.unchecked = Some((0, "ssmtp's trust in any certificate".to_string()));
    }
    if !account.host.is_empty() {
        imported.add_account(account.clone());
    }
    reverse_aliases(files, imported, &account);
}

/// revaliases: `user:address:mailhub`. Root's address is that of all mail, the others are for the mail of their users.
fn reverse_aliases(files: &Files, imported: &mut Imported, account: &Account) {
    let Some((path, text)) = files.named("revaliases") else { return };
    let mut found: Vec<(usize, [&str; 3])> = Vec::new();
    for (n, line) in lines(&text) {
        let mut parts = line.splitn(3, ':').map(str::trim);
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
