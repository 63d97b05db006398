//! Something must try again and take in what users leave: the units of systemd, the line of cron, or the daemon.
//! Without them a mail that cannot leave now waits for the next caller.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::findings::Findings;
use crate::error::Error;
use crate::spool::Spool;

/// systemd runs this machine.
const SYSTEMD: &str = "/run/systemd/system";
/// The line of cron, at the place that README gives it.
const CRON: &str = "/etc/cron.d/mailx-t";
/// The units that README enables, each with the target that then wants it.
const UNITS: [(&str, &str); 2] =
    [("mailx-t-relay.timer", "timers.target.wants"), ("mailx-t-relay.path", "multi-user.target.wants")];

/// Notes that nobody tries again.
pub(super) fn look(spool: &Spool, findings: &mut Findings<'_>) -> Result<(), Error> {
    if Path::new(CRON).exists() || is_served(spool) {
        return Ok(());
    }
    if !Path::new(SYSTEMD).exists() {
        return findings.note(&format!(
            "retries: nobody tries again and takes in mail of users: neither {CRON} nor a daemon (sendmail -bd -q5m) is there"
        ));
    }
    let off: Vec<&str> = UNITS.iter().filter(|(unit, wanted)| !is_on(unit, wanted)).map(|(unit, _)| *unit).collect();
    if off.is_empty() {
        return Ok(());
    }
    let units = off.join(" ");
    findings.note(&format!("retries: off, so mail waits for the next caller: systemctl enable --now {units}"))
}

/// A daemon serves the spool: it holds that lock.
fn is_served(spool: &Spool) -> bool {
    spool.be_daemon().is_ok_and(|daemon| daemon.is_none())
}

fn is_on(unit: &str, wanted: &str) -> bool {
    let mut asked = Command::new("systemctl");
    asked.args(["is-active", "--quiet", unit]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match asked.status().ok().and_then(|status| status.code()) {
        Some(0) => true,
        // systemctl(1), "EXIT STATUS": not active, or no such unit.
        Some(3 | 4) => false,
        // It could not be asked.
        _ => fs::symlink_metadata(Path::new("/etc/systemd/system").join(wanted).join(unit)).is_ok(),
    }
}
