//! In the relay: credentials, connection and login, one line each; no mail is sent.

use std::io::Write;

use crate::config::Config;
use crate::error::{Error, Findings};
use crate::relay::{Credentials, Session, Smarthost};
use crate::system;

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what lies on this machine: the credentials.
    Offline,
    /// Connection and login too.
    Online,
}

/// Tries every smarthost and writes a line for each step.
///
/// # Errors
/// [`Error::Check`] if anything is wrong, [`Error::Output`] if that cannot be told.
pub fn run(config: &Config, reach: Reach, out: &mut dyn Write) -> Result<(), Error> {
    let mut findings = 0;
    for smarthost in config.smarthosts() {
        let line = match try_one(smarthost, reach) {
            Ok(line) => format!("ok    {line}"),
            Err(line) => {
                findings += 1;
                format!("FAIL  {line}")
            }
        };
        writeln!(out, "{line}").map_err(Error::Output)?;
    }
    if findings > 0 { Err(Error::Check(Findings(findings))) } else { Ok(()) }
}

fn try_one(smarthost: &Smarthost, reach: Reach) -> Result<String, String> {
    let credentials = Credentials::read(smarthost).map_err(|error| error.to_string())?;
    let login = match smarthost.login() {
        Some(user) => format!("login of {user}"),
        None => "no login".to_string(),
    };
    if reach == Reach::Offline {
        return Ok(format!("smarthost {smarthost}: password for the {login} found, not tried"));
    }
    let session = Session::open(smarthost, credentials.as_ref(), &system::host_name()).map_err(|t| t.to_string())?;
    let relay = session.relay().to_string();
    session.quit();
    Ok(format!("smarthost {relay}: connection, certificate and {login}"))
}
