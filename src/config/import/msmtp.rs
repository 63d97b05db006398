//! msmtprc: `defaults`, `account NAME : BASE`, and below them `key value`. The account called `default` is for all
//! mail, each other account for the mail of its `from`.

use std::path::Path;

use super::account::{Account, Password};
use super::files::Files;
use super::imported::Imported;
use super::password_command;
use super::words::{for_shell, is_system_bundle, mechanism, switch};
use crate::envelope::Aliases;
use crate::relay::{SenderPattern, Tls};

/// A line's number, key and value.
type Setting<'a> = (usize, &'a str, &'a str);

/// One account with all that it inherits.
#[derive(Clone, Default)]
struct Section<'a> {
    line: usize,
    name: &'a str,
    settings: Vec<Setting<'a>>,
}

impl<'a> Section<'a> {
    /// The last setting of that key, which counts.
    fn last(&self, wanted: &str) -> Option<(usize, &'a str)> {
        self.settings.iter().rev().find(|(_, key, _)| *key == wanted).map(|(n, _, value)| (*n, *value))
    }

    /// The other has all its settings.
    fn is_within(&self, other: &Section<'_>) -> bool {
        self.settings.iter().all(|setting| other.settings.contains(setting))
    }

    fn is_for(&self, sender: &str) -> bool {
        self.last("from").is_some_and(|(_, from)| SenderPattern::from(from).fits(sender))
    }
}

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let sections = sections(files, imported);
    let Some(chosen) = sections.iter().find(|section| section.name == "default").or(sections.first()) else { return };
    if chosen.name != "default" {
        imported.note(chosen.line, "no account is called default: the first one is carried over");
    }
    if let Some((n, from)) = chosen.last("from") {
        set_sender(imported, n, from);
    }
    let account = account(files, imported, &chosen.settings);
    if account.host.is_empty() {
        return;
    }
    imported.add_account(account);
    for other in sections.iter().filter(|other| other.name != chosen.name) {
        add_further(files, imported, chosen, other);
    }
    // msmtp takes the first account in the file that fits; we ask those for some senders before the one for all.
    let first = imported.from.as_deref().and_then(|from| sections.iter().find(|section| section.is_for(from)));
    if first.is_some_and(|first| first.is_within(chosen)) {
        imported.keep_own_sender();
    }
}

/// Adds an account for the mail of its own sender. Notes about settings that it shares with the chosen one are there
/// already.
fn add_further(files: &Files, imported: &mut Imported, chosen: &Section<'_>, other: &Section<'_>) {
    if other.is_within(chosen) {
        return;
    }
    const OF_ALL: [&str; 2] = ["aliases", "maildomain"];
    for (n, key, _) in other.settings.iter().filter(|setting| !chosen.settings.contains(setting)) {
        if OF_ALL.contains(key) {
            imported.leave_out(*n, key, "it is the same for all mail, as the account called default has it");
        }
    }
    let own = other.settings.iter().copied().filter(|(_, key, _)| !OF_ALL.contains(key)).collect::<Vec<_>>();
    let account = account(files, imported, &own);
    let Some((_, from)) = other.last("from").filter(|_| other.last("from") != chosen.last("from")) else {
        let why = "the account is left out: it has no from of its own, which says whose mail it is for";
        return imported.note(other.line, why);
    };
    let path = files.path.clone();
    imported.add_account_for((&path, other.line), &[from], account);
}

fn account(files: &Files, imported: &mut Imported, settings: &[Setting<'_>]) -> Account {
    let mut account = Account::default();
    let mut protection = Protection { is_on: false, is_starttls: true };
    let (mut is_checked, mut command) = (None, None);
    for (n, key, value) in settings {
        match *key {
            "from" => {}
            "tls" => protection.is_on = switch(value) != Some(false),
            "tls_starttls" => protection.is_starttls = switch(value) != Some(false),
            "passwordeval" => command = Some((*n, "passwordeval", *value)),
            "tls_certcheck" => is_checked = switch(value).map(|is_on| (*n, is_on)),
            _ => set(files, imported, &mut account, (*n, key, value)),
        }
    }
    // msmtp runs the command only where no password is set.
    if let Some((n, setting, text)) = command.filter(|(_, _, text)| account.password.is_none() && !text.is_empty()) {
        let elsewhere = elsewhere(&files.path, n);
        password_command::take(imported, &mut account, (n, setting, text), elsewhere);
    }
    expect_login(imported, &account, settings);
    if let Some((n, false)) = is_checked {
        account.unchecked = Some((n, "tls_certcheck off".to_string()));
    }
    protection.apply(&mut account);
    account.plain_at = settings.iter().find(|(_, key, _)| *key == "host").map_or(0, |(n, ..)| *n);
    account
}

/// A line for a shell that runs the command for the password out of the file, so that nobody has to see it.
fn elsewhere(path: &Path, line: usize) -> Option<String> {
    let strip = "s/^[[:space:]]*passwordeval[[:space:]]*//; s/^\"\\(.*\\)\"[[:space:]]*$/\\1/; p";
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    Some(format!("sed -n '{line} {{ {strip}; }}' {} | sh", for_shell(&path.display().to_string())))
}

/// msmtp logs in if `auth` says so, and has no other way to say it.
fn expect_login(imported: &mut Imported, account: &Account, settings: &[Setting<'_>]) {
    let last = |wanted: &str| settings.iter().rev().find(|(_, key, _)| *key == wanted);
    match (last("auth"), last("user").or(last("password"))) {
        (Some((n, _, value)), _) if switch(value) != Some(false) => imported.expect_login(*n, "auth"),
        (None, Some((n, ..))) if account.user.is_some() => {
            imported.note(*n, "mailx-t logs in; msmtp did not, since auth is not set");
        }
        _ => {}
    }
}

fn set_sender(imported: &mut Imported, n: usize, value: &str) {
    match value.strip_prefix("%U@") {
        None if value.contains('*') => {
            let why = "it stands for many senders, and mail leaves as one address: the user, or what --sender says";
            imported.leave_out(n, "from", why);
        }
        Some(domain) => {
            imported.domain = Some(domain.to_string());
            imported.note(n, "from is left out: there is one sender for all users; its domain is that of local names");
        }
        None => imported.set_from(n, value),
    }
}

fn sections<'a>(files: &'a Files, imported: &mut Imported) -> Vec<Section<'a>> {
    let mut defaults: Vec<Setting<'a>> = Vec::new();
    let mut sections: Vec<Section<'a>> = Vec::new();
    let mut is_defaults = false;
    for (n, line) in files.lines() {
        let (key, value) =
            line.split_once(char::is_whitespace).map_or((line, ""), |(key, value)| (key, value_of(value)));
        match key {
            "defaults" => is_defaults = true,
            "account" => {
                is_defaults = false;
                let (name, bases) = value.split_once(':').unwrap_or((value, ""));
                let mut settings = defaults.clone();
                for base in bases.split(',').map(str::trim).filter(|base| !base.is_empty()) {
                    match sections.iter().find(|section| section.name == base) {
                        Some(base) => settings.extend(base.settings.iter().copied()),
                        None => imported.note(n, "an account it is to be like stands nowhere above"),
                    }
                }
                sections.push(Section { line: n, name: name.trim(), settings });
            }
            _ if is_defaults => defaults.push((n, key, value)),
            _ => match sections.last_mut() {
                Some(section) => section.settings.push((n, key, value)),
                // Settings before any account are the default account's.
                None => sections.push(Section { line: n, name: "default", settings: vec![(n, key, value)] }),
            },
        }
    }
    sections
}

/// The value without double quotes around it; other quotes belong to it.
fn value_of(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

struct Protection {
    is_on: bool,
    is_starttls: bool,
}

impl Protection {
    /// msmtp's ports are 465 for TLS from the first byte, else 25.
    fn apply(&self, account: &mut Account) {
        account.tls = match (self.is_on, self.is_starttls) {
            (false, _) => Tls::None,
            (true, true) => Tls::StartTls,
            (true, false) => Tls::Implicit,
        };
        if account.tls == Tls::StartTls {
            account.port = account.port.or(Some(25));
        }
    }
}

fn set(files: &Files, imported: &mut Imported, account: &mut Account, (n, key, value): Setting<'_>) {
    match key {
        "host" => account.host = value.to_string(),
        "port" => account.port = imported.port(n, value),
        "user" => account.user = Some(value.to_string()),
        "password" => account.password = Some(Password::from(value)),
        "auth" => set_auth(imported, account, n, value),
        "maildomain" => imported.domain = Some(value.to_string()),
        "aliases" => set_aliases(files, imported, value),
        // We trust the system's certificates anyway.
        "tls_trust_file" if value.is_empty() || value == "system" || is_system_bundle(value) => {}
        "tls_trust_file" => account.ca_file = Some(value.to_string()),
        "tls_cert_file" => account.client_cert = Some(value.to_string()),
        "tls_key_file" => account.client_key = Some(value.to_string()),
        "source_ip" => account.source_address = imported.source_address(n, value),
        "proxy_host" if value.is_empty() => account.proxy = None,
        "proxy_host" => account.proxy = Some(format!("{value}:1080")),
        "proxy_port" => {
            let host =
                account.proxy.take().map(|proxy| proxy.rsplit_once(':').map_or("", |(host, _)| host).to_string());
            account.proxy = host.map(|host| format!("{host}:{value}"));
        }
        "tls_fingerprint" => account.fingerprint = Some(value.to_string()),
        "domain" => account.ehlo = imported.greeting(n, "domain", value),
        "logfile" if !value.is_empty() => imported.set_log(n, "logfile", value),
        "timeout" | "connect_timeout" => account.timeout = value.parse().ok().filter(|n| *n > 0),
        "protocol" if value == "smtp" => {}
        _ => match why(key) {
            Some(why) => imported.leave_out(n, key, why),
            None => imported.leave_out_unknown(n),
        },
    }
}

fn set_auth(imported: &mut Imported, account: &mut Account, n: usize, value: &str) {
    account.auth = match value {
        "off" => Some("none"),
        name => mechanism(name),
    };
    if account.auth.is_none() && !matches!(value, "" | "on") {
        imported.leave_out(n, "auth", "that method is not spoken: the best of what is offered is used");
    }
}

/// Takes the alias file. It has the form of sendmail's, but for the name `default`.
fn set_aliases(files: &Files, imported: &mut Imported, value: &str) {
    imported.aliases_file = Some(value.to_string());
    let Some((_, text)) = files.beside(value, imported) else { return };
    if let Some(default) = Aliases::parse(&text).0.get("default") {
        imported.add_default(0, &default.join(", "));
    }
}

/// The reason why a setting is left out; `None` for one that msmtp does not have.
fn why(key: &str) -> Option<&'static str> {
    let why = match key {
        "add_missing_date_header"
        | "add_missing_from_header"
        | "remove_bcc_headers"
        | "set_date_header"
        | "set_msgid_header" => "it is so here",
        "allow_from_override" | "auto_from" | "from_full_name" | "set_from_header" => {
            "mail always leaves as the account, in MAIL FROM and in From"
        }
        "dsn_notify" | "dsn_return" => "it is asked for each mail, with -N and -R",
        "logfile" | "logfile_time_format" | "syslog" => "every mail is logged, see [log]",
        "protocol" => "only SMTP is spoken",
        "socket" => "a smarthost is reached over the network",
        "tls_crl_file" | "tls_host_override" | "tls_min_dh_prime_bits" | "tls_priorities" => {
            "TLS is set up by the system's library"
        }
        "set_to_header" | "undisclosed_recipients" => "To shows where aliases led",
        "eval" => "a setting made by a command has no counterpart",
        _ => return None,
    };
    Some(why)
}
