//! mail.rc and .mailrc of heirloom mailx and s-nail: `set name=value`, `alias name address...`, `account name { ... }`.
//!
//! The old names (`smtp`, `smtp-auth-user`) and those of s-nail's v15-compat mode (`mta=smtps://user:password@host`,
//! `password-user@host`) may stand side by side, as they do in files that grew.

use std::collections::BTreeMap;

use url::Url;

use super::account::{Account, Password};
use super::files::Files;
use super::imported::Imported;
use super::words::{host_and_port, is_system_bundle, mechanism, words};
use crate::message::Mailbox;
use crate::relay::Tls;

/// Names of settings, with the line and the value of the last that set each.
type Settings = BTreeMap<String, (usize, String)>;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    let (settings, others) = settings(files, imported);
    if let Some((n, from)) = settings.get("from") {
        imported.set_from(*n, from);
    }
    for (name, (n, _)) in others.iter().flat_map(|(_, own)| own).chain(&settings) {
        if let Some(why) = why(name) {
            imported.leave_out(*n, &crate::outcome::clean(name), why);
        }
    }
    note_other_senders(&settings, imported);
    let Some(first) = account(&settings, imported) else { return };
    imported.add_account(first);
    for (n, own) in others {
        let senders = own.get("from").map(|(_, from)| Mailbox::list(from.as_bytes())).unwrap_or_default();
        let Some(sender) = senders.first() else {
            let why = "the account is left out: it sets no from, which says whose mail it is for";
            imported.note(n, why);
            continue;
        };
        if !names_one(&own) {
            imported.note(n, "the account is left out: it names no smarthost");
        } else if let Some(account) = account(&own, imported) {
            imported.add_account_for((&files.path, n), &[&sender.address], account);
        }
    }
}

/// The settings outside of accounts, together with those of the first account that names a smarthost if they name none;
/// then the other accounts, each with its line.
fn settings(files: &Files, imported: &mut Imported) -> (Settings, Vec<(usize, Settings)>) {
    let all = sections(files, imported);
    let chosen = all.iter().position(|(_, settings)| names_one(settings)).unwrap_or_default();
    let merged = |own: &Settings| all[0].1.clone().into_iter().chain(own.clone()).collect::<Settings>();
    let others = all.iter().enumerate().filter(|(n, _)| *n > 0 && *n != chosen);
    let others = others.map(|(_, (n, own))| (*n, own_sender(merged(own), own))).collect();
    (merged(&all[chosen].1), others)
}

/// The settings outside of accounts, then those of each account; each with its first line.
fn sections(files: &Files, imported: &mut Imported) -> Vec<(usize, Settings)> {
    let mut all: Vec<(usize, Settings)> = vec![(0, Settings::new())];
    let mut at = 0;
    for (n, line) in with_sources(files, imported) {
        let words = words(&line);
        let mut words = words.iter().map(String::as_str);
        match words.next().unwrap_or_default() {
            "account" if line.contains('{') => {
                at = all.len();
                all.push((n, Settings::new()));
            }
            "}" => at = 0,
            "set" => words.for_each(|word| {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                all[at].1.insert(name.to_string(), (n, value.to_string()));
            }),
            "unset" => words.for_each(|name| drop(all[at].1.remove(name))),
            "alias" | "group" => {
                if let Some(name) = words.next() {
                    let targets: Vec<String> = words.map(str::to_string).collect();
                    imported.add_alias(n, &crate::outcome::clean(name), &targets);
                }
            }
            // These are about what a terminal shows.
            "" | "elif" | "else" | "endif" | "ignore" | "discard" | "retain" | "headerpick" | "colour" | "bind"
            | "shortcut" | "mimetype" => {}
            "if" => {
                imported
                    .note(n, "no condition is judged: all lines are read, and the last that sets a variable counts");
            }
            _ => imported.note(n, "the line is left out: it is about reading mail"),
        }
    }
    all
}

/// The lines of the file, with those of the files that it sources in their place, under the line that names them.
fn with_sources(files: &Files, imported: &mut Imported) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (n, line) in logical_lines(&files.text) {
        let Some(name) = line.strip_prefix("source ").and_then(|rest| words(rest).into_iter().next()) else {
            lines.push((n, line));
            continue;
        };
        match files.named(&name) {
            Ok((_, text)) => lines.extend(logical_lines(&text).into_iter().map(|(_, line)| (n, line))),
            Err(absent) => imported.leave_out(n, "source", &absent.to_string()),
        }
    }
    lines
}

/// What a start-up file says to mail(1) itself, outside of accounts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    /// The variables that are set, with their values.
    pub(crate) variables: BTreeMap<String, String>,
    /// The aliases, each with its addresses and further aliases.
    pub(crate) aliases: BTreeMap<String, Vec<String>>,
}

/// The start-up file of mail(1).
pub(crate) fn startup(text: &str) -> Startup {
    let (mut startup, mut is_of_account) = (Startup::default(), false);
    for (_, line) in logical_lines(text) {
        let words = words(&line);
        let mut words = words.iter().map(String::as_str);
        match words.next().unwrap_or_default() {
            "account" if line.contains('{') => is_of_account = true,
            "}" => is_of_account = false,
            "set" if !is_of_account => words.for_each(|word| {
                let (name, value) = word.split_once('=').unwrap_or((word, ""));
                startup.variables.insert(name.to_string(), value.to_string());
            }),
            "unset" if !is_of_account => words.for_each(|name| drop(startup.variables.remove(name))),
            // POSIX: a second line of the same name adds to the first.
            "alias" | "group" => {
                let name = words.next().unwrap_or_default().to_string();
                startup.aliases.entry(name).or_default().extend(words.map(str::to_string));
            }
            "unalias" | "ungroup" => words.for_each(|name| drop(startup.aliases.remove(name))),
            _ => {}
        }
    }
    startup
}

fn names_one(settings: &Settings) -> bool {
    settings.contains_key("mta") || settings.contains_key("smtp")
}

/// The account's settings without the sender that stands outside of accounts.
fn own_sender(mut merged: Settings, own: &Settings) -> Settings {
    if !own.contains_key("from") {
        merged.remove("from");
    }
    merged
}

/// Lines joined where a backslash ends one, numbered by their first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut() {
            Some((_, last)) if is_open => last.push_str(part),
            _ => lines.push((n + 1, part.to_string())),
        }
        is_open = goes_on;
    }
    lines.retain(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
}

fn account(settings: &Settings, imported: &mut Imported) -> Option<Account> {
    let (n, url) = smarthost(settings, imported)?;
    let mut account = from_url(n, url, imported)?;
    log_in(settings, &mut account);
    let (user, host) = (account.user.clone().unwrap_or_default(), account.host.clone());
    let value = |name: &str| of_login(settings, name, &user, &host);
    account.auth =
        mechanism_of(settings, value("smtp-auth").or_else(|| of_sender(settings, "smtp-auth")).as_deref(), imported);
    account.ca_file = value("tls-ca-file").or_else(|| value("ssl-ca-file")).filter(|path| !is_system_bundle(path));
    account.ehlo = greeting(settings, imported);
    account.client_cert = value("ssl-cert");
    account.client_key = value("ssl-key");
    account.proxy = value("socks-proxy").map(|proxy| socks(&proxy));
    expect_login(settings, imported);
    let fingerprint = value("tls-fingerprint").or_else(|| value("ssl-fingerprint"));
    account.fingerprint = fingerprint.map(|text| text.trim_start_matches("SHA256:").to_string());
    account.unchecked = unchecked(settings, "tls-verify").or_else(|| unchecked(settings, "ssl-verify"));
    if settings.contains_key("smtp-use-starttls") && account.tls == Tls::None {
        account.tls = Tls::StartTls;
        account.port = account.port.or(Some(25));
    }
    Some(account)
}

/// The URL of the smarthost, with its line. The word of v15-compat mode comes first: who set it has left the old one
/// behind.
fn smarthost<'a>(settings: &'a Settings, imported: &mut Imported) -> Option<(usize, &'a str)> {
    let is_program = |value: &str| value.starts_with('/') || value.starts_with('~') || value.starts_with("file:");
    let named: Vec<_> = ["mta", "smtp"].iter().filter_map(|name| settings.get(*name)).collect();
    if let Some((n, url)) = named.iter().find(|(_, value)| !is_program(value)) {
        return Some((*n, url));
    }
    for (n, _) in named {
        imported.leave_out(*n, "mta", "it is a program, and names no smarthost");
    }
    None
}

/// The address of `from`, without the name.
fn sender(settings: &Settings) -> Option<String> {
    let from = text(settings, "from")?;
    Mailbox::list(from.as_bytes()).into_iter().next().map(|mailbox| mailbox.address)
}

/// A variable of heirloom mailx, which may be set for one sender: `smtp-auth-user-ADDRESS` comes before
/// `smtp-auth-user`.
fn of_sender(settings: &Settings, name: &str) -> Option<String> {
    sender(settings).and_then(|from| text(settings, &format!("{name}-{from}"))).or_else(|| text(settings, name))
}

/// Notes the variables of heirloom mailx that are set for another sender.
fn note_other_senders(settings: &Settings, imported: &mut Imported) {
    let from = sender(settings).unwrap_or_default();
    for (name, (n, _)) in settings {
        let of = ["smtp-auth-user-", "smtp-auth-password-"].iter().find_map(|key| name.strip_prefix(key));
        if of.is_some_and(|of| of.contains('@') && of != from) {
            imported.leave_out(*n, &crate::outcome::clean(name), "it is for another sender than from names");
        }
    }
}

/// Finds user and password, in the names of either mode, unless the URL has them.
fn log_in(settings: &Settings, account: &mut Account) {
    let host = account.host.clone();
    let user = account.user.take().or_else(|| of_sender(settings, "smtp-auth-user"));
    let user = user.or_else(|| at_host(settings, "user", &host));
    let password = of_sender(settings, "smtp-auth-password");
    account.user = user.or_else(|| sender(settings).filter(|_| password.is_some()));
    let user = account.user.as_deref().unwrap_or_default();
    let password = password.or_else(|| of_login(settings, "password", user, &host));
    account.password = account.password.take().or(password.map(|password| Password::from(password.as_str())));
}

/// The value of a setting that has one.
fn text(settings: &Settings, name: &str) -> Option<String> {
    settings.get(name).map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
}

/// The value for a host: that of `name-host`, else that of `name`.
fn at_host(settings: &Settings, name: &str, host: &str) -> Option<String> {
    text(settings, &format!("{name}-{host}")).or_else(|| text(settings, name))
}

/// The value for a login: that of `name-user@host`, else that for the host.
fn of_login(settings: &Settings, name: &str, user: &str, host: &str) -> Option<String> {
    text(settings, &format!("{name}-{user}@{host}")).or_else(|| at_host(settings, name, host))
}

/// The line and the setting by which a certificate was not looked at, or only for a warning; the setting may be for one
/// host or login.
fn unchecked(settings: &Settings, name: &str) -> Option<(usize, String)> {
    let is_named = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let (_, (n, value)) = settings.iter().find(|(known, (_, value))| is_named(known) && value != "strict")?;
    Some((*n, format!("{name}={}", if value == "warn" { "warn" } else { "ignore" })))
}

/// `smtps://user:password@host:465`, `submissions://`, `smtp://`, `submission://`, or `host:25` without a scheme.
fn from_url(n: usize, text: &str, imported: &mut Imported) -> Option<Account> {
    let whole = if text.contains("://") { text.to_string() } else { format!("smtp://{text}") };
    let url = Url::parse(&whole).ok().filter(Url::has_host);
    let Some((url, host)) = url.as_ref().and_then(|url| Some((url, url.host_str()?))) else {
        imported.note(n, "the smarthost is left out: this is no URL of one");
        return None;
    };
    let tls = match url.scheme() {
        "smtps" | "submissions" => Tls::Implicit,
        "smtp" => Tls::None,
        "submission" => Tls::StartTls,
        _ => {
            imported.note(n, "the smarthost is left out: only SMTP is spoken");
            return None;
        }
    };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(Account {
        host: host.trim_matches(['[', ']']).to_string(),
        port: url.port(),
        tls,
        user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
        password: url.password().map(|password| Password::from(decoded(password).as_str())),
        plain_at: n,
        ..Account::default()
    })
}

/// `socks5://host:port` with the port that SOCKS has without one.
fn socks(text: &str) -> String {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    let (host, port) = host_and_port(text);
    format!("{host}:{}", port.unwrap_or(1080))
}

/// The name for the greeting: s-nail's smtp-hostname, or hostname of both.
fn greeting(settings: &Settings, imported: &mut Imported) -> Option<String> {
    let named = ["smtp-hostname", "hostname"].into_iter().find_map(|key| Some((key, settings.get(key)?)));
    let (key, (n, name)) = named.filter(|(_, (_, name))| !name.is_empty())?;
    imported.greeting(*n, key, name)
}

/// A login is meant where a user, a password or a method of logging in is set.
fn expect_login(settings: &Settings, imported: &mut Imported) {
    for key in ["smtp-auth-user", "smtp-auth-password", "smtp-auth", "netrc-lookup"] {
        let is_none = |value: &str| key == "smtp-auth" && value == "none";
        if let Some((n, _)) = settings.get(key).filter(|(_, value)| !is_none(value)) {
            imported.expect_login(*n, key);
        }
    }
}

fn mechanism_of(settings: &Settings, asked: Option<&str>, imported: &mut Imported) -> Option<&'static str> {
    let found = mechanism(asked?);
    if found.is_none() {
        let n = settings.get("smtp-auth").map_or(0, |(n, _)| *n);
        imported.leave_out(n, "smtp-auth", "that method is not spoken: the best of what is offered is used");
    }
    found
}

/// The reason why a setting about sending is left out; `None` for one that is read, or that is about reading mail.
fn why(name: &str) -> Option<&'static str> {
    match name {
        "nss-config-dir" | "ssl-ca-dir" | "tls-ca-dir" => Some("the system's certificates are trusted, or one ca-file"),
        "record" | "outfolder" => Some("no copy of a mail is kept"),
        "sendmail" | "sendmail-arguments" | "mta-arguments" => Some("mailx-t takes the place of that program"),
        "tls-config-pairs" | "ssl-method" | "ssl-cipher-list" => Some("TLS is set up by the system's library"),
        "netrc-lookup" => Some("the password has to stand in password-file: .netrc is not read"),
        "replyto" | "reply-to" | "sender" | "smime-sign" | "autocc" | "autobcc" | "signature" => {
            Some("it changes what a mail says: give it with each mail")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_outside_of_accounts_are_those_of_mail_itself() {
        let text = "# x\nset from=\"Robot <r@x.org>\" replyto=a@x.org \\\n  asksub\naccount work {\n set from=w@x.org\n}\n\
                    set reply-to=b@x.org\nunset replyto\n";
        let found = startup(text).variables;
        assert_eq!(found.get("from").map(String::as_str), Some("Robot <r@x.org>"));
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["asksub", "from", "reply-to"]);
    }
}
