//! The relay's part of `ctl check`: tries each smarthost up to the mail itself, with a line for each step. No mail is
//! sent: the envelope is offered and taken back, since many providers refuse a sender only there.

use std::io::Write;
use std::time::Duration;

use super::findings::{Findings, Form};
use super::{Reach, mails};
use crate::config::Config;
use crate::error::Error;
use crate::outcome::Stage;
use crate::relay::{
    Capabilities, Certificate, Client, Credentials, Dialogue, Fingerprint, Session, Smarthost, Tls, Trouble,
};
use crate::spool::Spool;
use crate::system;

/// A certificate that ends sooner should have been renewed by now, in days.
const SOON: i32 = 14;

/// A person who looks on does not wait as long as a mail waits for an answer by RFC 5321 section 4.5.3.2.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tries every smarthost and writes a line for each step. `dialogue` says whether stderr shows the dialogue with them.
///
/// # Errors
/// [`Error::Check`] if anything is wrong, [`Error::Output`] if that cannot be told.
pub(crate) fn run(
    config: &Config,
    reach: Reach,
    dialogue: Dialogue,
    form: Form,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let client = client(config, dialogue);
    let mut findings = Findings::new(form, out);
    let mut kept_back = mails::kept_back(&Spool::new(config.spool_path()));
    for smarthost in config.smarthosts.iter() {
        // The mails wait for what is in the way now, most likely: one line for one cause.
        match try_one(config, smarthost, reach, &client, &mut findings)? {
            Some(fault) if reach == Reach::Online => match kept_back.take() {
                Some((mails, _)) => findings.fail(&format!("{fault}; {mails}: mend that, then run mailx-t -q"))?,
                None => findings.fail(&fault)?,
            },
            Some(fault) => findings.fail(&fault)?,
            None => {}
        }
    }
    if let Some((mails, reason)) = kept_back {
        findings.fail(&format!("queue: {mails}: {reason}: mend that, then run mailx-t -q"))?;
    }
    findings.conclude()
}

/// Tries a smarthost and writes a line for each step that went well. Returns the fault at which it stopped.
fn try_one(
    config: &Config,
    smarthost: &Smarthost,
    reach: Reach,
    client: &Client,
    findings: &mut Findings<'_>,
) -> Result<Option<String>, Error> {
    if let Some(why) = smarthost.forbidden_login() {
        return Ok(Some(format!("smarthost {smarthost}: no login: {why}")));
    }
    if reach == Reach::Offline && smarthost.refresh_token_file.is_some() {
        return match Credentials::check_offline(smarthost) {
            Ok(()) => done(findings.ok(&format!("smarthost {smarthost}: refresh token found, not tried"))),
            Err(error) => Ok(Some(error.to_string())),
        };
    }
    let credentials = match Credentials::read(smarthost, client) {
        Ok(credentials) => credentials,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let login = match smarthost.login() {
        Some(user) => format!("login of {user}"),
        None => "no login".to_string(),
    };
    if reach == Reach::Offline {
        return done(findings.ok(&format!("smarthost {smarthost}: password for the {login} found, not tried")));
    }
    let mut session = match Session::open(&with_own_login(smarthost), credentials.as_ref(), client) {
        Ok(session) => session,
        Err(trouble) => {
            let pin = pin_for(smarthost, &trouble, client).unwrap_or_default();
            return Ok(failed(smarthost, &trouble, findings)?.map(|fault| fault + &pin));
        }
    };
    findings.ok(&format!("smarthost {}: connected", session.relay()))?;
    if let Some(certificate) = session.certificate() {
        judge(&certificate, session.tls_agreed().as_deref(), findings)?;
    }
    findings.ok(&format!("EHLO offers {}", offered(session.capabilities())))?;
    findings.ok(&login)?;
    let own = smarthost.account().filter(|_| !smarthost.match_from.is_empty());
    let account = own.as_ref().unwrap_or(&config.account);
    let probed = session.probe(account, account);
    session.quit();
    match probed {
        Ok(()) => done(findings.ok(&format!("mail from {account} would be taken; none was sent"))),
        Err(trouble) => Ok(Some(trouble.sentence)),
    }
}

/// The line is written, and there is no fault.
fn done(written: Result<(), Error>) -> Result<Option<String>, Error> {
    written.map(|()| None)
}

/// The SHA-256 of a certificate whose issuer nobody here knows, and how to pin it. A session that wants another one
/// ends before anything is sent, and tells what it saw.
fn pin_for(smarthost: &Smarthost, trouble: &Trouble, client: &Client) -> Option<String> {
    if !trouble.is_about_issuer() {
        return None;
    }
    let other = Fingerprint::try_from(format!("sha256:{}", "0".repeat(64))).ok();
    let looking = Smarthost { fingerprint: other, ca_file: None, ..with_own_login(smarthost) };
    let seen = Session::open(&looking, None, client).err()?.sentence;
    let pin: String = seen.split_once("sha256:")?.1.chars().take(64).collect();
    Some(format!(
        "; its SHA-256 is sha256:{pin}: if its owner confirms that, fingerprint = \"sha256:{pin}\" in [smarthost] pins it"
    ))
}

/// The SMTP client while a person looks on.
fn client(config: &Config, dialogue: Dialogue) -> Client {
    let tokens = Spool::new(config.spool_path()).state();
    Client { patience: Some(PATIENCE), dialogue, tokens: Some(tokens), ..Client::named(&system::host_name()) }
}

/// The settings of the smarthost, with the login before any mail: no mail follows that it could go with.
fn with_own_login(smarthost: &Smarthost) -> Smarthost {
    Smarthost { auth_in_group: false, ..smarthost.clone() }
}

/// The steps that went well before the one that did not.
fn failed(smarthost: &Smarthost, trouble: &Trouble, findings: &mut Findings<'_>) -> Result<Option<String>, Error> {
    if let Some(relay) = &trouble.relay {
        findings.ok(&format!("smarthost {relay}: connected"))?;
    }
    let is_past_tls = matches!(trouble.stage, Stage::Auth | Stage::Ehlo)
        || (trouble.stage == Stage::Greeting && smarthost.tls == Tls::Implicit);
    if is_past_tls && trouble.relay.is_some() && smarthost.tls != Tls::None {
        findings.ok("TLS and certificate")?;
    }
    Ok(Some(trouble.sentence.clone()))
}

/// The TLS that was agreed upon, and the days for which the certificate is good.
fn judge(certificate: &Certificate, agreed: Option<&str>, findings: &mut Findings<'_>) -> Result<(), Error> {
    let Certificate { subject, issuer, not_after, days_left } = certificate;
    if *days_left < SOON {
        let text =
            format!("the certificate of {subject} ends in {days_left} days, at {not_after}: its owner must renew it");
        findings.note(&text)?;
    }
    let tls = agreed.map_or("TLS".to_string(), |agreed| format!("TLS ({agreed})"));
    findings.ok(&format!("{tls}, certificate for {subject} by {issuer}, good for {days_left} days"))
}

/// The extensions under their own names.
fn offered(capabilities: &Capabilities) -> String {
    let size = match capabilities.largest_mail() {
        Some(limit) => format!("SIZE {limit}"),
        None => "SIZE".to_string(),
    };
    let words = [
        (capabilities.pipelining, "PIPELINING"),
        (capabilities.chunking, "CHUNKING"),
        (capabilities.eight_bit_mime, "8BITMIME"),
        (capabilities.smtputf8, "SMTPUTF8"),
        (capabilities.dsn, "DSN"),
        (capabilities.size.is_some(), size.as_str()),
    ];
    let mut offered: Vec<&str> = words.iter().filter(|(is_there, _)| *is_there).map(|(_, word)| *word).collect();
    let auth = format!("AUTH {}", capabilities.auth.join(" "));
    if !capabilities.auth.is_empty() {
        offered.push(&auth);
    }
    if offered.is_empty() { "nothing".to_string() } else { offered.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Source;

    #[test]
    fn nobody_who_looks_on_waits_for_minutes() {
        let text = "[smarthost]\nhost = \"smtp.example.com\"\nuser = \"me@example.com\"\n";
        let path = Path::new("/config.toml");
        let config = Config::of(path, text, Source::User(path.to_path_buf())).unwrap();
        assert!(config.smarthosts.first().timeout > PATIENCE);
        assert_eq!(client(&config, Dialogue::Hidden).patience, Some(PATIENCE));
    }
}
