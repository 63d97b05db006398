//! nullmailer: the file `remotes` (`host protocol options`), and the small files beside it that hold one setting each.

use super::account::{Account, Password};
use super::files::{Files, lines};
use super::imported::{Imported, Retry};
use super::words::{host_name, is_system_bundle, unquoted, words};
use crate::relay::Tls;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    for (n, line) in files.lines() {
        let words = words(line);
        let mut words = words.iter().map(String::as_str);
        let host = words.next().unwrap_or_default().to_string();
        match words.next() {
            None | Some("smtp") => add_remote(imported, n, host, words),
            Some(_) => imported.note(n, "the remote is left out: only SMTP is spoken"),
        }
    }
    read_beside(files, imported);
}

fn add_remote<'a>(imported: &mut Imported, n: usize, host: String, options: impl Iterator<Item = &'a str>) {
    let mut account = Account { host, tls: Tls::None, plain_at: n, ..Account::default() };
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = unquoted(value);
        match name.trim_start_matches('-') {
            "port" | "p" => account.port = imported.port(n, value),
            "user" | "u" => account.user = Some(value.to_string()),
            "pass" => {
                imported.expect_login(n, "--pass");
                account.password = Some(Password::from(value));
            }
            "ssl" | "tls" => account.tls = Tls::Implicit,
            "starttls" => account.tls = Tls::StartTls,
            "auth-login" => account.auth = Some("login"),
            "x509cafile" if is_system_bundle(value) => {}
            "x509cafile" => account.ca_file = Some(value.to_string()),
            "insecure" => account.unchecked = Some((n, "--insecure".to_string())),
            "x509certfile" => account.client_cert = Some(value.to_string()),
            "x509keyfile" => account.client_key = Some(value.to_string()),
            "x509fmtder" => {
                imported.leave_out(n, name, "certificates are in PEM form here: turn it with openssl x509 -inform DER")
            }
            "x509crlfile" => imported.leave_out(n, name, "certificates are judged by the system's library alone"),
            "source" => account.source_address = imported.source_address(n, value),
            _ => imported.leave_out_unknown(n),
        }
    }
    // nullmailer's own default is 25, unless TLS begins at once.
    account.port = account.port.or((account.tls == Tls::StartTls).then_some(25));
    imported.add_account(account);
}

/// Reads the files beside it, of which each holds one setting.
fn read_beside(files: &Files, imported: &mut Imported) {
    let read = |name: &str| {
        let (path, text) = files.named(name).ok()?;
        let value = lines(&text).next().map(|(_, line)| line.to_string())?;
        Some((path, value))
    };
    let administrator = read("adminaddr");
    if let Some((_, address)) = &administrator {
        imported.add_default(0, address);
    }
    if let Some((_, address)) = read("allmailfrom") {
        imported.set_from(0, &address);
    }
    // Without an administrator's address mail for bare names went to the domain.
    if administrator.is_none() {
        imported.domain = read("defaulthost").or_else(|| read("me")).map(|(_, value)| value);
    }
    if let Some((path, name)) = read("helohost") {
        let ehlo = host_name(&name);
        if ehlo.is_none() {
            imported.note_in(&path, 0, "left out: a server takes a name with a dot only, and the machine's is told");
        }
        imported.accounts.iter_mut().for_each(|account| account.ehlo.clone_from(&ehlo));
    }
    let seconds = |name: &str| read(name).and_then(|(_, value)| value.parse::<u64>().ok()).filter(|n| *n > 0);
    imported.retry =
        Retry { first: seconds("pausetime"), max: seconds("maxpause"), give_up_after: seconds("queuelifetime") };
    for (name, why) in [
        ("doublebounceto", "a report that cannot be delivered stays in failed/"),
        ("bounceto", "a report goes to the sender, or who gets that user's mail"),
        ("sendtimeout", "each step of the dialogue has timeout of [smarthost]"),
    ] {
        if let Some((path, _)) = read(name) {
            imported.note_in(&path, 0, &format!("left out: {why}"));
        }
    }
}
