//! The opening of a session: connection, greeting, TLS, EHLO, login.

use super::super::login::{LoginInGroup, log_in};
use super::super::tls::{self, Roots};
use super::super::trouble::Trouble;
use super::super::{ChunkProof, Client, Credentials, Smarthost};
use super::Session;
use super::chunk_proof::is_shown_before_login;
use super::greeting::introduce;
use super::reach::Way;
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
        let opened = match open_trusting(Roots::Usual, smarthost, credentials, client) {
            Err(trouble) if trouble.is_issuer_unknown && tls::has_more_roots(smarthost) => {
                open_trusting(Roots::Bundle, smarthost, credentials, client)
            }
            result => result,
        };
        // The handshake that fails does not show which names the certificate has. Another one is for them alone.
        opened.map_err(|trouble| if trouble.is_name_wrong { with_names(trouble, smarthost, client) } else { trouble })
    }
}

/// The trouble, with the names in the server's certificate if it shows them.
fn with_names(trouble: Trouble, smarthost: &Smarthost, client: &Client) -> Trouble {
    let seen = open_trusting(Roots::Any, smarthost, None, client).err();
    seen.filter(|seen| seen.is_name_wrong).unwrap_or(trouble)
}

fn open_trusting(
    roots: Roots,
    smarthost: &Smarthost,
    credentials: Option<&Credentials>,
    client: &Client,
) -> Result<Session, Trouble> {
    let client = &client.as_told_to(smarthost);
    let mut channel = Way::new(roots, smarthost, credentials, client).channel()?;
    // RFC 3207 section 4.2: what the server said before TLS does not count.
    let mut capabilities = introduce(&mut channel, client)?;
    if client.is_bare {
        capabilities = capabilities.bare();
    }
    let groups = smarthost.pipelining && capabilities.pipelining;
    let mut window = Window::new(groups, smarthost.chunking && capabilities.chunking);
    let mut chunk_proof = client.chunk_proof_of(channel.peer().relay());
    let is_unproven = window.chunks && chunk_proof == ChunkProof::Wanted;
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::{Duration, Instant};

    use openssl::ssl::SslVersion;

    use super::super::super::Tls;
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
    fn caller_whose_mail_is_kept_nowhere_does_not_wait_long_for_a_greeting() {
        let (smarthost, server) = patient(&[]);
        let smarthost = Smarthost { tls: Tls::StartTls, timeout: Duration::from_secs(300), ..smarthost };
        let client = Client { greeting: Some(LIMIT), ..Client::named("me.example") };
        let trouble = Session::open(&smarthost, None, &client).err().unwrap();
        assert!(trouble.sentence.contains("no complete answer within 200ms: is tls = "), "{trouble}");
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
