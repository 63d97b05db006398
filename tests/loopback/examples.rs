//! The examples do what they say: each is run as its host program would run it, and the mail arrives; a file that only
//! configures another program is read by that program, if this machine has it.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::smarthost::{HANG, Received, Smarthost};
use crate::support::Machine;
use crate::support::machine::{DEFAULT, Ran, door_path, start};
use mail_parser::MessageParser;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(example(name)).unwrap()
}

/// A machine with mailx-t installed under the names that callers use.
fn machine() -> Machine {
    let machine = Machine::strict(Smarthost::new());
    fs::create_dir(machine.path("bin")).unwrap();
    for name in ["mailx-t", "mail", "sendmail"] {
        symlink(door_path(), machine.path("bin").join(name)).unwrap();
    }
    machine
}

/// A program whose environment has only the path of programs.
fn command(machine: &Machine, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", machine.path("bin").display());
    command.env_clear().env("PATH", path).env("MAILX_T_CONFIG", machine.config());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn shell(machine: &Machine, script: &str) -> Ran {
    let mut sh = command(machine, "/bin/sh");
    sh.args(["-c", script]);
    start(sh, b"").finish()
}

fn arrived(machine: &Machine, count: usize) -> Vec<Received> {
    assert!(machine.smarthost().wait_for(count, HANG), "only {} mails arrived", machine.smarthost().mails().len());
    machine.smarthost().mails()
}

fn subject(mail: &Received) -> String {
    MessageParser::default().parse(&mail.content).unwrap().subject().unwrap_or_default().to_string()
}

fn body(mail: &Received) -> String {
    MessageParser::default().parse(&mail.content).unwrap().body_text(0).unwrap_or_default().into_owned()
}

/// The program is on this machine; without it, its file is not judged.
fn is_here(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
    found.is_ok_and(|found| found.success())
}

#[test]
fn demonstration_shows_what_goes_in_what_arrives_and_an_outage() {
    let mut page = Vec::new();
    let wrong = crate::acts::play(door_path().parent().unwrap(), &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert_eq!(wrong, 0, "{page}");
    for shown in [
        // A strict provider, to a mail as it is.
        "S: 553 5.7.1 mail from must be same as authorization user",
        "S: 554 5.2.0 From is not the authenticated user",
        // What went in, and what arrived.
        "| From: \"(Cron Daemon)\" <root>",
        "| From: \"Cron Daemon (root on ",
        // The outage.
        "connection refused",
        "-- 1 Kbytes in 1 Request.",
        "Mail queue is empty",
        "All 6 mails arrived.",
    ] {
        assert!(page.contains(shown), "{shown} is missing in:\n{page}");
    }
}

#[test]
fn login_over_ssh_is_told_in_chinese() {
    let machine = machine();
    let script = example("ssh-login/ssh-login-mail");
    let mut login = command(&machine, &script);
    // The environment that pam_exec gives, and nothing else.
    login.envs([("PAM_TYPE", "open_session"), ("PAM_USER", "alice"), ("PAM_RHOST", "192.0.2.7"), ("PAM_TTY", "ssh")]);
    let ran = start(login, b"").finish();
    assert_eq!((ran.status, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    let mails = arrived(&machine, 1);
    assert!(subject(&mails[0]).starts_with("登录提醒: alice 从 192.0.2.7 登录 "), "{}", subject(&mails[0]));
    assert!(body(&mails[0]).contains("用户: alice"), "{}", body(&mails[0]));
    assert_eq!(mails[0].addresses(), [DEFAULT]);

    let mut logout = command(&machine, &script);
    logout.env("PAM_TYPE", "close_session");
    assert_eq!(start(logout, b"").finish().status, Some(0));
    machine.smarthost().wait_until_idle(HANG);
    assert_eq!(machine.smarthost().mails().len(), 1);
}

/// The commands of a crontab's jobs, as crond hands them to the shell.
fn jobs(crontab: &str) -> Vec<String> {
    let is_job = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit() || c == '*');
    let command = |line: &str| line.splitn(6, ' ').nth(5).unwrap().replace("\\%", "%");
    crontab.lines().filter(is_job).map(command).collect()
}

#[test]
fn recipes_for_cron_mail_what_they_say() {
    let machine = machine();
    let jobs = jobs(&text("cron/crontab"));
    assert_eq!(jobs.len(), 5);
    let mut mails = 0;
    let expected = [
        Some("cp: cannot stat '/srv/data'"),
        Some("/nonexistent"),
        Some("night-shift@example.com"),
        None,
        Some("last month's figures"),
    ];
    for (job, expected) in jobs.iter().zip(expected) {
        let ran = shell(&machine, job);
        let printed = [ran.stdout, ran.stderr].concat();
        if !printed.is_empty() {
            // crond passes on the output of a job.
            let mail = format!("From: root\nTo: ops@example.com\nSubject: Cron <root@host> {job}\n\n{printed}");
            assert_eq!(machine.run("sendmail", &["-i", "-odi", "-t", "-f", "root"], mail.as_bytes()).status, Some(0));
        }
        mails += usize::from(expected.is_some());
        let all = arrived(&machine, mails);
        assert_eq!(all.len(), mails, "{job}");
        if let Some(expected) = expected {
            let whole = format!("{:?} {}", all[mails - 1].addresses(), body(&all[mails - 1]));
            assert!(whole.contains(expected), "{job}: {whole}");
        }
    }
}

#[test]
fn failed_unit_is_mailed_with_its_status() {
    let machine = machine();
    let unit = text("systemd/mail-on-failure@.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/bin/sh -c '")?.strip_suffix('\'')).unwrap();
    let ran = shell(&machine, &line.replace("%i", "backup.service").replace("%H", "web1"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(subject(&arrived(&machine, 1)[0]), "backup.service has failed on web1");
}

#[test]
fn report_tells_how_a_command_ended_and_ends_like_it() {
    let machine = machine();
    for (script, status, word) in [("echo copied", 0, "done"), ("echo 磁盘已满; exit 3", 3, "FAILED (3)")] {
        let mut report = command(&machine, example("report/mail-report"));
        report.args(["backup", "sh", "-c", script]);
        assert_eq!(start(report, b"").finish().status, Some(status));
        let mails = arrived(&machine, 1 + usize::from(status != 0));
        let mail = mails.last().unwrap();
        assert_eq!(subject(mail), format!("backup: {word}"));
        assert!(body(mail).contains(if status == 0 { "copied" } else { "磁盘已满" }), "{}", body(mail));
    }
}

#[test]
fn file_that_arrives_is_mailed() {
    if !is_here("inotifywait") {
        eprintln!("inotifywait is not here: nothing was tried");
        return;
    }
    let machine = machine();
    let place = machine.path("incoming");
    fs::create_dir(&place).unwrap();
    let mut watch = command(&machine, example("watch/watch-arrivals"));
    watch.arg(&place).stderr(Stdio::null()).process_group(0);
    let mut watching = watch.spawn().unwrap();
    // Nobody says when it starts to watch: files come until one is seen.
    let seen = (0..).find(|number| {
        fs::write(place.join(format!("file {number}")), "x").unwrap();
        machine.smarthost().wait_for(1, std::time::Duration::from_millis(200)) || *number > 200
    });
    let group = nix::unistd::Pid::from_raw(-i32::try_from(watching.id()).unwrap());
    nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGTERM).unwrap();
    watching.wait().unwrap();
    assert!(seen.is_some_and(|number| number <= 200));
    assert!(subject(&machine.smarthost().mails()[0]).starts_with("arrived: file "));
}

/// The value after `key` in a file of lines.
fn setting(text: &str, key: &str) -> String {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
    line.expect(key).trim().trim_matches('"').to_string()
}

#[test]
fn settings_for_git_and_php_name_a_command_that_sends() {
    let machine = machine();
    let ours = |command: String| command.replace("/usr/sbin/", &format!("{}/", machine.path("bin").display()));
    let message = b"To: dev@example.com\nSubject: [PATCH] a change\n\ntext\n";
    // As git-send-email(1) calls it.
    let git = ours(setting(&text("git/gitconfig"), "sendmailCmd"));
    let mut send = command(&machine, "/bin/sh");
    send.args(["-c", &format!("{git} \"$@\""), git.as_str(), "-i", "dev@example.com"]);
    assert_eq!(start(send, message).finish().status, Some(0));
    // As PHP's mail() does.
    let php = ours(setting(&text("php/mailx-t.ini"), "sendmail_path"));
    let mut send = command(&machine, "/bin/sh");
    send.args(["-c", &php]);
    assert_eq!(start(send, message).finish().status, Some(0));
    assert!(arrived(&machine, 2).iter().all(|mail| mail.addresses() == ["dev@example.com"]));
}

#[test]
fn log_reads_as_the_snippets_have_it() {
    let machine = machine();
    assert_eq!(machine.send(&["ops@example.com"], b"Subject: x\n\nx\n").status, Some(0));
    machine.smarthost().wait_until_idle(HANG);
    let beats = text("log/filebeat.yml");
    let tokenizer = beats.lines().find_map(|line| line.trim().strip_prefix("tokenizer: ")).unwrap().trim_matches('"');
    let log = machine.log();
    let line = log.lines().find(|line| line.contains("status=")).expect(&log);
    let found = dissect(tokenizer, line).unwrap_or_else(|| panic!("{tokenizer} does not fit {line}"));
    let value = |key: &str| found.iter().find(|(name, _)| name == key).unwrap().1.as_str();
    assert_eq!((value("to"), value("status")), ("ops@example.com", "sent"));
    assert!(value("reason").starts_with("250"), "{found:?}");
    promtail_matches(line);

    let mut config = fs::read_to_string(machine.config()).unwrap();
    config.push_str("format = \"json\"\n");
    fs::write(machine.config(), config).unwrap();
    fs::remove_file(machine.path("log")).unwrap();
    assert_eq!(machine.send(&["ops@example.com"], b"Subject: x\n\nx\n").status, Some(0));
    machine.smarthost().wait_until_idle(HANG);
    let log = machine.log();
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(object["event"].is_string() && object["queue_id"].is_string(), "{line}");
    }
}

/// promtail is in no distribution: Python knows the syntax of its expressions (RE2's, with names).
fn promtail_matches(line: &str) {
    let promtail = text("log/promtail.yml");
    let expression = promtail.lines().find_map(|line| line.trim().strip_prefix("expression: ")).unwrap();
    let script = "import re, sys; print(re.search(sys.argv[1], sys.argv[2]).groupdict())";
    if let Some(said) = judged("python3", &["-c", script, expression.trim_matches('\''), line]) {
        for part in ["'to': 'ops@example.com'", "'status': 'sent'", "'dsn': '2.", "'reason': '250 "] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// The result of Elastic's dissect: keys between texts that stand in the line as they are.
fn dissect(tokenizer: &str, line: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let (prefix, mut pattern) = tokenizer.split_once("%{")?;
    let mut rest = line.strip_prefix(prefix)?;
    loop {
        let (key, after) = pattern.split_once('}')?;
        let (delimiter, next) = after.split_once("%{").map_or((after, None), |(d, next)| (d, Some(next)));
        let end = if delimiter.is_empty() { rest.len() } else { rest.find(delimiter)? };
        found.push((key.trim_start_matches('?').to_string(), rest[..end].to_string()));
        rest = &rest[end + delimiter.len()..];
        match next {
            Some(next) => pattern = next,
            None => return Some(found),
        }
    }
}

/// The program's words about a file of ours; `None` if the program is not here.
fn judged(program: &str, arguments: &[&str]) -> Option<String> {
    if !is_here(program) {
        eprintln!("{program} is not here: nothing was tried");
        return None;
    }
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&said));
    Some(String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn snippets_are_read_by_the_programs_they_are_for() {
    let path = |name: &str| example(name).display().to_string();
    judged("git", &["config", "--file", &path("git/gitconfig"), "--get", "sendemail.sendmailcmd"]);
    judged("rsyslogd", &["-N1", "-f", &path("log/rsyslog.conf")]);
    if let Some(said) = judged("systemd-analyze", &["--man=no", "verify", &path("systemd/mail-on-failure@.service")]) {
        assert!(!said.contains("mail-on-failure"), "{said}");
    }
    let php = path("php/mailx-t.ini");
    if let Some(said) = judged("php", &["-n", "-c", &php, "-r", "echo ini_get('sendmail_path');"]) {
        assert_eq!(said, "/usr/sbin/sendmail -t -i");
    }
}
