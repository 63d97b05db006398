//! dma.conf of the DragonFly Mail Agent, with auth.conf beside it: `KEY value` or a lone `KEY`.

use super::files::{Files, lines};
use super::imported::{Account, Imported, Password};
use crate::relay::Tls;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    // dma's own default is port 25 (dma.conf, PORT).
    let mut account = Account { tls: Tls::None, ..Account::default() };
    let (mut is_secure, mut is_starttls, mut is_verified) = (false, false, false);
    let mut auth_file = "auth.conf".to_string();
    for (n, line) in files.lines() {
        let (key, value) = line.split_once(char::is_whitespace).map_or((line, ""), |(key, value)| (key, value.trim()));
        match key.to_ascii_uppercase().as_str() {
            "SMARTHOST" => {
                account.host = value.to_string();
                account.plain_at = n;
            }
            "PORT" => account.port = value.parse().ok(),
            "ALIASES" => imported.aliases_file = Some(value.to_string()),
            "AUTHPATH" => auth_file = value.to_string(),
            "SECURETRANSFER" => is_secure = true,
            "STARTTLS" => is_starttls = true,
            "VERIFYCERT" => is_verified = true,
            "FINGERPRINT" => account.fingerprint = Some(value.to_string()),
            "MASQUERADE" if value.contains('@') => imported.set_from(n, value),
            "MASQUERADE" => {
                imported.left_out(n, key, "it names no whole address: say --sender ADDRESS for the one to send as")
            }
            "OPPORTUNISTIC_TLS" => imported.left_out(n, key, "STARTTLS is never done without"),
            "CERTFILE" => account.client_cert = Some(value.to_string()),
            "SECURE" | "INSECURE" => imported.left_out(n, key, "a login is never sent without TLS"),
            "MAILNAME" => imported.left_out(n, key, "the name for the greeting is the machine's"),
            "DEFER" => imported.left_out(n, key, "a mail is tried at once, -odq leaves it to the next queue run"),
            "SPOOLDIR" => imported.left_out(n, key, "our spool has another form; path in [spool] is its place"),
            "BOUNCEBACK" | "FULLBOUNCE" | "NULLCLIENT" => imported.left_out(n, key, "it is so here"),
            _ => imported.unknown(n),
        }
    }
    if is_secure {
        account.tls = if is_starttls { Tls::StartTls } else { Tls::Implicit };
        account.port = account.port.or(Some(25)).filter(|_| is_starttls).or(account.port);
    }
    if is_secure && !is_verified && account.fingerprint.is_none() {
        account.unchecked = Some((0, "the missing VERIFYCERT".to_string()));
    }
    log_in(files, imported, &mut account, &auth_file);
    if !account.host.is_empty() {
        imported.add_account(account);
    }
}

/// auth.conf: `user|smarthost:password`.
fn log_in(files: &Files, imported: &mut Imported, account: &mut Account, name: &str) {
    let Some((path, text)) = files.named(name) else { return };
    for (n, line) in lines(&text) {
        let found = line.split_once('|').and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
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
