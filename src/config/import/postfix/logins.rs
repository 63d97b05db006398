//! smtp_sasl_password_maps: the logins by host, and by sender where Postfix is told to look there first.

use super::super::account::{Account, Password};
use super::super::files::Files;
use super::super::imported::Imported;
use super::super::words::host_and_port;
use super::main_cf::Settings;
use super::maps::{self, Row};

const MAPS: &str = "smtp_sasl_password_maps";
const SWITCH: &str = "smtp_sasl_auth_enable";

pub(super) struct Logins {
    rows: Vec<Row>,
    /// The login of a sender comes before that of the host.
    pub(super) are_by_sender: bool,
}

impl Logins {
    /// Reads the tables, unless Postfix is told not to log in.
    pub(super) fn of(files: &Files, settings: &Settings, imported: &mut Imported) -> Self {
        let are_by_sender = settings.is_on("smtp_sender_dependent_authentication");
        let maps = settings.at(MAPS);
        match (settings.at(SWITCH), maps) {
            (Some(_), _) if settings.is_on(SWITCH) => {
                imported.expect_login(settings.line(SWITCH), SWITCH);
            }
            (Some((n, _)), _) => {
                if maps.is_some() {
                    imported.leave_out(n, MAPS, &format!("{SWITCH} is off, so Postfix did not log in"));
                }
                return Self { rows: Vec::new(), are_by_sender };
            }
            (None, Some((n, _))) => {
                imported.expect_login(n, MAPS);
                imported.note(n, &format!("mailx-t logs in; Postfix did not, since {SWITCH} is not set"));
            }
            (None, None) => {}
        }
        Self { rows: maps::rows(files, settings, imported, MAPS), are_by_sender }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The login for a host as the settings write it. Postfix asks for the bare name first.
    pub(super) fn log_in_at(&self, hub: &str, account: &mut Account) {
        if let Some(row) = maps::find(&self.rows, &[&host_and_port(hub).0, hub]) {
            log_in(row, account);
        }
    }

    /// Puts the login of a sender into the account, if there is one; `true` then.
    pub(super) fn log_in_as(&self, sender: &str, account: &mut Account) -> bool {
        let row = of_sender(&self.rows, sender).filter(|_| self.are_by_sender);
        row.map(|row| log_in(row, account)).is_some()
    }
}

/// `user:password`; a user without a colon has an empty password, which is none.
fn log_in(row: &Row, account: &mut Account) {
    let (user, password) = row.value.split_once(':').unwrap_or((&row.value, ""));
    account.user = Some(user.trim().to_string()).filter(|user| !user.is_empty());
    account.password = Some(password.trim()).filter(|text| !text.is_empty()).map(Password::from);
}

/// The row for a sender: that of the whole address, else that of its domain (canonical(5)).
pub(super) fn of_sender<'a>(rows: &'a [Row], sender: &str) -> Option<&'a Row> {
    let domain = sender.rfind('@').map_or(sender, |at| &sender[at..]);
    maps::find(rows, &[sender, domain])
}
