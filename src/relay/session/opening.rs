//! The opening of a session: connection, greeting, TLS, EHLO, login.
//!
//! Nothing is sent before the greeting (RFC 5321 section 3.1), and nothing together with EHLO (RFC 2920 section 3.1). A
//! session that is to have STARTTLS never goes on without it, and plaintext never leaves this machine.

use std::net::{IpAddr, Ipv4Addr};

use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::ClientId;

use super::super::channel::Channel;
use super::super::connect::connect;
use super::super::deadline::{Timed, from_now};
use super::super::login::{LoginInGroup, log_in};
use super::super::mechanism;
use super::super::stream::Stream;
use super::super::tls::{self, Handshake, Roots};
use super::super::trouble::{Peer, Trouble};
use super::super::{Capabilities, ChunkProof, Client, Credentials, Smarthost, Tls};
use super::Session;
use super::chunk_proof::is_shown_before_login;
use super::window::Window;
use crate::outcome::{Scope, Stage};

impl Session {
    /// Connects to the smarthost, makes sure who answers, and logs in. With `auth-in-group`, the login may wait for the
    /// first mail.
    ///
    /// # Errors
    /// The trouble that every mail for this smarthost has now.
    pub(crate) fn open(
        smarthost: &Smarthost,
        credentials: Option<&Credentials>,
        client: &Client,
    ) -> Result<Self, Trouble> {
        match open_trusting(Roots::Usual, smarthost, credentials, client) {
            Err(trouble) if trouble.is_issuer_unknown && tls::has_more_roots(smarthost) => {
                open_trusting(Roots::Bundle, smarthost, credentials, client)
            }
            result => result,
        }
    }
}

fn open_trusting(
    roots: Roots,
    smarthost: &Smarthost,
    credentials: Option<&Credentials>,
    client: &Client,
) -> Result<Session, Trouble> {
    let client = &client.as_told_to(smarthost);
    let mut channel = open_channel(roots, smarthost, credentials, client)?;
    // RFC 3207 section 4.2: what the server said before TLS does not count.
    let capabilities = introduce(&mut channel, client)?;
    let groups = smarthost.pipelining && capabilities.pipelining;
    let mut window = Window::new(groups, smarthost.chunking && capabilities.chunking);
    let is_unproven = window.chunks && client.chunk_proof == ChunkProof::Wanted;
    let mut chunk_proof = client.chunk_proof;
    if let Some(user) = smarthost.login() {
        let Some(credentials) = credentials else {
            let why = format!("login of {user} is configured, but there is no password");
            return Err(channel.peer().trouble(Stage::Setup, Scope::Configuration, why));
        };
        match LoginInGroup::of(smarthost, &capabilities.auth, credentials) {
            Some(login) if groups && !is_unproven => {
                login.hide(channel.redaction());
                window.log_in_with_first(login);
            }
            Some(_) if is_unproven && !is_shown_before_login(&mut channel)? => {
                window.chunks = false;
                chunk_proof = ChunkProof::Failed;
                log_in(&mut channel, smarthost, &capabilities.auth, credentials)?;
            }
            _ => log_in(&mut channel, smarthost, &capabilities.auth, credentials)?,
        }
    }
    Ok(Session { channel, capabilities, window, chunk_proof })
}

/// A channel on which the server has greeted us, with TLS if the settings want it.
fn open_channel(
    roots: Roots,
    smarthost: &Smarthost,
    credentials: Option<&Credentials>,
    client: &Client,
) -> Result<Channel, Trouble> {
    let handshake = (smarthost.tls != Tls::None).then(|| Handshake::begin(smarthost, roots));
    let mut channel = reach(smarthost, client)?;
    if let Some(credentials) = credentials {
        // The server may know the secret from an earlier login, and quote it before the next one.
        credentials.hide_in(channel.redaction());
    }
    match handshake {
        None => greet(&mut channel, smarthost.tls)?,
        Some(handshake) if smarthost.tls == Tls::Implicit => {
            channel = channel.secured(handshake)?;
            greet(&mut channel, smarthost.tls)?;
        }
        Some(handshake) => {
            greet(&mut channel, smarthost.tls)?;
            start_tls(&mut channel, client)?;
            channel.allow(smarthost.connect_timeout);
            channel = channel.secured(handshake)?;
        }
    }
    Ok(channel)
}

/// Looks up the name and connects. Plaintext is kept on this machine.
fn reach(smarthost: &Smarthost, client: &Client) -> Result<Channel, Trouble> {
    let peer = Peer::named(smarthost);
    let until = from_now(smarthost.connect_timeout);
    let (tcp, address) = connect(smarthost, until).map_err(|error| match error.excuse() {
        Some(excuse) => peer.trouble(Stage::Setup, Scope::Host, format!("{error}{excuse}")),
        None => peer.trouble(error.stage(), Scope::Host, &error),
    })?;
    let peer = Peer::reached(smarthost, address);
    let leaves_machine = smarthost.proxy.is_some() || !address.ip().to_canonical().is_loopback();
    if smarthost.tls == Tls::None && leaves_machine {
        let why = "tls = \"none\" is only for this machine itself: set tls = \"implicit\" or \"starttls\"";
        return Err(peer.trouble(Stage::Setup, Scope::Configuration, why));
    }
    let timed = Timed::new(tcp, until).map_err(|error| peer.trouble(Stage::Connect, Scope::Host, error))?;
    Ok(Channel::new(Stream::Plain(timed), peer, client, smarthost.timeout))
}

/// Waits for the greeting, RFC 5321 section 3.1.
fn greet(channel: &mut Channel, tls: Tls) -> Result<(), Trouble> {
    let answer = channel.receive(Stage::Greeting).map_err(|mut trouble| {
        // A server of implicit TLS waits for our first byte, as we wait for its first one.
        let advice = match tls {
            // The server said something else than a greeting, and the sentence has its advice already.
            _ if trouble.sentence.ends_with('?') => "",
            Tls::StartTls => ": is tls = \"implicit\" or another port meant?",
            Tls::None => ": is another port meant?",
            // A port where the handshake succeeded is one for TLS.
            Tls::Implicit => "",
        };
        trouble.sentence.push_str(advice);
        trouble
    })?;
    if answer.is_class(2) {
        return Ok(());
    }
    let reply = answer.reply();
    let why = format!("the server turns us away ({reply})");
    Err(channel.peer().refusal(Stage::Greeting, reply, why))
}

/// EHLO, RFC 5321 section 4.1.1.1.
fn introduce(channel: &mut Channel, client: &Client) -> Result<Capabilities, Trouble> {
    let own = channel.timed().socket().local_addr().ok().map(|address| address.ip().to_canonical());
    let answer = channel.ask(Stage::Ehlo, &Ehlo::new(client_id(&client.name, own)).to_string())?;
    if answer.is_class(2) {
        let mut capabilities = Capabilities::of(&answer.lines);
        // A name that is not known here may be anything, and sentences tell it.
        for name in capabilities.auth.iter_mut().filter(|name| !mechanism::is_known(name)) {
            *name = channel.redaction().redact(name);
        }
        return Ok(capabilities);
    }
    let reply = answer.reply();
    let why = if reply.is_permanent() {
        format!("EHLO refused ({reply}): check this machine's name")
    } else {
        format!("the server puts us off ({reply})")
    };
    Err(channel.peer().refusal(Stage::Ehlo, reply, why))
}

/// Asks for TLS, RFC 3207. The handshake is the caller's.
fn start_tls(channel: &mut Channel, client: &Client) -> Result<(), Trouble> {
    if !introduce(channel, client)?.starttls {
        let why = "STARTTLS is not offered, and nothing is sent without: is tls = \"implicit\" or another port meant?";
        return Err(channel.peer().trouble(Stage::Tls, Scope::Configuration, why));
    }
    let answer = channel.ask(Stage::Tls, &Starttls.to_string())?;
    if answer.is_class(2) {
        return Ok(());
    }
    let reply = answer.reply();
    let why = format!("STARTTLS refused ({reply})");
    Err(channel.peer().refusal(Stage::Tls, reply, why))
}

/// The name for EHLO: a name with a dot, else the address literal that RFC 5321 section 4.1.4 has for a machine without
/// one. Many servers refuse `web1`, and names that are none.
fn client_id(name: &str, own: Option<IpAddr>) -> ClientId {
    match own {
        _ if is_full_name(name) => ClientId::Domain(name.to_owned()),
        Some(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Some(IpAddr::V6(address)) => ClientId::Ipv6(address),
        None => ClientId::Ipv4(Ipv4Addr::LOCALHOST),
    }
}

/// RFC 5321 section 4.1.2: labels of letters, digits and hyphens, two or more.
fn is_full_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 255 && name.contains('.') && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::{Duration, Instant};

    use openssl::ssl::SslVersion;

    use super::super::super::tests::{DATA, HELLO, MAIL, PATIENCE, RCPT, follow, open, patient, send, serve};
    use super::super::super::tls::tests::{accept, pinned, valid};
    use super::*;
    use crate::outcome::Status;

    /// The limit where a server keeps us waiting. Elsewhere there is all the time that a busy machine needs.
    const LIMIT: Duration = Duration::from_millis(200);

    fn trouble(smarthost: &Smarthost) -> Trouble {
        open(smarthost).err().expect("no session was to come about")
    }

    #[test]
    fn silent_greeting_ends_in_time() {
        let (smarthost, server) = patient(&[]);
        let start = Instant::now();
        let trouble = trouble(&Smarthost { timeout: LIMIT, ..smarthost });
        assert!(start.elapsed() < PATIENCE);
        assert_eq!((trouble.stage, trouble.scope), (Stage::Greeting, Scope::Host));
        assert!(trouble.sentence.contains("no complete answer within 200ms"), "{trouble}");
        server.join().unwrap();
    }

    #[test]
    fn person_who_looks_on_waits_less_than_a_mail_and_is_told_so() {
        for (timeout, told) in [
            (Duration::from_secs(300), "no complete answer within 200ms; a mail waits for one up to 300s: is tls = "),
            (LIMIT, "no complete answer within 200ms: is tls = "),
        ] {
            let (smarthost, server) = patient(&[]);
            let smarthost = Smarthost { tls: Tls::StartTls, timeout, ..smarthost };
            let client = Client { patience: Some(LIMIT), ..Client::named("me.example") };
            let trouble = Session::open(&smarthost, None, &client).err().unwrap();
            assert!(trouble.sentence.contains(told), "{trouble}");
            server.join().unwrap();
        }
    }

    #[test]
    fn dripping_greeting_ends_in_time() {
        let (smarthost, server) = serve(|mut tcp| {
            // An octet each time that the other end is not heard to hang up.
            tcp.set_read_timeout(Some(LIMIT / 10)).unwrap();
            while tcp.write_all(b"2").is_ok() && !matches!(tcp.read(&mut [0]), Ok(0)) {}
            String::new()
        });
        let start = Instant::now();
        assert!(trouble(&Smarthost { timeout: LIMIT, ..smarthost }).sentence.contains("no complete answer"));
        assert!(start.elapsed() < PATIENCE);
        server.join().unwrap();
    }

    #[test]
    fn server_that_turns_us_away_is_quoted() {
        let (smarthost, server) = patient(&[("", "554 5.7.1 not you\r\n")]);
        let refused = trouble(&smarthost);
        assert_eq!((refused.stage, refused.scope), (Stage::Greeting, Scope::Host));
        assert!(refused.sentence.ends_with("the server turns us away (554 5.7.1 not you)"), "{refused}");
        assert_eq!(refused.outcome().enhanced.to_string(), "4.7.1");
        server.join().unwrap();
    }

    #[test]
    fn plaintext_never_leaves_this_machine_and_starttls_is_never_done_without() {
        let (smarthost, server) = patient(&[("", "220 hello\r\n"), HELLO]);
        let refused = trouble(&Smarthost { tls: Tls::StartTls, ..smarthost });
        assert_eq!((refused.stage, refused.scope), (Stage::Tls, Scope::Configuration));
        assert!(refused.sentence.contains("STARTTLS is not offered"), "{refused}");
        assert_eq!(server.join().unwrap(), "EHLO me.example\r\n");
    }

    #[test]
    fn plaintext_goes_through_no_proxy() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Some(listener.local_addr().unwrap().into());
        let server = thread::spawn(move || {
            let mut client = listener.accept().unwrap().0;
            client.read_exact(&mut [0; 3]).unwrap();
            client.write_all(&[5, 0]).unwrap();
            client.read_exact(&mut [0; 4 + 1 + 4 + 2]).unwrap();
            client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).unwrap();
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).unwrap();
            heard
        });
        let refused = trouble(&Smarthost { tls: Tls::None, proxy, ..Smarthost::new("far1") });
        assert!(refused.sentence.contains("only for this machine itself"), "{refused}");
        assert!(server.join().unwrap().is_empty());
    }

    #[test]
    fn starttls_forgets_what_was_said_before_it() {
        let identity = valid("elsewhere.example", None);
        let smarthost = pinned(&identity);
        let (plain, server) = serve(move |tcp| {
            let mut heard = String::new();
            let script: [(&str, &str); 3] =
                [("", "220 x\r\n"), ("EHLO", "250-x\r\n250-SIZE 1\r\n250 starttls\r\n"), ("STARTTLS", "220 go\r\n")];
            follow(&script, &tcp, &mut heard);
            let mut stream = accept(&identity, SslVersion::TLS1_3, tcp).unwrap();
            follow(&[HELLO, MAIL, RCPT, DATA, (".", "250 ok\r\n"), ("QUIT", "")], &mut stream, &mut heard);
            heard
        });
        let smarthost = Smarthost { tls: Tls::StartTls, fingerprint: smarthost.fingerprint, ..plain };
        let mut session = open(&smarthost).unwrap();
        assert_eq!(session.capabilities().size, Some(1000));
        assert_eq!(send(&mut session, 1, "x")[0].status, Status::Sent);
        session.quit();
        assert!(server.join().unwrap().starts_with("EHLO me.example\r\nSTARTTLS\r\nEHLO me.example\r\nMAIL"));
    }

    #[test]
    fn answer_that_comes_ahead_of_the_handshake_is_taken_for_tampering() {
        let (smarthost, server) = patient(&[
            ("", "220 x\r\n"),
            ("EHLO", "250-x\r\n250 starttls\r\n"),
            ("STARTTLS", "220 go\r\n250-injected\r\n250 SIZE 1\r\n"),
        ]);
        let refused = trouble(&Smarthost { tls: Tls::StartTls, ..smarthost });
        assert_eq!((refused.stage, refused.scope), (Stage::Tls, Scope::Host));
        assert!(refused.sentence.contains("tampering"), "{refused}");
        assert_eq!(server.join().unwrap(), "EHLO me.example\r\nSTARTTLS\r\n");
    }

    #[test]
    fn trouble_with_tls_names_server_and_cure() {
        let (plain, server) = serve(|tcp| {
            accept(&valid("a.example", None), SslVersion::TLS1_3, tcp);
            String::new()
        });
        let refused = trouble(&Smarthost { tls: Tls::Implicit, ..plain });
        assert_eq!((refused.stage, refused.scope), (Stage::Tls, Scope::Configuration));
        assert!(refused.sentence.starts_with("smarthost 127.0.0.1:"), "{refused}");
        assert!(
            refused.sentence.ends_with("is self-signed: set ca-file to it, or fingerprint to its SHA-256"),
            "{refused}"
        );
        server.join().unwrap();
    }

    #[test]
    fn name_that_is_no_full_one_becomes_an_address() {
        for name in ["web1", "project_web_1.x", "web1.", "-x.y", "we b.x\r\nMAIL", "(none)", ""] {
            let (smarthost, server) = patient(&[("", "220 hello\r\n"), ("EHLO", "250 hi\r\n")]);
            drop(Session::open(&smarthost, None, &Client::named(name)).unwrap());
            assert_eq!(server.join().unwrap(), "EHLO [127.0.0.1]\r\n", "{name}");
        }
    }
}
