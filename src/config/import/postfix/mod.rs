//! Postfix's main.cf as a null client: relayhost, the login for it, and the maps that give every mail one sender.

mod logins;
mod main_cf;
mod maps;
mod names;
mod reasons;

use lettre::Address;

use super::account::Account;
use super::files::Files;
use super::imported::Imported;
use super::words::{host_and_port, is_system_bundle};
use crate::relay::Tls;
use logins::{Logins, of_sender};
use main_cf::{Settings, list, seconds};
use maps::Row;

const DAY: u64 = 86_400;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let settings = Settings::of(&files.text);
    let hub = Hub {
        logins: Logins::of(files, &settings, imported),
        policies: maps::rows(files, &settings, imported, "smtp_tls_policy_maps"),
        common: common(&settings, imported),
        settings: &settings,
    };
    let (line, relayhosts) = relayhosts(files, &settings, imported);
    set_sender(files, &settings, imported);
    names::read(files, &settings, imported);
    read_others(&settings, imported);
    reasons::tell(&settings, imported);
    let fallbacks = settings.at("smtp_fallback_relay").unwrap_or_default();
    let hosts = relayhosts.iter().map(|host| (line, host.as_str()));
    let hosts: Vec<(usize, &str)> = hosts.chain(list(fallbacks.1).map(|host| (fallbacks.0, host))).collect();
    if relayhosts.is_empty() {
        return;
    }
    for (line, host) in &hosts {
        imported.add_account(hub.account(*line, host));
    }
    add_by_sender(files, imported, &hub, &hosts);
}

/// What an account is made of, whichever host it is for.
struct Hub<'a> {
    settings: &'a Settings,
    logins: Logins,
    policies: Vec<Row>,
    common: Account,
}

impl Hub<'_> {
    /// The account at a host as the settings write it, with the login for that host.
    fn account(&self, line: usize, host: &str) -> Account {
        let mut account = self.protected(line, host);
        self.logins.log_in_at(host, &mut account);
        account
    }

    /// The account without a login.
    fn protected(&self, line: usize, host: &str) -> Account {
        let mut account = Account { plain_at: line, ..self.common.clone() };
        (account.host, account.port) = relayhost_of(host);
        let policy = maps::find(&self.policies, &[host]).map(|row| row.value.as_str());
        let level = policy.and_then(|policy| policy.split_whitespace().next());
        let level = level.or_else(|| self.settings.get("smtp_tls_security_level"));
        account.tls = self.tls(level);
        // Postfix's own port is 25.
        if account.tls == Tls::StartTls {
            account.port = account.port.or(Some(25));
        }
        if level == Some("fingerprint") {
            account.fingerprint = self.settings.get("smtp_tls_fingerprint_cert_match").map(str::to_string);
        }
        let is_checked =
            level.is_some_and(|level| ["dane", "dane-only", "fingerprint", "secure", "verify"].contains(&level));
        if account.tls != Tls::None && !is_checked {
            let known = level.filter(|level| ["encrypt", "may"].contains(level));
            let name = known.map_or("the level of TLS".to_string(), |level| format!("smtp_tls_security_level={level}"));
            account.unchecked = Some((self.settings.line("smtp_tls_security_level"), name));
        }
        account
    }

    fn tls(&self, level: Option<&str>) -> Tls {
        let is_on = |key| self.settings.is_on(key);
        match level {
            _ if is_on("smtp_tls_wrappermode") => Tls::Implicit,
            Some("none") => Tls::None,
            Some(_) => Tls::StartTls,
            None if is_on("smtp_use_tls") || is_on("smtp_enforce_tls") => Tls::StartTls,
            None => Tls::None,
        }
    }
}

/// What the settings say about each smarthost alike.
fn common(settings: &Settings, imported: &mut Imported) -> Account {
    let own = |key| settings.get(key).map(str::to_string);
    let mut account = Account {
        ca_file: own("smtp_tls_CAfile").filter(|path| !is_system_bundle(path)),
        client_cert: own("smtp_tls_cert_file"),
        client_key: own("smtp_tls_key_file"),
        ..Account::default()
    };
    if let Some((n, _, address)) = settings.first(&["smtp_bind_address", "smtp_bind_address6"]) {
        account.source_address = imported.source_address(n, address);
    }
    if let Some((n, name)) = settings.at("smtp_helo_name") {
        account.ehlo = imported.greeting(n, "smtp_helo_name", name);
    }
    let first = settings.first(&["smtp_destination_rate_delay", "default_destination_rate_delay"]);
    account.rate = first.and_then(|(_, _, delay)| seconds(delay, 1)).filter(|n| *n <= DAY).map(|n| format!("1/{n}s"));
    let first = settings.first(&["smtp_destination_concurrency_limit", "default_destination_concurrency_limit"]);
    account.max_connections = first.and_then(|(_, _, limit)| limit.parse().ok()).filter(|limit| *limit > 0);
    let limit = settings.get("smtp_connection_reuse_count_limit").and_then(|limit| limit.parse().ok());
    account.per_connection = limit.filter(|limit| *limit > 0);
    account.connect_timeout = settings.get("smtp_connect_timeout").and_then(|time| seconds(time, 1));
    account
}

/// Host and port of a destination; a port may be the name of a service.
fn relayhost_of(value: &str) -> (String, Option<u16>) {
    let (host, port) = host_and_port(value);
    let by_name = match value.rsplit_once(':').map(|(_, name)| name) {
        Some("submission") => Some(587),
        Some("smtps" | "submissions") => Some(465),
        _ => None,
    };
    (host, port.or(by_name))
}

/// Where all mail goes, in the order of Postfix: the transport for `*`, relayhost, or the host of default_transport.
fn relayhosts(files: &Files, settings: &Settings, imported: &mut Imported) -> (usize, Vec<String>) {
    let all = |value: &str| list(value).map(str::to_string).collect::<Vec<_>>();
    let own = settings.at("relayhost").map_or((0, Vec::new()), |(n, value)| (n, all(value)));
    let rows = maps::rows(files, settings, imported, "transport_maps");
    for row in rows.iter().filter(|row| row.key != "*") {
        imported.note_in(&row.path, row.line, "the line is left out: mail goes by its sender, not by its recipient");
    }
    let hop = |value: &str| value.split_once(':').map(|(_, hop)| all(hop)).filter(|hops| !hops.is_empty());
    if let Some(found) = rows.iter().find(|row| row.key == "*").and_then(|row| hop(&row.value)) {
        return (settings.line("transport_maps"), found);
    }
    let default = settings.at("default_transport").filter(|_| own.1.is_empty());
    if let Some(found) = default.and_then(|(n, value)| Some((n, hop(value)?))) {
        return found;
    }
    const BY_SENDER: &str = "sender_dependent_relayhost_maps";
    let first = own.1.is_empty().then(|| maps::rows(files, settings, imported, BY_SENDER).into_iter().next()).flatten();
    let Some(row) = first else { return own };
    let sentence = "no relayhost is set, so mail of other senders went straight to the servers of its recipients: it \
                    goes to this host as well";
    imported.note_in(&row.path, row.line, sentence);
    (settings.line(BY_SENDER), vec![row.value])
}

/// Adds an account for each row of sender_dependent_relayhost_maps, and for each login that is kept by sender
/// (smtp_sender_dependent_authentication).
fn add_by_sender(files: &Files, imported: &mut Imported, hub: &Hub<'_>, general: &[(usize, &str)]) {
    let hosts = maps::rows(files, hub.settings, imported, "sender_dependent_relayhost_maps");
    let Some((line, relayhost)) = general.first() else { return };
    let known: Vec<&str> =
        hosts.iter().map(|row| row.value.as_str()).chain(general.iter().map(|(_, host)| *host)).collect();
    let is_host = |row: &Row| known.iter().any(|host| row.fits(host) || row.fits(&host_and_port(host).0));
    let is_new = |row: &&Row| !is_host(row) && !hosts.iter().any(|other| other.key == row.key);
    let others: Vec<&Row> = hub.logins.rows().iter().filter(is_new).collect();
    // A colon stands in no sender, but behind a user whose host is missing in front.
    let is_of_sender = |row: &Row| hub.logins.are_by_sender && row.key.contains('@') && !row.key.contains(':');
    let own = others.iter().copied().filter(|row| is_of_sender(row));
    let mut senders: Vec<&Row> = hosts.iter().chain(own).collect();
    // Postfix prefers a whole address wherever it stands; we take the first that matches.
    senders.sort_by_key(|row| row.key.starts_with(['@', '*']));
    for row in senders {
        let own = of_sender(&hosts, &row.key).map_or(*relayhost, |host| host.value.as_str());
        let mut account = hub.protected(*line, own);
        if !hub.logins.log_in_as(&row.key, &mut account) {
            hub.logins.log_in_at(own, &mut account);
        }
        let is_general = imported.accounts.first().is_some_and(|first| {
            (&first.host, first.port, &first.user) == (&account.host, account.port, &account.user)
        });
        if is_general && row.key.starts_with(['@', '*']) {
            continue;
        }
        let sender = if row.key.starts_with('@') { format!("*{}", row.key) } else { row.key.clone() };
        imported.add_account_for((&row.path, row.line), &[&sender], account);
    }
    for row in others.iter().filter(|row| !is_of_sender(row)) {
        imported.note_in(&row.path, row.line, "the line is left out: it is for another host than relayhost");
    }
}

/// Takes the address of a map that leads every sender to one address.
fn set_sender(files: &Files, settings: &Settings, imported: &mut Imported) {
    for key in ["smtp_generic_maps", "sender_canonical_maps"] {
        let Some((n, _)) = settings.at(key) else { continue };
        let mut targets: Vec<String> =
            maps::rows(files, settings, imported, key).into_iter().map(|row| row.value).collect();
        targets.sort();
        targets.dedup();
        match targets.as_slice() {
            // Why a table is not there has been told.
            [] => {}
            [only] if only.parse::<Address>().is_ok() && !only.contains('$') => imported.set_from(n, only),
            _ => imported.leave_out(n, key, "it does not lead every sender to one address"),
        }
    }
}

/// Reads the other keys that have a counterpart.
fn read_others(settings: &Settings, imported: &mut Imported) {
    let is_name = |name: &&str| {
        name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/'))
    };
    imported.log_name = settings.get("syslog_name").filter(is_name).map(str::to_string);
    let time = |key, unit| settings.get(key).and_then(|time| seconds(time, unit));
    let size = settings.get("message_size_limit").and_then(|value| value.parse::<u64>().ok());
    imported.max_message_size = size.filter(|bytes| *bytes > 0);
    imported.retry.first = time("minimal_backoff_time", 1);
    imported.retry.max = time("maximal_backoff_time", 1);
    imported.retry.give_up_after = time("maximal_queue_lifetime", DAY);
    match settings.at("maillog_file") {
        Some((_, "/dev/stdout")) => imported.log = Some("stderr".to_string()),
        Some((n, path)) => imported.set_log(n, "maillog_file", path),
        None => {}
    }
}
