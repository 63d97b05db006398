//! The settings that were read, written as our configuration and as the password files that it names.

use std::path::{Path, PathBuf};

use lettre::Address;

use super::account::{Account, ByHand, Password};
use super::error::Error;
use super::imported::Imported;
use super::tables::{
    FileTable, LogTable, RecipientsTable, RetryTable, RewriteTable, SmarthostTable, SmarthostTables, SpoolTable,
};
use super::words::{for_shell, length};
use crate::config::{Config, Source};
use crate::relay::{Fingerprint, Smarthost, Tls};

/// Our configuration and what it needs beside it.
#[derive(Debug)]
pub struct Written {
    /// The text of the configuration file.
    pub config: String,
    /// The password files that it names, with the passwords that were found.
    pub(crate) passwords: Vec<(PathBuf, Option<Password>)>,
    /// The sentence about a login that the other mailer had, and this configuration has not.
    pub(crate) lost_login: Option<String>,
}

/// Writes our configuration, for a file at `target`, and has our own reader judge it.
///
/// # Errors
/// [`Error::NoSmarthost`], [`Error::NoSender`] or [`Error::Unusable`]: a configuration needs more than was read.
pub fn write(imported: &mut Imported, target: &Path) -> Result<Written, Error> {
    look_at_certificates(imported);
    let path = imported.path.clone();
    let Some(first) = imported.accounts.first() else { return Err(Error::NoSmarthost(path)) };
    let is_address = |text: &String| text.parse::<Address>().is_ok();
    if imported.from.is_none() && !first.user.as_ref().is_some_and(is_address) {
        return Err(Error::NoSender(path));
    }
    let files = password_files(imported, target);
    let config = match text(imported, &files) {
        Ok(config) => config,
        Err(source) => return Err(Error::Unwritable { path, source }),
    };
    if let Err(error) = Config::of(target, &config, Source::System(target.to_path_buf())) {
        return Err(Error::Unusable { path, source: Box::new(error) });
    }
    Ok(Written { config, passwords: passwords(imported, files), lost_login: imported.lost_login() })
}

/// Leaves out fingerprints that are none. If the other mailer looked at no certificate, a note says how to name the
/// right one.
fn look_at_certificates(imported: &mut Imported) {
    let mut sentences = Vec::new();
    for account in &mut imported.accounts {
        let read = |text: &String| Fingerprint::try_from(format!("sha256:{}", text.trim())).ok();
        let is_none = account.fingerprint.as_ref().is_some_and(|text| read(text).is_none());
        if is_none {
            sentences.push((0, "the fingerprint is left out: it is not the SHA-256 of a certificate".to_string()));
        }
        account.fingerprint = account.fingerprint.as_ref().and_then(read).map(|found| found.to_string());
        if let (Some((line, setting)), None) = (&account.unchecked, &account.fingerprint) {
            sentences.push((*line, refusal(setting, account)));
        }
    }
    sentences.iter().for_each(|(line, sentence)| imported.note(*line, sentence));
}

/// The sentence about a mailer that took any certificate: it asks for the one that was meant.
fn refusal(setting: &str, account: &Account) -> String {
    // Only a name may go into a line for the shell.
    if !account.host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
    {
        return format!(
            "{setting} is not carried over: the certificate will be looked at, and the host is no host name"
        );
    }
    let mut smarthost = Smarthost::new(&account.host);
    (smarthost.port, smarthost.tls) = (account.port, account.tls);
    let starttls = if account.tls == Tls::StartTls { " -starttls smtp" } else { "" };
    format!(
        "{setting} is not carried over: the certificate of {} will be looked at. Should it not pass, pin it: \
         fingerprint = \"sha256:...\" in [smarthost], with the digits of: openssl s_client -connect \
         {smarthost}{starttls} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
        account.host
    )
}

/// The password file of each smarthost, beside `target`; `None` for one that wants no file. Senders who share a login
/// share its file. A note tells of each file whose password was not found.
fn password_files(imported: &mut Imported, target: &Path) -> Vec<Option<PathBuf>> {
    let name = |n: usize| if n == 0 { "password".to_string() } else { format!("password-{}", n + 1) };
    let accounts = &imported.accounts;
    let owner = |account: &Account| accounts.iter().position(|other| share_login(other, account));
    let file = |(n, account): (usize, &Account)| {
        wants_file(account).then(|| target.with_file_name(name(owner(account).unwrap_or(n))))
    };
    let files: Vec<Option<PathBuf>> = accounts.iter().enumerate().map(file).collect();
    for (n, path) in files.iter().enumerate() {
        let Some(path) = path.as_ref().filter(|_| imported.accounts[n].password.is_none()) else { continue };
        let (line, sentence) = match &imported.accounts[n].by_hand {
            Some(command) => (command.line, to_run(command, &imported.accounts[n], path)),
            None => (0, format!("the password was not found: put it on the first line of {}", path.display())),
        };
        imported.note_last(line, &sentence);
    }
    files
}

/// The sentence about a command that a person has to run for the password.
fn to_run(command: &ByHand, account: &Account, file: &Path) -> String {
    let (setting, shown) = (command.setting, file.display());
    if matches!(account.auth, Some("oauthbearer" | "xoauth2")) {
        return format!(
            "{setting} is not copied: it may hold a secret or need a person's keyring, agent or environment, and \
             prints a token that expires: set token-command to a command that the service can run, or client-id and \
             refresh-token-file"
        );
    }
    let quoted = for_shell(&shown.to_string());
    // The file is there by then, and closed; writing into it leaves it so.
    let into = if file.starts_with("/etc") { format!("| sudo tee {quoted} >/dev/null") } else { format!(">{quoted}") };
    let line = command.run.as_ref().map_or(String::new(), |run| format!(": {run} {into}"));
    format!(
        "{setting} is not copied: it may hold a secret or need a person's keyring, agent or environment. After \
         --write, run it once as the user it belongs to, and put its output into the password-file {shown}{line}"
    )
}

fn wants_file(account: &Account) -> bool {
    account.user.is_some() && account.password_command.is_none() && account.auth != Some("none")
}

fn share_login(one: &Account, other: &Account) -> bool {
    one.password.is_some() && (&one.user, &one.password) == (&other.user, &other.password)
}

/// The password files, each once, with the passwords that were found.
fn passwords(imported: &Imported, files: Vec<Option<PathBuf>>) -> Vec<(PathBuf, Option<Password>)> {
    let pairs = files.into_iter().zip(&imported.accounts);
    let mut passwords: Vec<_> = pairs.filter_map(|(path, account)| Some((path?, account.password.clone()))).collect();
    passwords.dedup();
    passwords
}

/// The text of the configuration file.
fn text(imported: &Imported, password_files: &[Option<PathBuf>]) -> Result<String, toml::ser::Error> {
    let head = format!(
        "# Made from the settings of {} by mailx-t ctl import. All keys: docs/configuration.md.\n\
         # Afterwards: mailx-t ctl check\n\n",
        imported.kind.name()
    );
    Ok(head + &toml::to_string(&file(imported, password_files))?)
}

fn file(imported: &Imported, password_files: &[Option<PathBuf>]) -> FileTable {
    let user = imported.accounts.first().and_then(|account| account.user.as_ref());
    FileTable {
        smarthost: smarthosts(imported, password_files),
        rewrite: RewriteTable {
            from: imported.from.clone().filter(|from| Some(from) != user),
            domain: imported.domain.clone(),
        },
        recipients: RecipientsTable {
            default: Some(imported.default.clone()).filter(|addresses| !addresses.is_empty()),
            aliases_file: imported.aliases_file.clone(),
            aliases: imported.aliases.clone(),
        },
        spool: SpoolTable { max_message_size: imported.max_message_size.map(|bytes| format!("{bytes} B")) },
        retry: RetryTable {
            first: imported.retry.first.map(length),
            max: imported.retry.max.map(length),
            give_up_after: imported.retry.give_up_after.map(length),
        },
        log: LogTable { target: imported.log.clone(), name: imported.log_name.clone() },
    }
}

fn smarthosts(imported: &Imported, password_files: &[Option<PathBuf>]) -> SmarthostTables {
    let pairs = imported.accounts.iter().zip(password_files);
    let tables: Vec<SmarthostTable> = pairs.map(|(account, file)| smarthost(account, file.clone())).collect();
    match <[SmarthostTable; 1]>::try_from(tables) {
        Ok([only]) => SmarthostTables::One(Box::new(only)),
        Err(several) => SmarthostTables::Many(several),
    }
}

fn smarthost(account: &Account, password_file: Option<PathBuf>) -> SmarthostTable {
    let is_ipv6 = account.host.contains(':');
    SmarthostTable {
        host: if is_ipv6 { format!("[{}]", account.host) } else { account.host.clone() },
        port: account.port,
        tls: match account.tls {
            Tls::Implicit => "implicit",
            Tls::None => "none",
            Tls::StartTls => "starttls",
        },
        user: account.user.clone(),
        password_file,
        password_command: account.password_command.clone(),
        auth: account.auth,
        ca_file: account.ca_file.clone(),
        fingerprint: account.fingerprint.clone(),
        client_cert: account.client_cert.clone(),
        client_key: account.client_key.clone(),
        proxy: account.proxy.as_ref().map(|proxy| format!("socks5://{proxy}")),
        source_address: account.source_address.map(|address| address.to_string()),
        from: account.from.clone(),
        match_from: account.match_from.clone(),
        timeout: account.timeout.map(length),
        connect_timeout: account.connect_timeout.map(length),
        ehlo: account.ehlo.clone(),
        rate: account.rate.clone(),
        max_connections: account.max_connections,
        per_connection: account.per_connection,
    }
}
