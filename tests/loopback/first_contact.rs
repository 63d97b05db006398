//! The first mail to a smarthost that nothing is known of: what a mail holds goes only where no command is read.

use crate::smarthost::{Act, HANG, On, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, USER};

/// The lines of a job that would be a mail of their own to a server that reads them as commands.
const SMUGGLER: &[u8] =
    b"Subject: job output\n\nRSET\nMAIL FROM:<mail@example.test>\nRCPT TO:<victim@elsewhere.example>\n\
    DATA\nSubject: smuggled\n\nphish\n.\n";

fn first_contact(smarthost: Smarthost, lines: &str) -> Machine {
    let machine = Machine::with(smarthost.account(USER, PASSWORD), lines);
    machine.forget_smarthost();
    machine
}

fn send(machine: &Machine) {
    let ran = machine.send(&["a@host.example"], SMUGGLER);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{}", machine.log());
    assert!(machine.smarthost().wait_until_idle(HANG));
}

fn turns(machine: &Machine) -> Vec<usize> {
    machine.smarthost().connections().iter().map(|connection| connection.turns).collect()
}

fn vias(machine: &Machine) -> Vec<&'static str> {
    machine.smarthost().mails().iter().map(|mail| mail.via).collect()
}

#[test]
fn server_that_reads_chunks_proves_it_with_two_round_trips_and_is_asked_no_more() {
    for (lines, expected) in [("", [7, 5]), ("auth-in-group = true\n", [8, 4])] {
        let machine = first_contact(Smarthost::new(), lines);
        send(&machine);
        send(&machine);
        assert_eq!((turns(&machine).as_slice(), vias(&machine)), (&expected[..], vec!["DATA", "BDAT"]), "{lines}");
        assert_eq!(machine.remarks(), "");
    }
}

#[test]
fn text_of_a_mail_is_not_read_as_commands_by_a_server_that_offers_chunking_and_knows_no_bdat() {
    for lines in ["", "auth-in-group = true\n"] {
        let machine = first_contact(Smarthost::new().chunks_unread(Point::Connect), lines);
        send(&machine);
        send(&machine);
        let mails = machine.smarthost().mails();
        assert!(mails.iter().all(|mail| mail.addresses() == ["a@host.example"]), "{lines}: {mails:?}");
        assert_eq!(vias(&machine), ["DATA", "DATA"], "{lines}");
        assert!(machine.remarks().ends_with("\tno chunking\n"), "{}", machine.remarks());
    }
}

#[test]
fn text_of_a_mail_is_not_read_as_commands_by_a_server_that_reads_chunks_in_a_transaction_only() {
    for (point, text) in [(Point::Mail, "RET=HDRS"), (Point::Rcpt, "refused.example")] {
        let refusing = Smarthost::new().on(On::at(point).containing(text), Act::reply("451 4.7.1 not now"));
        let machine = first_contact(refusing.chunks_unread(point), "");
        send(&machine);
        // Its envelope is refused, and its content would be read as commands.
        machine.run("sendmail", &["-odi", "-Rhdrs", "a@refused.example"], SMUGGLER);
        assert!(machine.smarthost().wait_until_idle(HANG));
        let mails = machine.smarthost().mails();
        assert!(mails.iter().all(|mail| mail.addresses() == ["a@host.example"]), "{point:?}: {mails:?}");
        assert_eq!(vias(&machine), ["DATA"], "{point:?}");
        assert!(machine.remarks().ends_with("\tno chunking\n"), "{}", machine.remarks());
    }
}
