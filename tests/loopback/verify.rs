//! `sendmail -bv` says where addresses lead, and does nothing else.

use std::fs;

use crate::smarthost::Smarthost;
use crate::support::Machine;
use crate::support::machine::DEFAULT;

fn machine() -> Machine {
    let machine = Machine::with(Smarthost::new(), "");
    fs::write(machine.path("aliases"), "root: al, ops@elsewhere.test\nal: al@corp.test\nloop: loop\n").unwrap();
    machine
}

/// The output of `-bv`; nothing was sent for it.
fn answer(machine: &Machine, arguments: &[&str], stdin: &str) -> (Option<i32>, String) {
    let ran = machine.run("sendmail", &[&["-bv"], arguments].concat(), stdin.as_bytes());
    assert!(machine.smarthost().connections().is_empty() && machine.mail_files().is_empty());
    (ran.status, ran.stdout)
}

/// The line about an address, which scripts parse.
fn deliverable(machine: &Machine, address: &str) -> String {
    let host = machine.smarthost().host();
    format!("{address}... deliverable: mailer relay, host {host}, user {address}\n")
}

#[test]
fn each_alias_shows_as_a_step() {
    let machine = machine();
    let (status, told) = answer(&machine, &["root", "x@corp.test"], "");
    let steps = "root... aliased to al, ops@elsewhere.test\nal... aliased to al@corp.test\n";
    let ends = ["al@corp.test", "ops@elsewhere.test", "x@corp.test"].map(|address| deliverable(&machine, address));
    assert_eq!((status, told), (Some(0), format!("{steps}{}", ends.concat())));
}

#[test]
fn name_that_no_alias_knows_goes_to_the_default() {
    let machine = machine();
    let (status, told) = answer(&machine, &["nosuch"], "");
    let step = format!("nosuch... has no alias, goes to the default: {DEFAULT}\n");
    assert_eq!((status, told), (Some(0), step + &deliverable(&machine, DEFAULT)));
}

#[test]
fn mailto_of_cron_is_followed() {
    let machine = machine();
    let (status, told) = answer(&machine, &["-t"], "Subject: x\nX-Cron-Env: <MAILTO=al>\n\nbody\n");
    let steps = "cron's MAILTO... names al\nal... aliased to al@corp.test\n";
    assert_eq!((status, told), (Some(0), steps.to_string() + &deliverable(&machine, "al@corp.test")));
}

#[test]
fn what_is_no_address_is_an_unknown_user() {
    let machine = machine();
    let (status, told) = answer(&machine, &["", "x@corp.test"], "");
    assert_eq!((status, told), (Some(67), "... User unknown\n".to_string() + &deliverable(&machine, "x@corp.test")));
    assert_eq!(answer(&machine, &[], "").0, Some(64));
}
