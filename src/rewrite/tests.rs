//! Whole messages through the rewriting; the result is inspected as text.

use lettre::Address;

use super::settings::CronEnv;
use super::{Facts, Repair, Rewritten, Settings, rewrite};
use crate::envelope::{Aliases, Destination, Resolver, recover};
use crate::message::Message;

/// A mail of root's on the machine web1.
fn facts<'a>(settings: &'a Settings, account: &'a Address) -> Facts<'a> {
    Facts {
        settings,
        account,
        host: "web1",
        user: "root",
        is_from_cron: false,
        traced: None,
        own_name: None,
        full_name: None,
        sender: None,
        date: "Fri, 20 Nov 2026 09:30:00 +0000",
        local_zone: || jiff::tz::TimeZone::UTC,
        id: "ID1",
        unique: "ID1",
    }
}

fn wire(input: &str) -> (String, Rewritten) {
    wire_with(input, &Settings::default())
}

fn wire_with(input: &str, settings: &Settings) -> (String, Rewritten) {
    let aliases = Aliases::parse("root: ops@x.org\n").0;
    let account = "account@x.org".parse().unwrap();
    let hosts = ["web1".to_string()];
    let mut resolver = Resolver::new(&aliases, &hosts, Some("x.org"), None, &account);
    let facts = facts(settings, &account);
    let message = Message::read(&mut input.as_bytes(), &mut Vec::new()).unwrap();
    let to = recover(&Destination { extract: true, ..Destination::default() }, &message, &mut resolver).unwrap();
    let rewritten = rewrite(&message, &to, &mut resolver, &facts);
    (String::from_utf8(rewritten.head.clone()).unwrap(), rewritten)
}

#[test]
fn legal_message_of_the_account_leaves_byte_for_byte() {
    let input = "From: Me <account@x.org>\r\nTo: a@y.org,\r\n\tb@y.org\r\nSubject: s  t \r\n\
                 Date: Fri, 20 Nov 2026 01:02:03 +0000\r\nMessage-ID: <1@y>\r\nX-Odd:\r\n\r\n";
    let (head, rewritten) = wire(&format!("{input}body\r\n"));
    assert_eq!(head, input);
    assert!(rewritten.repairs.is_empty() && rewritten.body.is_none());
    assert_eq!(rewritten.message_id, "<1@y>");
}

#[test]
fn cron_mail_is_made_acceptable() {
    let (head, rewritten) = wire(
        "From: \"(Cron Daemon)\" <root>\nTo: root\nSubject: Cron <root@web1> 备份\n\
         X-Cron-Env: <SMTP_PASSWORD=sekret>\nX-Cron-Env: <USER=root>\n\nx\n",
    );
    assert_eq!(
        head,
        "From: \"Cron Daemon (root on web1)\" <account@x.org>\r\nX-Original-From: \"(Cron Daemon)\" <root>\r\n\
         To: ops@x.org\r\nSubject: =?utf-8?b?Q3JvbiA8cm9vdEB3ZWIxPiDlpIfku70=?=\r\n\
         Date: Fri, 20 Nov 2026 09:30:00 +0000\r\nMessage-ID: <ID1@x.org>\r\n\
         Auto-Submitted: auto-generated\r\n\r\n"
    );
    use Repair::*;
    assert_eq!(rewritten.repairs, [AutoSubmitted, CronEnv, Date, From, MessageId, RawHeader, Recipients]);
}

#[test]
fn blind_copies_leave_no_trace() {
    let (head, _) = wire("To: a@y.org\nBCC: secret@y.org,\n folded@y.org\nresent-bcc: r@y.org\n\nx\n");
    assert!(!head.to_lowercase().contains("bcc") && !head.contains("folded") && !head.contains("secret"));
}

#[test]
fn nothing_to_read_becomes_the_subject() {
    let (head, rewritten) = wire("");
    assert!(head.contains("Subject: mail from root on web1\r\n"));
    assert!(head.contains("To: account@x.org\r\n"));
    assert_eq!(rewritten.body.as_deref(), Some(&b"mail from root on web1"[..]));
    assert_eq!(wire("Subject: s\nTo: a@y\n\n \n").1.body.as_deref(), Some(&b"s"[..]));
}

#[test]
fn date_and_message_id_that_are_none_leave_beside_true_ones() {
    let (head, rewritten) = wire("Date: now\nMessage-ID: 4711\nDate: 2026-11-20 01:02:03\nMessage-ID: <1@y>\n\nx\n");
    assert!(head.starts_with("X-Original-Date: now\r\nX-Original-Message-ID: 4711\r\n"), "{head}");
    assert!(head.contains("\r\nDate: Fri, 20 Nov 2026 01:02:03 +0000\r\nX-Original-Date: 2026-11-20 01:02:03\r\n"));
    assert!(head.contains("\r\nMessage-ID: <1@y>\r\n"), "{head}");
    assert_eq!(rewritten.message_id, "<1@y>");
    let (head, rewritten) = wire("Message-ID: <>\nDate: soon\n\nx\n");
    assert!(head.contains("Message-ID: <ID1@x.org>\r\n") && head.contains("Date: Fri, 20 Nov 2026 09:30:00 +0000\r\n"));
    assert_eq!(rewritten.message_id, "<ID1@x.org>");
}

#[test]
fn empty_subject_stays_empty() {
    let (head, rewritten) = wire("To: a@y.org\nSubject: \n\nall is well\n");
    assert!(head.contains("\r\nSubject: \r\n") && !rewritten.repairs.contains(&Repair::Subject), "{head}");
}

#[test]
fn doubled_fields_become_one() {
    let (head, _) =
        wire("To: a@y.org\nTo: b@y.org\nSubject: 1\nSubject: 2\nMIME-Version: 1.0\nMIME-Version: 2\n\nbody");
    assert!(head.contains("To: a@y.org,\r\n b@y.org\r\n"));
    assert!(
        head.contains(
            "\r\nSubject: 1\r\nX-Duplicate-Subject: 2\r\nMIME-Version: 1.0\r\nX-Duplicate-MIME-Version: 2\r\n"
        ),
        "{head}"
    );
}

#[test]
fn text_that_is_no_address_list_is_set_aside() {
    let (head, rewritten) = wire("To: \"\"\nCc: see below please\nSubject: s\n\nx\n");
    assert!(head.starts_with("X-Original-To: \"\"\r\nX-Original-Cc: see below please\r\nSubject: s\r\n"), "{head}");
    assert!(head.contains("\r\nTo: account@x.org\r\n") && !head.contains("\r\nCc:"), "{head}");
    assert!(rewritten.repairs.contains(&Repair::Recipients));
    let (head, _) = wire("To: undisclosed-recipients:;\nBcc: a@y.org\n\nx\n");
    assert!(head.starts_with("To: undisclosed-recipients:;\r\n") && !head.contains("X-Original-To"), "{head}");
}

#[test]
fn real_sender_can_be_answered() {
    let (head, _) = wire("From: Al <al@corp.org>\nSender: bot@corp.org\nTo: a@y.org\n\nx");
    assert!(head.contains("From: \"Al\" <account@x.org>\r\nReply-To: \"Al\" <al@corp.org>\r\n"));
    assert!(head.contains("X-Original-Sender: bot@corp.org\r\n") && !head.contains("\r\nSender:"));
}

/// The duplicates are read together with the first one, each once: not all of them with each of them.
#[test]
fn many_fields_of_one_name_are_merged_once() {
    for address in ["u@x.org", "\u{e9}@x.org", "\"\""] {
        let fields = format!("To: {address}\n").repeat(20_000);
        let (head, _) = wire(&format!("Cc: a@y.org\n{fields}Subject: s\n\nx\n"));
        assert!(head.len() < 128 << 10 && head.matches("\r\nTo:").count() <= 1, "{address}");
        assert!(head.contains("\r\nSubject: s\r\n"), "{address}");
    }
}

#[test]
fn second_subject_that_is_set_aside_leaves_the_first_one_alone() {
    let (big, long) = ("yyyyyyy ".repeat(58 << 7), "z".repeat(5 << 10));
    let (head, rewritten) = wire(&format!("To: a@y.org\nSubject: a\nX-Big: {big}\nSubject: {long}\n\nx\n"));
    assert_eq!(head.matches("\r\nSubject:").count(), 1, "{head}");
    assert!(head.contains("\r\nSubject: a\r\n") && rewritten.repairs.contains(&Repair::SetAside));
}

#[test]
fn first_subject_that_is_set_aside_is_made_anew() {
    let (big, long) = ("yyyyyyy ".repeat(58 << 7), "z".repeat(5 << 10));
    let (head, _) = wire(&format!("To: a@y.org\nX-Big: {big}\nSubject: {long}\nSubject: b\n\nx\n"));
    assert_eq!(head.matches("\r\nSubject:").count(), 1, "{head}");
    assert!(head.contains("\r\nSubject: =?utf-8?"));
}

#[test]
fn masked_variable_without_a_name_is_masked_whole() {
    let settings = Settings { cron_env: CronEnv::Mask, ..Settings::default() };
    let (head, rewritten) = wire_with("To: a@y.org\nX-Cron-Env: <sekret>\nX-Cron-Env: <KEY=sekret>\n\nx\n", &settings);
    assert!(head.contains("X-Cron-Env: <***>\r\nX-Cron-Env: <KEY=***>\r\n") && !head.contains("sekret"), "{head}");
    assert!(rewritten.repairs.contains(&Repair::CronEnv));
}

#[test]
fn user_who_speaks_as_another_is_traced() {
    let account = "account@x.org".parse().unwrap();
    let (aliases, hosts, settings) = (Aliases::default(), ["web1".to_string()], Settings::default());
    let head = |input: &str, user: &str, traced: Option<u32>| {
        let mut resolver = Resolver::new(&aliases, &hosts, Some("x.org"), None, &account);
        let facts = Facts { user, traced, ..facts(&settings, &account) };
        let message = Message::read(&mut input.as_bytes(), &mut Vec::new()).unwrap();
        String::from_utf8(rewrite(&message, &[], &mut resolver, &facts).head).unwrap()
    };
    let trace = "Received: by web1 (mailx-t, from userid 1000)\r\n\tid ID1; Fri, 20 Nov 2026 09:30:00 +0000\r\n";
    for (from, is_traced) in [
        ("root", true),
        ("\"alice\" <root>", true),
        ("shop@corp.example", true),
        ("account@x.org", true),
        ("alice", false),
        ("Alice <alice@web1>", false),
    ] {
        let head = head(&format!("From: {from}\nTo: a@y.org\n\nx\n"), "alice", Some(1000));
        assert_eq!(head.starts_with(trace), is_traced, "{from}: {head}");
        assert!(head.matches("userid").count() <= 1, "{head}");
    }
    assert!(!head("To: a@y.org\n\nx\n", "alice", Some(1000)).contains("userid"), "nobody else is named");
    assert!(!head("From: alice\nTo: a@y.org\n\nx\n", "root", None).contains("userid"), "root speaks for others");
    let again = head(&format!("{trace}From: root\nTo: a@y.org\n\nx\n").replace('\r', ""), "alice", Some(1000));
    assert_eq!(again.matches("userid").count(), 1, "{again}");
    let forged = head("Received: by web1 (mailx-t, from userid 0)\nFrom: root\n\nx\n", "alice", Some(1000));
    assert!(forged.starts_with(trace), "{forged}");
}
