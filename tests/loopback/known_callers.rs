//! Callers that people have told of, one by one: what each hands over, and what arrives. docs/callers.md shows the same
//! table; `BLESS=1 cargo test --test all loopback::known_callers` writes it anew. Read the difference before you commit
//! it.

use crate::smarthost::{HANG, Smarthost};
use crate::support::Machine;
use crate::support::fixtures::expected;
use mail_parser::MessageParser;
use std::path::Path;

/// The document, below the package, where cargo runs its tests.
const DOCUMENT: &str = "docs/callers.md";

/// The text above the table.
const HEAD: &str = "# Callers, one by one

Each row is a caller that people have told of: the command line, its stdin, and what arrives at the smarthost, under a
configuration whose `default` is `ops@example.test`. `\u{21b5}` stands for a line end. The rows are what the programs do:
a test calls each, and compares this page. [compatibility.md](compatibility.md) has the rules.

| caller | it hands over | what arrives |
|---|---|---|
";

/// A caller: its name, command line and stdin.
type Caller = (&'static str, &'static [&'static str], &'static str);

#[rustfmt::skip]
const CALLERS: &[Caller] = &[
    ("acme.sh's notify hook", &["sendmail", "-f", "acme@x.example", "a@x.example"], "From: acme@x.example\nTo: a@x.example\nSubject: Renew success\nContent-Type: text/plain; charset=utf-8\n\nok\n"),
    ("anacron, its MAILTO overwritten by garbage", &["sendmail", "-FAnacron", "-odi", "p\u{1}t"], "From: Anacron <root>\nTo: p\u{1}t\nSubject: Anacron job 'cron.weekly'\n\nout\n"),
    ("BusyBox's sendmail on a router", &["sendmail", "-w", "30", "-H", "exec openssl s_client -connect h:465", "-fme@x.example", "-aume", "-apSecret", "a@x.example"], "subject:router up\nfrom:me@x.example\n\ntext\n"),
    ("certbot's hook", &["mail", "-s", "Certificate renewed", "root"], "done\n"),
    ("Checkmk's notification", &["sendmail", "-F", "Checkmk", "-f", "mk@x.example", "-i", "a@x.example", "b@x.example"], "From: Checkmk <mk@x.example>\nTo: a@x.example, b@x.example\nSubject: web1 DOWN\n\nx\n"),
    ("cron of Debian, a list with a local name", &["sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root,", "a@x.example"], "From: root (Cron Daemon)\nTo: root, a@x.example\nSubject: Cron <root@web1> backup\n\nout\n"),
    ("cron, a comment behind MAILTO", &["sendmail", "-FCronDaemon", "-odi", "-oem", "-oi", "-t"], "From: root (Cron Daemon)\nTo: a@x.example # the team\nSubject: Cron <root@web1> backup\n\nout\n"),
    ("cron, MAILTO=/dev/null and a comment", &["sendmail", "-FCronDaemon", "-odi", "-oem", "-oi", "-t"], "From: root (Cron Daemon)\nTo: /dev/null # noise\nSubject: Cron <root@web1> backup\n\nout\n"),
    ("crond's handler (`crond -m`)", &["mailx-t"], "From: \"(Cron Daemon)\" <alice>\nTo: a@x.example\nSubject: Cron <alice@web1> job\nX-Cron-Env: <MAILTO=a@x.example>\n\nout\n"),
    ("cups-email asks which mail this is", &["mailx", "-V"], ""),
    ("dma's `-D` before a name", &["sendmail", "-D", "root"], "Subject: s\n\nx\n"),
    ("dnf-automatic", &["mail", "-Ssendwait", "-s", "Updates applied on 'web1'.", "-r", "me@x.example", "a@x.example"], "x\n"),
    ("duplicity-backup.sh, its subject unquoted", &["mailx", "-s", "duplicity-backup", "ALERT", "[web1]", "-r", "me@x.example", "a@x.example"], "log\n"),
    ("Exim's options about a message", &["sendmail", "-oMr", "local", "-oMs", "web1", "-oi", "a@x.example"], "Subject: s\n\nx\n"),
    ("fail2ban by mail", &["mail", "-E", "set escape", "-s", "[Fail2Ban] sshd: banned", "a@x.example"], "Hi\n"),
    ("fail2ban by sendmail, two addresses", &["sendmail", "-f", "fail2ban", "a@x.example, b@x.example"], "Subject: [Fail2Ban] sshd: banned\nFrom: Fail2Ban <fail2ban>\nTo: a@x.example, b@x.example\n\nHi"),
    ("git send-email", &["sendmail", "-f", "me@x.example", "-i", "a@x.example", "b@x.example"], "From: Me <me@x.example>\nTo: a@x.example\nCc: b@x.example\nSubject: [PATCH] x\n\nx\n"),
    ("Gitea", &["sendmail", "-f", "gitea@x.example", "-i", "--", "a@x.example"], "From: Gitea <gitea@x.example>\nTo: a@x.example\nSubject: Gitea Test Email!\n\nx\n"),
    ("HP-UX's mailx", &["mailx", "-m", "-s", "job", "a@x.example"], "x\n"),
    ("Icinga 2", &["mail", "-a", "From: Icinga <icinga@x.example>", "-s", "PROBLEM", "a@x.example"], "x\n"),
    ("logwatch", &["sendmail", "-t"], "To: root\nFrom: root\nSubject: Logwatch for web1\n\nx\n"),
    ("mail(1) with options for the mailer", &["mail", "-s", "s", "a@x.example", "--", "-r", "me@x.example", "-N", "never", "-O", "Timeout=1h"], "x\n"),
    ("a list on lines of its own, `mail \"$(cat list)\"`", &["mail", "-s", "s", "a@x.example\nb@x.example"], "x\n"),
    ("mdadm", &["sendmail", "-t"], "From: mdadm monitoring <root>\nTo: a@x.example\nSubject: DegradedArray event on /dev/md0:nas\n\nx\n"),
    ("msmtp's account", &["sendmail", "-t", "-a", "work"], "To: a@x.example\nSubject: invoice\n\nx\n"),
    ("msmtp's long options", &["sendmail", "--account", "work", "--host=h", "--from", "me@x.example", "--read-recipients"], "To: a@x.example\nSubject: s\n\nx\n"),
    ("mutt", &["sendmail", "-oem", "-oi", "--", "a@x.example,b@x.example"], "From: Me <me@x.example>\nTo: a@x.example, b@x.example\nSubject: s\n\nx\n"),
    ("mutt's settings at mail(1)", &["mail", "-e", "set from=me@x.example", "-s", "s", "a@x.example"], "x\n"),
    ("netdata's probe", &["sendmail", "-F"], ""),
    ("netdata", &["sendmail", "-t", "-f", "netdata@x.example", "-F", "netdata"], "To: root\nSubject: CRITICAL, disk\nX-Host: web1\n\nx\n"),
    ("nullmailer's and cron's bare name", &["sendmail", "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "pi"], "From: root (Cron Daemon)\nTo: pi\nSubject: Cron <pi@raspberrypi> x\n\nout\n"),
    ("a Perl script, addresses in brackets", &["sendmail", "-oi", "-t"], "From:Ann<ann@x.example>\nTo:<a@x.example> <b@x.example>\nSubject: s\n\nx\n"),
    ("PHP's mail(), blind copies only", &["sendmail", "-t", "-i"], "To: undisclosed-recipients:;\nBcc: b@x.example\nFrom: shop@x.example\nTo: undisclosed-recipients:;\nSubject: two To\n\nx\n"),
    ("a Python program that prints its list", &["sendmail", "-t"], "To: ['a@x.example', 'b@x.example']\nSubject: s\n\nx\n"),
    ("rkhunter's cron job", &["sendmail", "root"], "Subject: [rkhunter] web1 - Daily report\n\nx\n"),
    ("Ruby's mail: Redmine, GitLab", &["sendmail", "-i", "-f", "me@x.example", "--", "a@x.example"], "From: me@x.example\nTo: a@x.example\nSubject: s\n\nx\n"),
    ("a script's here-doc, indented", &["sendmail", "-t"], "    To: a@x.example\n    Subject: backup\n\n    done\n"),
    ("a script's Date, as date(1) prints it in German", &["sendmail", "-t"], "To: a@x.example\nDate: Di 1. Dez 2026 09:30:00 UTC\nSubject: s\n\nx\n"),
    ("a script's `echo -e` under dash", &["sendmail", "-t"], "-e To: a@x.example\nSubject: s\n\nx\n"),
    ("s-nail's reply-to", &["mailx", "-S", "replyto=help@x.example", "-s", "s", "a@x.example"], "x\n"),
    ("smartd", &["mail", "-s", "SMART error (CurrentPendingSector) detected on host: nas", "a@x.example", "b@x.example"], "x\n"),
    ("ssmtp's login", &["sendmail", "-au", "me", "-ap", "Secret", "a@x.example"], "Subject: s\n\nx\n"),
    ("systemd's OnFailure unit", &["sendmail", "-t"], "To: a@x.example\nFrom: systemd <root@web1>\nSubject: backup.service\n\n\u{d7} failed\n"),
    ("unattended-upgrades", &["mail", "-r", "root <root@x.example>", "-s", "unattended-upgrades result", "root"], "x\n"),
    ("a web page's link, copied", &["sendmail", "-t"], "To: mailto:a@x.example?cc=b@x.example\nSubject: s\n\nx\n"),
    ("Zabbix's script, its text from an input method", &["mail", "-s", "\u{544a}\u{8b66}", "\u{5f20}\u{4e09}\u{ff1c}a@x.example\u{ff1e}\u{ff1b}b\u{ff20}x.example"], "x\n"),
    ("ZFS's ZED, its subject split", &["mail", "-s", "'ZFS", "event", "for", "tank'", "a@x.example"], "x\n"),
    ("a verb without `ctl`", &["mailx-t", "check"], ""),
];

/// The command line and the stdin, as a cell of the table.
fn handed_over((_, argv, stdin): &Caller) -> String {
    let is_plain =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.,:=/@+".contains(&b));
    let words: Vec<String> =
        argv.iter().map(|word| if is_plain(word) { word.to_string() } else { format!("{word:?}") }).collect();
    let line = format!("`{}`", words.join(" "));
    let stdin = stdin.trim_end().replace('\n', "\u{21b5}").replace('\u{1}', "^A");
    if stdin.is_empty() { line } else { format!("{line}; `{stdin}`") }
}

/// The outcome, as a cell of the table.
fn outcome(machine: &Machine, (_, argv, stdin): &Caller) -> String {
    let before = machine.smarthost().mails().len();
    let ran = machine.run(argv[0], &argv[1..], stdin.as_bytes());
    let said = ran.stderr.lines().map(|line| line.trim_start_matches("mailx-t: ").to_owned()).collect::<Vec<_>>();
    let said = if said.is_empty() { String::new() } else { format!("; says: {}", said.join("; ")) };
    let is_thrown_away = stdin.contains("/dev/null");
    if ran.status != Some(0) || stdin.is_empty() || is_thrown_away {
        let printed = ran.stdout.trim_end().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let told = if printed.is_empty() { said } else { format!("; prints: {printed}") };
        return format!("no mail, status {}{told}", ran.status.unwrap_or(-1));
    }
    assert!(machine.smarthost().wait_for(before + 1, HANG), "{argv:?}: {ran:?}");
    let mail = machine.smarthost().mails().remove(before);
    let parsed = MessageParser::new().parse(&mail.content).unwrap();
    let mut to = mail.addresses();
    to.sort();
    let reply_to = mail.header("Reply-To").concat();
    let reply_to = if reply_to.is_empty() { String::new() } else { format!("; Reply-To `{}`", reply_to.trim()) };
    format!("to {}: \u{201c}{}\u{201d}{reply_to}{said}", to.join(", "), parsed.subject().unwrap_or_default())
}

#[test]
fn each_known_caller_gets_what_it_needs() {
    let machine = Machine::strict(Smarthost::new());
    let cell = |text: String| text.replace('|', "\\|").replace('\u{1}', "^A");
    let row = |caller: &Caller| {
        format!("| {} | {} | {} |\n", caller.0, cell(handed_over(caller)), cell(outcome(&machine, caller)))
    };
    let document = HEAD.to_owned() + &CALLERS.iter().map(row).collect::<String>();
    let shown = expected(Path::new(DOCUMENT), document.as_bytes());
    assert_eq!(String::from_utf8_lossy(&shown), document);
}
