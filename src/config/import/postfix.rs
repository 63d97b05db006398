//! Postfix's main.cf as a null client: relayhost, the login for it, and the maps that give every mail one sender.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lettre::Address;

use super::account::{Account, Password};
use super::files::{Files, lines};
use super::imported::Imported;
use super::words::{host_and_port, switch};
use crate::relay::Tls;

/// The types of maps that are files of lines.
const FILES: [&str; 6] = ["btree", "cdb", "dbm", "hash", "lmdb", "texthash"];

/// Each key with its line and its value, in which `$name` is replaced.
struct Settings(BTreeMap<String, (usize, String)>);

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let settings = Settings::of(&files.text);
    let mut account = Account { tls: settings.tls(), ..Account::default() };
    if let Some((n, value)) = settings.0.get("relayhost") {
        (account.host, account.port) = relayhost_of(value);
        account.plain_at = *n;
    }
    // Postfix's own port is 25.
    if account.tls == Tls::StartTls {
        account.port = account.port.or(Some(25));
    }
    account.ca_file =
        settings.get("smtp_tls_CAfile").filter(|path| !path.ends_with("/ca-certificates.crt")).map(str::to_string);
    account.client_cert = settings.get("smtp_tls_cert_file").map(str::to_string);
    account.client_key = settings.get("smtp_tls_key_file").map(str::to_string);
    if let Some((n, address)) = settings.0.get("smtp_bind_address") {
        account.source_address = imported.source_address(*n, address);
    }
    if settings.get("smtp_tls_security_level") == Some("fingerprint") {
        account.fingerprint = settings.get("smtp_tls_fingerprint_cert_match").map(str::to_string);
    }
    settings.look_at_check(&mut account);
    let logins = Logins::of(files, &settings, imported);
    Logins::log_in(logins.find(settings.get("relayhost").unwrap_or_default()), &mut account);
    set_sender(files, &settings, imported);
    settings.read_others(imported);
    if !account.host.is_empty() {
        imported.add_account(account.clone());
        add_by_sender(files, &settings, imported, &logins, &account);
    }
}

impl Settings {
    fn of(text: &str) -> Self {
        let mut settings: BTreeMap<String, (usize, String)> = BTreeMap::new();
        let mut last = String::new();
        for (n, line) in text.lines().enumerate() {
            match line.split_once('=') {
                _ if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                // postconf(5): a line that starts with a blank goes on with the one above.
                _ if line.starts_with([' ', '\t']) => {
                    if let Some((_, value)) = settings.get_mut(&last) {
                        value.push(' ');
                        value.push_str(line.trim());
                    }
                }
                Some((key, value)) => {
                    last = key.trim().to_string();
                    settings.insert(last.clone(), (n + 1, value.trim().to_string()));
                }
                None => drop(settings.insert(format!("line {}", n + 1), (n + 1, String::new()))),
            }
        }
        let plain: BTreeMap<String, String> =
            settings.iter().map(|(key, (_, value))| (key.clone(), value.clone())).collect();
        for (_, value) in settings.values_mut() {
            *value = expanded(value, &plain);
        }
        Self(settings)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn is_on(&self, key: &str) -> bool {
        self.get(key).and_then(switch) == Some(true)
    }

    fn tls(&self) -> Tls {
        match self.get("smtp_tls_security_level") {
            _ if self.is_on("smtp_tls_wrappermode") => Tls::Implicit,
            Some("none") => Tls::None,
            Some(_) => Tls::StartTls,
            None if self.is_on("smtp_use_tls") || self.is_on("smtp_enforce_tls") => Tls::StartTls,
            None => Tls::None,
        }
    }

    /// Remembers a level of TLS at which Postfix looks at no certificate.
    fn look_at_check(&self, account: &mut Account) {
        let level = self.0.get("smtp_tls_security_level");
        let is_checked = level.is_some_and(|(_, level)| {
            ["dane", "dane-only", "fingerprint", "secure", "verify"].contains(&level.as_str())
        });
        if account.tls != Tls::None && !is_checked {
            let is_known = |level: &str| ["encrypt", "may"].contains(&level);
            let known = level.filter(|(_, level)| is_known(level));
            let name =
                known.map_or("the level of TLS".to_string(), |(_, level)| format!("smtp_tls_security_level={level}"));
            let n = level.map_or(0, |(n, _)| *n);
            account.unchecked = Some((n, name));
        }
    }

    /// Reads the few other keys that have a counterpart, and notes all that have none.
    fn read_others(&self, imported: &mut Imported) {
        let size = self.get("message_size_limit").and_then(|value| value.parse::<u64>().ok());
        imported.max_message_size = size.filter(|bytes| *bytes > 0);
        imported.retry.give_up_after = self.get("maximal_queue_lifetime").and_then(seconds);
        if let Some((_, path)) = self.get("alias_maps").and_then(|map| map.split_once(':')) {
            imported.aliases_file =
                Some(path.trim().to_string()).filter(|path| path != "/etc/aliases" && path.starts_with('/'));
        }
        for (key, (n, _)) in &self.0 {
            let is_name = (key.contains('_') || key.starts_with("my"))
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            match why(key) {
                Some(why) if is_name => imported.leave_out(*n, key, why),
                Some(_) if key.bytes().all(|b| b.is_ascii_lowercase()) => {
                    imported.note(*n, "the line is left out: mailx-t receives no mail and delivers none here");
                }
                Some(_) => imported.leave_out_unknown(*n),
                None => {}
            }
        }
    }
}

/// The value with `$name` and `${name}` replaced, one step deep.
fn expanded(value: &str, settings: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, behind) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(found) => found,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        expanded.push_str(settings.get(name).map_or("", String::as_str));
        rest = behind;
    }
    expanded + rest
}

fn relayhost_of(value: &str) -> (String, Option<u16>) {
    let (host, port) = host_and_port(value);
    let by_name = match value.rsplit_once(':').map(|(_, name)| name) {
        Some("submission") => Some(587),
        Some("smtps" | "submissions") => Some(465),
        _ => None,
    };
    (host, port.or(by_name))
}

/// The seconds of a number with one of Postfix's units; a bare number is of days.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "" | "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|n| *n > 0)
}

/// A line of a map, with its file.
struct Row {
    path: PathBuf,
    line: usize,
    key: String,
    value: String,
}

/// The rows of a map that is a file of lines. A note tells of a map that is none, or that cannot be read.
fn rows(files: &Files, settings: &Settings, imported: &mut Imported, key: &str) -> Vec<Row> {
    let Some((n, value)) = settings.0.get(key) else { return Vec::new() };
    let found = value.split_once(':').filter(|(kind, _)| FILES.contains(kind)).and_then(|(_, path)| files.named(path));
    let Some((path, text)) = found else {
        imported.note(*n, &format!("{key} is left out: it names no file of lines that can be read: run it as root"));
        return Vec::new();
    };
    let row = |(line, text): (usize, &str)| {
        let (key, value) = text.split_once(char::is_whitespace)?;
        Some(Row { path: path.clone(), line, key: key.to_string(), value: value.trim().to_string() })
    };
    lines(&text).filter_map(row).collect()
}

/// smtp_sasl_password_maps: `static:user:password`, or a file with `host user:password` a line, or `sender
/// user:password`.
enum Logins {
    One(String),
    Rows(Vec<Row>),
}

impl Logins {
    fn of(files: &Files, settings: &Settings, imported: &mut Imported) -> Self {
        match settings.get("smtp_sasl_password_maps").and_then(|map| map.strip_prefix("static:")) {
            Some(login) => Self::One(login.to_string()),
            None => Self::Rows(rows(files, settings, imported, "smtp_sasl_password_maps")),
        }
    }

    fn rows(&self) -> &[Row] {
        if let Self::Rows(rows) = self { rows } else { &[] }
    }

    /// The login for a host as the settings write it.
    fn find(&self, key: &str) -> Option<&str> {
        let name = host_and_port(key).0;
        match self {
            Self::One(login) => Some(login),
            Self::Rows(rows) => rows.iter().find(|row| row.key == key || row.key == name).map(|row| row.value.as_str()),
        }
    }

    /// The login for a sender.
    fn find_of(&self, sender: &str) -> Option<&str> {
        match self {
            Self::One(login) => Some(login),
            Self::Rows(rows) => of_sender(rows, sender).map(|row| row.value.as_str()),
        }
    }

    /// Puts a login into the account, if one was found; `true` then.
    fn log_in(login: Option<&str>, account: &mut Account) -> bool {
        let Some((user, password)) = login.and_then(|login| login.split_once(':')) else { return false };
        account.user = Some(user.trim().to_string());
        account.password = Some(Password::from(password.trim()));
        true
    }
}

/// The row for a sender: that of the whole address, else that of its domain (canonical(5)).
fn of_sender<'a>(rows: &'a [Row], sender: &str) -> Option<&'a Row> {
    let domain = sender.rfind('@').map(|at| &sender[at..]);
    let row = |key: &str| rows.iter().find(|row| row.key == key);
    row(sender).or_else(|| row(domain?))
}

/// Adds an account for each row of sender_dependent_relayhost_maps, and for each login that is kept by sender
/// (smtp_sender_dependent_authentication).
fn add_by_sender(files: &Files, settings: &Settings, imported: &mut Imported, logins: &Logins, all: &Account) {
    let hosts = rows(files, settings, imported, "sender_dependent_relayhost_maps");
    let relayhost = settings.get("relayhost").unwrap_or_default();
    let known: Vec<&str> = hosts.iter().map(|row| row.value.as_str()).chain([relayhost]).collect();
    let is_host = |row: &Row| known.iter().any(|host| row.key == *host || row.key == host_and_port(host).0);
    let is_by_sender = settings.is_on("smtp_sender_dependent_authentication");
    let is_new = |row: &&Row| !is_host(row) && !hosts.iter().any(|other| other.key == row.key);
    let others: Vec<&Row> = logins.rows().iter().filter(is_new).collect();
    let own = others.iter().copied().filter(|row| is_by_sender && row.key.contains('@'));
    let mut senders: Vec<&Row> = hosts.iter().chain(own).collect();
    // Postfix prefers a whole address wherever it stands; we take the first that matches.
    senders.sort_by_key(|row| row.key.starts_with('@'));
    for row in senders {
        let hub = of_sender(&hosts, &row.key).map(|host| host.value.as_str());
        let mut account = all.clone();
        if let Some(hub) = hub.filter(|hub| *hub != relayhost) {
            let (host, port) = relayhost_of(hub);
            (account.host, account.port) = (host, port.or((all.tls == Tls::StartTls).then_some(25)));
            // The login for one host is not shown to another.
            (account.user, account.password) = (None, None);
        }
        let is_own = is_by_sender && Logins::log_in(logins.find_of(&row.key), &mut account);
        if !is_own && account.user.is_none() {
            Logins::log_in(logins.find(hub.unwrap_or(relayhost)), &mut account);
        }
        let sender = if row.key.starts_with('@') { format!("*{}", row.key) } else { row.key.clone() };
        imported.add_account_for((&row.path, row.line), &[&sender], account);
    }
    for row in others.iter().filter(|row| !(is_by_sender && row.key.contains('@'))) {
        imported.note_in(&row.path, row.line, "the line is left out: it is for another host than relayhost");
    }
}

/// Takes the address of a map that leads every sender to one address.
fn set_sender(files: &Files, settings: &Settings, imported: &mut Imported) {
    for key in ["smtp_generic_maps", "sender_canonical_maps"] {
        let Some((n, value)) = settings.0.get(key) else { continue };
        let target = match value.split_once(':') {
            Some(("static", target)) => Some(vec![target.to_string()]),
            Some((_, path)) => files.named(path.split([',', ' ']).next().unwrap_or_default()).map(|(_, text)| {
                lines(&text)
                    .filter_map(|(_, line)| Some(line.rsplit_once(char::is_whitespace)?.1.to_string()))
                    .collect()
            }),
            None => None,
        };
        let mut targets = target.unwrap_or_default();
        targets.sort();
        targets.dedup();
        match targets.as_slice() {
            [only] if only.parse::<Address>().is_ok() => imported.set_from(*n, only),
            _ => imported.leave_out(*n, key, "it does not lead every sender to one address"),
        }
    }
}

/// Keys that are read elsewhere in this file.
const READ: [&str; 21] = [
    "sender_dependent_relayhost_maps",
    "smtp_sender_dependent_authentication",
    "smtp_bind_address",
    "smtp_tls_cert_file",
    "smtp_tls_key_file",
    "relayhost",
    "smtp_generic_maps",
    "sender_canonical_maps",
    "smtp_sasl_auth_enable",
    "smtp_sasl_password_maps",
    "smtp_sasl_security_options",
    "smtp_sasl_tls_security_options",
    "smtp_sasl_mechanism_filter",
    "smtp_tls_security_level",
    "smtp_tls_wrappermode",
    "smtp_tls_CAfile",
    "smtp_tls_fingerprint_cert_match",
    "smtp_use_tls",
    "message_size_limit",
    "maximal_queue_lifetime",
    "alias_maps",
];

/// The reason why a key is left out; `None` for one that is read elsewhere.
fn why(key: &str) -> Option<&'static str> {
    match key {
        key if READ.contains(&key) => None,
        "alias_database" | "compatibility_level" => None,
        "transport_maps" => Some("mail goes by its sender, not by its recipient"),
        "canonical_maps" | "masquerade_domains" | "recipient_canonical_maps" | "virtual_alias_maps" => {
            Some("aliases in [recipients.aliases] say where local names lead")
        }
        "header_checks" | "smtp_header_checks" => Some("From is always the account's"),
        "mydomain" | "myhostname" | "myorigin" | "smtp_helo_name" => {
            Some("names come from the machine, see domain in [rewrite]")
        }
        key if key.starts_with("smtp_tls_") || key.starts_with("tls_") => Some("TLS is set up by the system's library"),
        _ => Some("mailx-t receives no mail and delivers none here"),
    }
}
