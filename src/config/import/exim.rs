//! Debian's Exim as a satellite: update-exim4.conf.conf (`dc_key='value'`), with passwd.client and email-addresses
//! beside it.

use super::account::{Account, Password};
use super::files::{Files, lines};
use super::imported::Imported;
use super::words::{host_and_port, unquoted};
use crate::relay::Tls;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    // Exim does STARTTLS where it is offered, on port 25 unless another is named.
    let mut account = Account { tls: Tls::StartTls, ..Account::default() };
    for (n, line) in files.lines() {
        match line.split_once('=') {
            Some((key, value)) => set(imported, &mut account, (n, key.trim(), unquoted(value))),
            None => imported.note(n, "the line is left out: it sets nothing"),
        }
    }
    match account.port {
        Some(465) => account.tls = Tls::Implicit,
        port => account.port = port.or(Some(25)),
    }
    log_in(files, imported, &mut account);
    set_sender(files, imported);
    if !account.host.is_empty() {
        imported
            .note(0, "Exim looked at no certificate: mailx-t does, see fingerprint in [smarthost] if it does not pass");
        imported.add_account(account);
    }
}

fn set(imported: &mut Imported, account: &mut Account, (n, key, value): (usize, &str, &str)) {
    match key {
        "dc_smarthost" => {
            let mut hosts = value.split(';').map(str::trim).filter(|host| !host.is_empty());
            (account.host, account.port) = host_and_port(hosts.next().unwrap_or_default());
            if hosts.next().is_some() {
                imported.note(n, "only the first smarthost is carried over: add the others as further [[smarthost]]");
            }
        }
        "dc_readhost" if !value.is_empty() => imported.domain = Some(value.to_string()),
        "dc_eximconfig_configtype" if ["smarthost", "satellite"].contains(&value) => {}
        "dc_eximconfig_configtype" => imported.note(n, "mail is relayed through a smarthost, whatever this says"),
        "dc_hide_mailname" => imported.leave_out(n, key, "From is always the account's"),
        _ if value.is_empty() => {}
        _ if key.starts_with("dc_") => {
            imported.note(n, "the line is left out: mailx-t receives no mail and delivers none here");
        }
        _ => imported.leave_out_unknown(n),
    }
}

/// Finds the login in passwd.client: `host:user:password`, where the host may be `*`.
fn log_in(files: &Files, imported: &mut Imported, account: &mut Account) {
    let Some((path, text)) = files.named("/etc/exim4/passwd.client") else { return };
    for (n, line) in lines(&text) {
        let found = line.split_once(':').and_then(|(host, rest)| Some((host, rest.split_once(':')?)));
        match found {
            Some((host, (user, password))) if (host == "*" || host == account.host) && account.user.is_none() => {
                account.user = Some(user.to_string());
                account.password = Some(Password::from(password));
            }
            Some(_) => imported.note_in(&path, n, "the line is left out: it is for another host than the smarthost"),
            None => imported.note_in(&path, n, "the line is left out: it has not the form host:user:password"),
        }
    }
}

/// Takes the sender from email-addresses (`user: address`). All mail leaves from one address, which is root's if there
/// is one; notes tell of the others.
fn set_sender(files: &Files, imported: &mut Imported) {
    let Some((path, text)) = files.named("/etc/email-addresses") else { return };
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
