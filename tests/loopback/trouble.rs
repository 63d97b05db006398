//! The smarthost, the network or the configuration is at fault: the mail is kept, the caller hears one sentence that
//! says what to do, and every program ends by itself.
//!
//! Faults of the machine that the program runs on are in `rough.rs`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::smarthost::{Act, HANG, Kind, Point, Smarthost};
use crate::support::Machine;
use crate::support::machine::{PASSWORD, Ran, USER, relay, start};

const MAIL: &[u8] = b"Subject: backup\n\nall is well\n";

fn knowing_us() -> Smarthost {
    Smarthost::new().account(USER, PASSWORD)
}

/// A smarthost that wants to be asked for the content, so that every stage is one of its own.
fn asked() -> Smarthost {
    knowing_us().without("CHUNKING")
}

/// Sends a mail that cannot leave now: it is kept, and nobody else gets it. Returns the sentence about the reason, with
/// `PORT` for the port and `ID` for the queue id.
fn deferred(machine: &Machine) -> String {
    let ran = machine.send(&["a@host.example"], MAIL);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    let queue = machine.queue();
    assert_eq!((queue.len(), machine.failed().len()), (1, 0));
    let log = machine.log();
    assert!(log.contains("to=<a@host.example>") && log.contains(" status=deferred ("), "{log}");
    assert!(!log.contains(PASSWORD) && !ran.stderr.contains(PASSWORD));
    let whole = plain(&ran.stderr.replace(&queue[0], "ID"));
    let reason = whole.strip_prefix("mailx-t: <a@host.example>: ").unwrap_or_default();
    let reason = reason.strip_suffix("; the mail is kept as ID and will be tried again\n").unwrap_or_default();
    assert!(!reason.is_empty(), "{whole}");
    reason.to_owned()
}

/// As `deferred`, through a smarthost that misbehaves; afterwards every connection has ended.
fn deferred_by(smarthost: Smarthost, lines: &str) -> String {
    let machine = Machine::with(smarthost, lines);
    let reason = deferred(&machine);
    assert!(machine.smarthost().wait_until_idle(HANG));
    reason
}

/// The text with `PORT` for each port after a host name.
fn plain(text: &str) -> String {
    let mut pieces = text.split("localhost:");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain += "localhost:PORT";
        plain += piece.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    plain
}

#[test]
fn stalled_handshake_ends_with_the_connect_timeout() {
    let reason = deferred_by(knowing_us().on(Point::Handshake, Act::Stall), "connect-timeout = \"300ms\"\n");
    let expected = "no TLS handshake in time: is tls = \"starttls\" (smtp:// in MAILX_T_URL) or another port meant?";
    assert_eq!(reason, format!("smarthost localhost:PORT: {expected}"));
}

#[test]
fn dripping_handshake_ends_with_the_connect_timeout() {
    let drip = Act::Drip(Duration::from_millis(100));
    let reason = deferred_by(knowing_us().on(Point::Handshake, drip), "connect-timeout = \"300ms\"\n");
    let expected = "no TLS handshake in time: is tls = \"starttls\" (smtp:// in MAILX_T_URL) or another port meant?";
    assert_eq!(reason, format!("smarthost localhost:PORT: {expected}"));
}

#[test]
fn silent_greeting_ends_with_the_timeout() {
    let reason = deferred_by(knowing_us().on(Point::Greeting, Act::Stall), "timeout = \"300ms\"\n");
    assert_eq!(reason, "smarthost localhost:PORT: at greeting: no complete answer within 300ms");
}

#[test]
fn dripping_greeting_ends_with_the_timeout() {
    let drip = Act::Drip(Duration::from_millis(100));
    let reason = deferred_by(knowing_us().on(Point::Greeting, drip), "timeout = \"300ms\"\n");
    assert_eq!(reason, "smarthost localhost:PORT: at greeting: no complete answer within 300ms");
}

#[test]
fn silence_after_the_final_dot_may_mean_a_duplicate_and_says_so() {
    for act in [Act::Stall, Act::StoreThenStall] {
        // Longer than the steps before it take on any machine.
        let reason = deferred_by(knowing_us().on(Point::Content, act), "timeout = \"3s\"\n");
        assert_eq!(
            reason,
            "smarthost localhost:PORT: at content: no complete answer within 3s: the server may have taken the mail \
             all the same, so a duplicate is possible"
        );
    }
}

#[test]
fn cut_at_any_stage_keeps_the_mail() {
    let closed = "the server closed the connection";
    let doubt = ": the server may have taken the mail all the same, so a duplicate is possible";
    for (point, stage, rest) in [
        (Point::Greeting, "greeting", ""),
        (Point::Ehlo, "ehlo", ""),
        (Point::Auth, "auth", ""),
        (Point::Mail, "mail", ""),
        (Point::Rcpt, "rcpt", ""),
        (Point::Data, "data", ""),
        (Point::Content, "content", doubt),
    ] {
        let reason = deferred_by(asked().on(point, Act::Cut), "");
        assert_eq!(reason, format!("smarthost localhost:PORT: at {stage}: {closed}{rest}"));
    }
    for point in [Point::Connect, Point::Handshake] {
        let reason = deferred_by(asked().on(point, Act::Cut), "");
        let rest = "during the TLS handshake: is another port or another tls meant?";
        assert_eq!(reason, format!("smarthost localhost:PORT: {closed} {rest}"));
    }
}

#[test]
fn reset_at_any_stage_keeps_the_mail() {
    for point in [Point::Greeting, Point::Auth, Point::Mail, Point::Rcpt, Point::Data, Point::Content] {
        let reason = deferred_by(asked().on(point, Act::Reset), "");
        assert!(reason.starts_with("smarthost localhost:PORT: at "), "{reason}");
    }
}

#[test]
fn busy_server_keeps_the_mail_at_any_stage() {
    for (point, expected) in [
        (Point::Greeting, "smarthost localhost:PORT: the server turns us away (421 4.3.2 busy)"),
        (Point::Ehlo, "smarthost localhost:PORT: the server puts us off (421 4.3.2 busy)"),
        (Point::Auth, "smarthost localhost:PORT: login of mail@example.test put off (421 4.3.2 busy)"),
        (Point::Mail, "421 4.3.2 busy"),
        (Point::Rcpt, "421 4.3.2 busy"),
        (Point::Data, "421 4.3.2 busy"),
        (Point::Content, "421 4.3.2 busy"),
    ] {
        assert_eq!(deferred_by(asked().on(point, Act::reply("421 4.3.2 busy")), ""), expected);
    }
}

#[test]
fn refusal_before_the_mail_never_bounces_it() {
    for (point, expected) in [
        (Point::Greeting, "the server turns us away (554 5.7.1 no)"),
        (Point::Ehlo, "EHLO refused (554 5.7.1 no): check this machine's name"),
        (
            Point::Auth,
            "login of mail@example.test refused (554 5.7.1 no): check user and password-file; if both are right, set \
             auth = \"login\": some servers offer PLAIN and do not take it",
        ),
    ] {
        let reason = deferred_by(knowing_us().on(point, Act::reply("554 5.7.1 no")), "");
        assert_eq!(reason, format!("smarthost localhost:PORT: {expected}"));
    }
}

#[test]
fn garbage_is_quoted_cleaned() {
    let garbage = Act::Garbage(b"\x1b[31mHTTP/1.1 400 Bad Request\r\n".to_vec());
    let reason = deferred_by(knowing_us().on(Point::Greeting, garbage), "");
    assert_eq!(
        reason,
        "smarthost localhost:PORT: at greeting: the answer is not SMTP (\"?[31mHTTP/1.1 400 Bad Request\"): is \
         another port meant?"
    );
}

#[test]
fn wrong_password_is_told_by_its_key_and_mended_without_losing_the_mail() {
    let machine = Machine::with(knowing_us(), "");
    machine.write_password("mistyped");
    assert_eq!(
        deferred(&machine),
        "smarthost localhost:PORT: login of mail@example.test refused (535 5.7.8 username and password not \
         accepted): check user and password-file; if both are right, set auth = \"login\": some servers offer PLAIN \
         and do not take it"
    );
    machine.write_password(PASSWORD);
    machine.flush();
    assert_eq!((machine.smarthost().mails().len(), machine.queue().len()), (1, 0));
}

#[test]
fn sender_the_provider_does_not_like_never_bounces() {
    let text = "553 5.7.1 mail from must be same as authorization user";
    assert_eq!(deferred_by(knowing_us().on(Point::Mail, Act::reply(text)), ""), text);
}

#[test]
fn each_bad_certificate_has_its_sentence() {
    for (kind, expected) in [
        (
            Kind::Expired,
            "the server's certificate has expired: its owner must renew it, unless this machine's clock is wrong",
        ),
        (Kind::NotYetValid, "the server's certificate is not valid yet: check this machine's clock"),
        (Kind::SelfSigned, "the server's certificate is self-signed: set ca-file to it, or fingerprint to its SHA-256"),
        (Kind::WrongHost, "the server's certificate is for another name (other.test): check [smarthost] host"),
    ] {
        let machine = Machine::with(knowing_us().certificate(kind), "");
        assert_eq!(deferred(&machine), format!("smarthost localhost:PORT: {expected}"));
        assert!(machine.smarthost().connections()[0].commands.is_empty(), "nothing is said to a stranger");
    }
}

#[test]
fn tls_towards_a_plaintext_port_has_its_sentence() {
    let expected = "smarthost localhost:PORT: the answer is not TLS: is tls = \"starttls\" (smtp:// in MAILX_T_URL) or another port meant?";
    assert_eq!(deferred_by(knowing_us().plaintext(), ""), expected);
}

#[test]
fn handshake_the_server_refuses_has_its_sentence() {
    let reason = deferred_by(knowing_us().on(Point::Handshake, Act::TlsAlert), "");
    assert!(reason.starts_with("smarthost localhost:PORT: the server refused the TLS handshake ("), "{reason}");
}

#[test]
fn starttls_that_is_not_offered_or_refused_sends_nothing() {
    for smarthost in
        [knowing_us().plaintext(), knowing_us().starttls().on(Point::Starttls, Act::reply("454 4.7.0 not now"))]
    {
        let machine = Machine::with(smarthost, "tls = \"starttls\"\n");
        let reason = deferred(&machine);
        assert!(reason.to_lowercase().contains("starttls"), "{reason}");
        let commands = machine.smarthost().connections().remove(0).commands;
        assert!(!commands.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{commands:?}");
    }
}

#[test]
fn connection_that_is_refused_has_its_sentence() {
    // A client's end of a connection: the port is ours, and nobody can listen there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let port = client.local_addr().unwrap().port();
    let machine = elsewhere("127.0.0.1", port);
    assert_eq!(
        deferred(&machine),
        format!(
            "smarthost 127.0.0.1:{port}: connection failed (127.0.0.1: connection refused): check [smarthost] host and \
             port, and the way there"
        )
    );
}

#[test]
fn name_that_does_not_exist_has_its_sentence() {
    let reason = deferred(&elsewhere("smtp.mailx-t.invalid", 465));
    // A machine without a name server cannot tell that there is no such name.
    let sentences = [
        "name not found: check [smarthost] host and the machine's DNS",
        "name look-up failed (temporary failure in name resolution): check the machine's DNS",
        "name look-up gave no answer in time: check the machine's DNS",
    ];
    let expected = sentences.map(|sentence| format!("smarthost smtp.mailx-t.invalid:465: {sentence}"));
    assert!(expected.contains(&reason), "{reason}");
}

/// A machine whose smarthost is at that address, whatever listens there.
fn elsewhere(host: &str, port: u16) -> Machine {
    Machine::configured(|place| {
        format!(
            "[smarthost]\nhost = \"{host}\"\nport = {port}\nuser = \"{USER}\"\npassword-file = \"{}/password\"\n",
            place.display()
        )
    })
}

#[test]
fn password_that_cannot_be_had_keeps_the_mail() {
    let machine = Machine::with(knowing_us(), "");
    let path = machine.path("password");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let expected = format!("password-file {}: mode 0644 opens it to every user: chmod o= it", path.display());
    assert_eq!(deferred(&machine), expected);
    assert!(machine.smarthost().connections().is_empty());
    fs::remove_file(&path).unwrap();
    let run = machine.run("sendmail", &["-q", "-v"], b"");
    assert!(run.stdout.contains("cannot be opened: No such file or directory"), "{run:?}");
    assert_eq!(machine.queue().len(), 1);
}

/// Runs the door with an unusable configuration. stdin is empty: a mail in it would be saved in the real home
/// directory.
fn refused(text: Option<&str>) -> (Machine, Ran) {
    let machine = Machine::with(knowing_us(), "");
    match text {
        Some(text) => fs::write(machine.config(), text).unwrap(),
        None => fs::remove_file(machine.config()).unwrap(),
    }
    let ran = machine.send(&["a@host.example"], b"");
    (machine, ran)
}

#[test]
fn missing_configuration_has_its_sentence() {
    let (machine, ran) = refused(None);
    assert_eq!(ran.status, Some(78));
    let path = machine.config();
    let expected = "does not exist: run mailx-t ctl init, then fill it in";
    assert_eq!(ran.stderr, format!("mailx-t: no configuration: {} {expected}\n", path.display()));
}

#[test]
fn unreadable_configuration_has_its_sentence() {
    // A directory is no file for anybody; a mode would not stop root.
    let machine = Machine::with(knowing_us(), "");
    fs::remove_file(machine.config()).unwrap();
    fs::create_dir(machine.config()).unwrap();
    let ran = machine.send(&["a@host.example"], b"");
    assert_eq!(ran.status, Some(78));
    let path = machine.config();
    let expected = "is a directory and not a regular file: name a file";
    assert_eq!(ran.stderr, format!("mailx-t: {} {expected}\n", path.display()));
}

#[test]
fn misspelt_configuration_has_its_sentence_and_shows_no_secret() {
    let text = format!("[smarthost]\nhost = \"localhost\"\nuser = \"{USER}\"\npasword = \"{PASSWORD}\"\n");
    let (machine, ran) = refused(Some(&text));
    assert_eq!(ran.status, Some(78));
    let expected = "4:1: unknown key \"pasword\": did you mean \"password\"?";
    assert_eq!(ran.stderr, format!("mailx-t: {}:{expected}\n", machine.config().display()));
}

#[test]
fn trouble_of_a_relay_that_nobody_listens_to_stands_in_the_log() {
    let machine = Machine::strict(Smarthost::new());
    fs::remove_dir_all(machine.path("spool/queue")).unwrap();
    let mut command = relay();
    command.arg("--config").arg(machine.config()).args(["flush", "--due"]);
    let ran = start(command, b"").finish();
    assert_eq!(ran.status, Some(74), "{ran:?}");
    assert!(machine.log().contains("/queue/relay.lock: No such file or directory"), "{}", machine.log());
}
