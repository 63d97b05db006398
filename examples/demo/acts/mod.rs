//! What the demonstration shows, one act after the other: a mail submitted as it is, the same and others through the
//! programs, and an outage. `cases` holds the calls, `stage` the machine they are made on, `page` the paper.

mod cases;
mod page;
mod stage;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use mail_parser::MessageParser;

use self::cases::{CASES, Case, OUTAGE};
use self::page::Page;
use self::stage::{ACCOUNT, PASSWORD, Stage};
use crate::smarthost::{Client, Received};

/// The sentences that say what is wrong.
type Faults = Vec<String>;

/// Shows everything with the programs in that directory; returns the number of acts that went wrong.
///
/// # Errors
/// The programs cannot be called, or `out` cannot be written.
pub(crate) fn play(programs: &Path, out: &mut dyn Write) -> Result<usize, Box<dyn Error>> {
    let mut stage = Stage::set(programs)?;
    let page = &mut Page::new(out);
    page.line(&format!("The program       {}", programs.join("mailx-t").display()))?;
    page.line(&format!("The smarthost     localhost:{}, TLS, login {ACCOUNT}", stage.port()))?;
    page.line("                  takes no mail whose sender is anybody but its login")?;
    page.line(&format!("MAILX_T_CONFIG    {}\n", stage.config().display()))?;
    page.block(&fs::read_to_string(stage.config())?)?;

    let mut acts = vec![submit_as_it_is(page, &stage, &CASES[0])?];
    for (number, case) in CASES.iter().enumerate() {
        head(page, number + 1, case)?;
        let mut faults = call(page, &stage, case)?;
        faults.extend(await_mail(page, &stage, case, number)?);
        acts.push(faults);
    }
    acts.push(meet_outage(page, &mut stage, CASES.len())?);

    stage.wait_until_idle();
    page.heading("The log")?;
    page.line("")?;
    page.block(&fs::read_to_string(stage.path("log"))?)?;
    acts.iter().flatten().try_for_each(|fault| page.line(&format!("WRONG: {fault}")))?;
    let wrong = acts.iter().filter(|faults| !faults.is_empty()).count();
    match wrong {
        0 => page.line(&format!("All {} mails arrived.", CASES.len() + 1))?,
        _ => page.line(&format!("{wrong} of {} acts went wrong.", acts.len()))?,
    }
    Ok(wrong)
}

/// Submits the mail of a case with its sender as it is, and shows the dialogue. It stands for a mailer, and is none.
fn submit_as_it_is(page: &mut Page, stage: &Stage, case: &Case) -> Result<Faults, Box<dyn Error>> {
    page.heading("0. Without mailx-t")?;
    page.remark(
        "what a mailer hears that leaves the sender as cron wrote it: no mailer is at work, this program says it,",
    )?;
    page.remark("over TLS and logged in; first with root in MAIL FROM, then with root in the From field alone\n")?;
    let running = stage.running().ok_or("there is no smarthost")?;
    let mut client = Client::logged_in(running, ACCOUNT, PASSWORD);
    let content = format!("{}.", case.stdin.replace('\n', "\r\n"));
    let steps = [
        ("MAIL FROM:<root@host.example>", "553"),
        (&format!("MAIL FROM:<{ACCOUNT}>"), "250"),
        ("RCPT TO:<ops@example.com>", "250"),
        ("DATA", "354"),
        (&content, "554"),
    ];
    let (mut dialogue, mut faults) = (String::new(), Faults::new());
    for (line, expected) in steps {
        let reply = client.say(line);
        if !reply.starts_with(expected) {
            faults.push(format!("the smarthost says {:?} to a mail as it is, not {expected}", reply.trim_end()));
        }
        line.lines().for_each(|line| dialogue += &format!("C: {line}\n"));
        reply.lines().for_each(|line| dialogue += &format!("S: {line}\n"));
    }
    page.block(&dialogue)?;
    page.remark("refused for good, twice: such a mail is lost, or comes back to a mailbox that nobody reads\n")?;
    Ok(faults)
}

/// A mail is handed in while nobody listens; it waits, and leaves once somebody does.
fn meet_outage(page: &mut Page, stage: &mut Stage, number: usize) -> Result<Faults, Box<dyn Error>> {
    head(page, number + 1, &OUTAGE)?;
    stage.stop_smarthost();
    let mut faults = call(page, stage, &OUTAGE)?;
    let told = ask(page, stage, &["mailx-t", "ctl", "queue", "retry", "all"])?;
    demand(&mut faults, told.contains("deferred") && told.contains("refused"), "an outage is not told");
    let listed = ask(page, stage, &["mailq"])?;
    demand(&mut faults, listed.contains("ops@example.com"), "mailq does not list a mail that waits");

    stage.start_smarthost();
    page.remark("The smarthost is up again. The timer of the package would see to it; a person need not wait:\n")?;
    let told = ask(page, stage, &["mailx-t", "ctl", "queue", "retry", "all"])?;
    demand(&mut faults, told.contains("sent"), "the mail waits on");
    faults.extend(await_mail(page, stage, &OUTAGE, number)?);
    let listed = ask(page, stage, &["mailq"])?;
    demand(&mut faults, listed.contains("Mail queue is empty"), "mailq lists a mail that has left");
    Ok(faults)
}

fn head(page: &mut Page, number: usize, case: &Case) -> Result<(), Box<dyn Error>> {
    page.heading(&format!("{number}. {}", case.title))?;
    Ok(page.remark(&format!("{}\n", case.point))?)
}

/// Calls the program as the case says, and shows what went in and what came of it.
fn call(page: &mut Page, stage: &Stage, case: &Case) -> Result<Faults, Box<dyn Error>> {
    let output = stage.call(case.call, case.stdin)?;
    page.remark(&format!("$ {}", case.command_line()))?;
    if !case.stdin_name.is_empty() {
        page.block(case.stdin)?;
    }
    page.remark(&format!("exit status {}\n", output.status.code().unwrap_or(-1)))?;
    let told = [output.stdout, output.stderr].concat();
    page.block(&String::from_utf8_lossy(&told))?;
    let mut faults = Faults::new();
    demand(&mut faults, output.status.success(), "the exit status is not 0");
    demand(&mut faults, told.is_empty(), "the program said something, which a job's mailer must not");
    Ok(faults)
}

/// Calls the program as a person does; returns what it said.
fn ask(page: &mut Page, stage: &Stage, call: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = stage.call(call, "")?;
    let told = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
    page.remark(&format!("$ {}", call.join(" ")))?;
    page.block(&told)?;
    Ok(told)
}

/// Shows the mail with that number, from 0, when it has arrived.
fn await_mail(page: &mut Page, stage: &Stage, case: &Case, number: usize) -> Result<Faults, Box<dyn Error>> {
    let Some(mail) = stage.arrived(number) else { return Ok(vec!["no mail arrived".to_string()]) };
    page.remark(&format!(
        "arrived, over {}, logged in as {}:\n",
        mail.tls.as_deref().unwrap_or("no TLS"),
        login(&mail)
    ))?;
    let mut text = format!("MAIL FROM:<{}>\n", mail.reverse_path);
    mail.addresses().iter().for_each(|address| text.push_str(&format!("RCPT TO:<{address}>\n")));
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&mail.content).replace("\r\n", "\n"));
    page.block(&text)?;
    if mail.header("Subject").join(" ").contains("=?") {
        let subject = read(&mail, |parsed| parsed.subject().map(str::to_string));
        page.remark(&format!("The subject reads: {subject}\n"))?;
    }
    Ok(judge(case, &mail))
}

/// The faults of a mail that arrived.
fn judge(case: &Case, mail: &Received) -> Faults {
    let mut faults: Faults = mail.oddities().iter().map(|odd| format!("it is malformed: {odd}")).collect();
    demand(&mut faults, mail.tls.is_some() && login(mail) == ACCOUNT, "it came without TLS or login");
    demand(&mut faults, mail.reverse_path == ACCOUNT, "its reverse-path is not the account");
    demand(&mut faults, mail.addresses() == case.recipients, "its recipients are not the right ones");
    let body = read(mail, |parsed| parsed.body_text(0).map(|text| text.into_owned()));
    demand(&mut faults, body.contains(case.body), "its body is not what was handed in");
    let holds = String::from_utf8_lossy(&mail.content).contains(case.hidden);
    demand(&mut faults, !holds, "it holds what it must not");
    faults
}

fn demand(faults: &mut Faults, is_good: bool, fault: &str) {
    faults.extend((!is_good).then(|| fault.to_string()));
}

fn login(mail: &Received) -> &str {
    mail.login.as_deref().unwrap_or("nobody")
}

/// A part of the mail as a reader's program shows it; empty if it is not there.
fn read(mail: &Received, part: impl Fn(&mail_parser::Message<'_>) -> Option<String>) -> String {
    MessageParser::default().parse(&mail.content).as_ref().and_then(part).unwrap_or_default()
}
