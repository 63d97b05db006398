//! The main job, shown: the output of cron jobs becomes mails that a strict provider takes.
//!
//! A smarthost runs inside this program, with real TLS, a login, and the rule that both MAIL FROM and the From field
//! must be the login. It calls the real programs as crond calls its mailer, with mails that cronie wrote, and once by
//! hand. It prints what went in and what arrived; the exit status is 0 only if everything did arrive.
//!
//! `make demo` runs it. Its one argument is the directory of the programs; without it, the one this program was built
//! into.

// A demonstration prints.
#![allow(clippy::print_stdout)]

// Only a part of it is used here.
#[allow(dead_code, unused_imports)]
#[path = "../tests/smarthost/mod.rs"]
mod smarthost;

use std::error::Error;
use std::fs;
use std::io::{IsTerminal, Write, stdout};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use mail_parser::MessageParser;
use smarthost::{Received, Running, Smarthost};

const ACCOUNT: &str = "mail@example.com";
const PASSWORD: &str = "a demonstration's password";
/// Far longer than any mail takes here.
const LIMIT: Duration = Duration::from_secs(20);

/// One call, and its expected outcome.
struct Case {
    title: &'static str,
    /// The point to look for when reading on.
    point: &'static str,
    arguments: &'static [&'static str],
    stdin: &'static str,
    stdin_name: &'static str,
    recipients: &'static [&'static str],
    /// Text that the body must hold, as a reader's program shows it.
    body: &'static str,
    /// Text that must not be in the mail.
    hidden: &'static str,
}

/// The arguments that crond passes on when it is started with `-m mailx-t`: none.
const CROND: &[&str] = &[];

const CASES: &[Case] = &[
    Case {
        title: "A job of root, no MAILTO",
        point: "To: root becomes the address that [recipients.aliases] names for root",
        arguments: CROND,
        stdin: include_str!("../fixtures/demo/root-without-mailto.stdin"),
        stdin_name: "root-without-mailto.stdin",
        recipients: &["ops@example.com"],
        body: "root no MAILTO",
        hidden: "X-Cron-Env",
    },
    Case {
        title: "MAILTO names two",
        point: "one mail, two recipients, one outcome for each of them",
        arguments: CROND,
        stdin: include_str!("../fixtures/demo/two-in-mailto.stdin"),
        stdin_name: "two-in-mailto.stdin",
        recipients: &["ops@host.example", "dev@host.example"],
        body: "two recipients, no space",
        hidden: "X-Cron-Env",
    },
    Case {
        title: "UTF-8 in subject and body",
        point: "the subject goes out encoded (RFC 2047), the body as it is",
        arguments: CROND,
        stdin: include_str!("../fixtures/demo/utf8-subject-and-body.stdin"),
        stdin_name: "utf8-subject-and-body.stdin",
        recipients: &["ops+cron@host.example"],
        body: "备份失败：磁盘空间不足",
        hidden: "X-Cron-Env",
    },
    Case {
        title: "A secret among the crontab's variables",
        point: "cronie writes SMTP_PASSWORD into X-Cron-Env; it does not leave this machine",
        arguments: CROND,
        stdin: include_str!("../fixtures/demo/secret-in-environment.stdin"),
        stdin_name: "secret-in-environment.stdin",
        recipients: &["ops+cron@host.example"],
        body: "backup: 1 file skipped",
        hidden: "sekret123",
    },
    Case {
        title: "By hand",
        point: "0 says: safe on disk; the relay goes on by itself",
        arguments: &["-s", "Disk is full", "ops@example.com"],
        stdin: "/dev/sda1 98% /var\n",
        stdin_name: "",
        recipients: &["ops@example.com"],
        body: "/dev/sda1 98% /var",
        hidden: "X-Original-From",
    },
];

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            println!("\n{wrong} of {} went wrong.", CASES.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("The demonstration cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows every case; returns the number of those that went wrong.
fn run() -> Result<usize, Box<dyn Error>> {
    let stage = Stage::set()?;
    let smarthost = &stage.smarthost;
    println!("The program       {}", stage.program.display());
    println!("The smarthost     {}:{}, TLS, login {ACCOUNT}", smarthost.host(), smarthost.port());
    println!("                  takes no mail whose sender is anybody but its login");
    println!("MAILX_T_CONFIG    {}\n", stage.config.display());
    print_block(&fs::read_to_string(&stage.config)?);

    let mut wrong = 0;
    for (number, case) in CASES.iter().enumerate() {
        heading(&format!("{}. {}", number + 1, case.title));
        println!("   {}\n", case.point);
        let faults = stage.show(case, number)?;
        faults.iter().for_each(|fault| println!("   WRONG: {fault}\n"));
        wrong += usize::from(!faults.is_empty());
    }

    // The relay writes its last line before it lets go of the connection.
    stage.smarthost.wait_until_idle(LIMIT);
    heading("The log");
    println!();
    print_block(&fs::read_to_string(stage.home.path().join("log"))?);
    if wrong == 0 {
        println!("All {} mails arrived.", CASES.len());
    }
    Ok(wrong)
}

/// The parts that a mail needs on its way: the programs, their configuration, and a smarthost.
struct Stage {
    program: PathBuf,
    /// Certificate, password, configuration, spool and log.
    home: tempfile::TempDir,
    config: PathBuf,
    smarthost: Running,
}

/// The release binary of the door; the relay has to lie beside it.
fn program() -> Result<PathBuf, Box<dyn Error>> {
    let directory = match std::env::args_os().nth(1) {
        Some(directory) => PathBuf::from(directory),
        None => {
            let own = std::env::current_exe()?;
            own.parent().and_then(Path::parent).ok_or("this program lies nowhere")?.to_path_buf()
        }
    };
    for name in ["mailx-t", "mailx-t-relay"] {
        if !directory.join(name).is_file() {
            return Err(format!("{} has no {name}: run make demo", directory.display()).into());
        }
    }
    Ok(fs::canonicalize(directory)?.join("mailx-t"))
}

impl Stage {
    fn set() -> Result<Self, Box<dyn Error>> {
        let program = program()?;
        let home = tempfile::tempdir()?;
        let config = home.path().join("config.toml");
        let smarthost =
            Smarthost::new().account(ACCOUNT, PASSWORD).mail_from_must_be_login().header_from_must_be_login().start();
        let stage = Self { program, home, config, smarthost };
        stage.configure()?;
        Ok(stage)
    }

    /// The steps that an administrator takes once.
    fn configure(&self) -> Result<(), Box<dyn Error>> {
        let home = self.home.path();
        let place = |name: &str| home.join(name).display().to_string();
        // Whatever the umask is, mailx-t refuses files that others may write.
        fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
        let put = |path: &Path, octets: &[u8]| {
            fs::write(path, octets).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        };
        put(&home.join("ca.pem"), self.smarthost.ca_pem())?;
        put(&home.join("password"), PASSWORD.as_bytes())?;
        let text = format!(
            "[smarthost]\nhost = \"{}\"\nport = {}\nuser = \"{ACCOUNT}\"\npassword-file = \"{}\"\nca-file = \"{}\"\n\n\
             [recipients]\naliases-file = \"{}\"\n\n[recipients.aliases]\nroot = \"ops@example.com\"\n\n\
             [spool]\npath = \"{}\"\n\n[log]\ntarget = \"{}\"\n",
            self.smarthost.host(),
            self.smarthost.port(),
            place("password"),
            place("ca.pem"),
            place("aliases"),
            place("spool"),
            place("log"),
        );
        put(&self.config, text.as_bytes())?;
        let made = self.command().args(["ctl", "init"]).output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        Ok(())
    }

    /// The program with the environment of a crond job, and with our configuration.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs([("SHELL", "/bin/sh"), ("PATH", "/usr/bin:/bin")]);
        command.env("MAILX_T_CONFIG", &self.config);
        command
    }

    /// Calls the program once and shows the outcome; returns its faults, one sentence each.
    fn show(&self, case: &Case, number: usize) -> Result<Vec<String>, Box<dyn Error>> {
        let mut command = self.command();
        command.args(case.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().ok_or("no pipe to the program")?.write_all(case.stdin.as_bytes())?;
        let output = child.wait_with_output()?;

        println!("   $ {}", command_line(case));
        println!("   exit status {}", output.status.code().unwrap_or(-1));
        let told = [output.stdout, output.stderr].concat();
        print_block(&String::from_utf8_lossy(&told));

        let mut faults = Vec::new();
        if !output.status.success() {
            faults.push("the exit status is not 0".to_string());
        }
        if !told.is_empty() {
            faults.push("the program said something, which a job's mailer must not".to_string());
        }
        self.smarthost.wait_for(number + 1, LIMIT);
        match self.smarthost.mails().get(number) {
            None => faults.push("no mail arrived".to_string()),
            Some(mail) => {
                print_mail(mail);
                faults.extend(judge(case, mail));
            }
        }
        Ok(faults)
    }
}

fn command_line(case: &Case) -> String {
    let quoted = |argument: &&str| if argument.contains(' ') { format!("'{argument}'") } else { argument.to_string() };
    let arguments: Vec<String> = std::iter::once(&"mailx-t").chain(case.arguments).map(quoted).collect();
    let call = arguments.join(" ");
    match case.stdin_name {
        "" => format!("echo '{}' | {call}", case.stdin.trim_end()),
        name => format!("{call} < fixtures/demo/{name}"),
    }
}

fn print_mail(mail: &Received) {
    println!("   arrived, over {}, logged in as {}:\n", mail.tls.as_deref().unwrap_or("no TLS"), login(mail));
    let mut text = format!("MAIL FROM:<{}>\n", mail.reverse_path);
    mail.addresses().iter().for_each(|address| text.push_str(&format!("RCPT TO:<{address}>\n")));
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&mail.content).replace("\r\n", "\n"));
    print_block(&text);
    let subject = mail.header("Subject").join(" ");
    if subject.contains("=?") {
        println!("   The subject reads: {}\n", read(mail, |parsed| parsed.subject().map(str::to_string)));
    }
}

/// The faults of a mail that arrived.
fn judge(case: &Case, mail: &Received) -> Vec<String> {
    let mut faults: Vec<String> = mail.oddities().iter().map(|odd| format!("it is malformed: {odd}")).collect();
    let mut check = |good: bool, fault: &str| {
        if !good {
            faults.push(fault.to_string());
        }
    };
    check(mail.tls.is_some() && login(mail) == ACCOUNT, "it came without TLS or login");
    check(mail.reverse_path == ACCOUNT, "its reverse-path is not the account");
    check(mail.addresses() == case.recipients, "its recipients are not the right ones");
    let body = read(mail, |parsed| parsed.body_text(0).map(|text| text.into_owned()));
    check(body.contains(case.body), "its body is not what was handed in");
    check(!String::from_utf8_lossy(&mail.content).contains(case.hidden), "it holds what it must not");
    faults
}

fn login(mail: &Received) -> &str {
    mail.login.as_deref().unwrap_or("nobody")
}

/// A part of the mail as a reader's program shows it; empty if it is not there.
fn read(mail: &Received, part: impl Fn(&mail_parser::Message<'_>) -> Option<String>) -> String {
    MessageParser::default().parse(&mail.content).as_ref().and_then(part).unwrap_or_default()
}

fn heading(text: &str) {
    if stdout().is_terminal() {
        println!("\x1b[1m{text}\x1b[0m");
    } else {
        println!("{text}");
    }
}

/// Prints a text set off by a bar; nothing for an empty text.
fn print_block(text: &str) {
    for line in text.lines() {
        println!("   {}", format!("| {line}").trim_end());
    }
    if !text.is_empty() {
        println!();
    }
}
