//! The smarthost itself: built with the methods of `Smarthost`, listening from `start` until its `Running` is dropped.
//!
//! One thread accepts, one serves each connection. Dropping it wakes them all and waits for them, whatever they are in
//! the middle of.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use openssl::ssl::{SslAcceptor, SslMethod, SslOptions, SslVersion};

use super::certificates::{Authority, Kind};
use super::dialogue;
use super::record::{Connection, Journal, Received};
use super::script::{Act, On, Point, Script};
use super::transaction::TOO_LARGE;
use super::wire::Stop;

/// The protection of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    Implicit,
    None,
    Starttls,
}

/// A smarthost to be: its offers, its accounts, its faults.
pub(crate) struct Smarthost {
    authority: Authority,
    kind: Kind,
    port: u16,
    is_outdated: bool,
    keywords: Vec<(String, String)>,
    pub(super) encryption: Encryption,
    pub(super) accounts: Vec<(String, String)>,
    pub(super) mechanisms: Vec<String>,
    pub(super) is_auth_optional: bool,
    pub(super) is_sender_bound: bool,
    /// The most recipients in one mail, and the reply to more.
    pub(super) most_recipients: Option<(usize, String)>,
    is_author_bound: bool,
    pub(super) script: Script,
    /// The state up to which it forgets to read the octets of a BDAT that it refuses.
    pub(super) chunks_unread: Option<Point>,
}

impl Smarthost {
    /// A well-behaved one: TLS from the start, a good certificate, every usual extension, nobody's account.
    pub(crate) fn new() -> Self {
        let keywords =
            ["PIPELINING", "SIZE 36700160", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "SMTPUTF8", "DSN"];
        let named = |line: &str| (first_word(line), line.to_owned());
        Self {
            authority: Authority::new(),
            kind: Kind::Good,
            port: 0,
            is_outdated: false,
            keywords: keywords.map(named).into(),
            encryption: Encryption::Implicit,
            accounts: Vec::new(),
            mechanisms: ["PLAIN", "LOGIN", "XOAUTH2"].map(str::to_owned).into(),
            is_auth_optional: false,
            is_sender_bound: false,
            most_recipients: None,
            is_author_bound: false,
            script: Script::default(),
            chunks_unread: None,
        }
    }

    /// Shows a certificate of that kind.
    pub(crate) fn certificate(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Offers CHUNKING and forgets to read the octets of a BDAT that it refuses: of any (`Point::Connect`), of one
    /// outside of a transaction (`Point::Mail`), of one for nobody (`Point::Rcpt`).
    pub(crate) fn chunks_unread(mut self, until: Point) -> Self {
        self.chunks_unread = Some(until);
        self
    }

    /// Speaks no TLS newer than 1.1 (forbidden by RFC 8996).
    pub(crate) fn outdated(mut self) -> Self {
        self.is_outdated = true;
        self
    }

    /// Takes its certificate from that authority instead of one of its own.
    pub(crate) fn authority(mut self, authority: Authority) -> Self {
        self.authority = authority;
        self
    }

    /// Listens on that port instead of any free one.
    // No test wants a certain port; `examples/smarthost.rs` does.
    #[allow(dead_code)]
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Knows one more user; the password is also the token of XOAUTH2.
    pub(crate) fn account(mut self, user: &str, password: &str) -> Self {
        self.accounts.push((user.to_owned(), password.to_owned()));
        self
    }

    /// Speaks no TLS at all, and takes AUTH in clear.
    pub(crate) fn plaintext(mut self) -> Self {
        self.encryption = Encryption::None;
        self
    }

    /// Begins in clear and wants STARTTLS before anything that matters.
    pub(crate) fn starttls(mut self) -> Self {
        self.encryption = Encryption::Starttls;
        self
    }

    /// Offers exactly these mechanisms of AUTH.
    pub(crate) fn mechanisms(mut self, mechanisms: &[&str]) -> Self {
        self.mechanisms = mechanisms.iter().map(|mechanism| mechanism.to_ascii_uppercase()).collect();
        self
    }

    /// Offers an extension, in exactly these words; replaces what it said of it before.
    pub(crate) fn keyword(mut self, name: &str, line: &str) -> Self {
        self.keywords.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.keywords.push((name.to_ascii_uppercase(), line.to_owned()));
        self
    }

    /// Does not offer that extension, nor take it.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.keywords.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if name.eq_ignore_ascii_case("AUTH") {
            self.mechanisms.clear();
        }
        self
    }

    /// Takes mail from clients that have not logged in.
    pub(crate) fn auth_optional(mut self) -> Self {
        self.is_auth_optional = true;
        self
    }

    /// Refuses any MAIL but from the address that logged in, the null reverse-path included.
    pub(crate) fn mail_from_must_be_login(mut self) -> Self {
        self.is_sender_bound = true;
        self
    }

    /// Takes so many recipients in one mail, and gives that reply to more.
    pub(crate) fn most_recipients(mut self, most: usize, reply: &str) -> Self {
        self.most_recipients = Some((most, reply.to_owned()));
        self
    }

    /// Refuses content whose From field does not hold the address that logged in.
    pub(crate) fn header_from_must_be_login(mut self) -> Self {
        self.is_author_bound = true;
        self
    }

    /// Adds a rule to the script: `.on(Point::Rcpt, …)` or `.on(On::at(Point::Rcpt).times(1), …)`.
    pub(crate) fn on(mut self, when: impl Into<On>, act: Act) -> Self {
        self.script.add(when.into(), act);
        self
    }

    /// Opens the port; connections are served from here on.
    pub(crate) fn start(self) -> Running {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).expect("the port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let ca_pem = self.authority.pem();
        let (acceptor, journal) = (self.acceptor(), Journal::default());
        let house = House { host: self, acceptor, journal, stop: Arc::default(), sockets: Mutex::default() };
        let house = Arc::new(house);
        let accepting = {
            let house = Arc::clone(&house);
            thread::spawn(move || accept(&house, &listener))
        };
        Running { house, address, ca_pem, accepting: Some(accepting) }
    }

    /// The extension is offered.
    pub(super) fn offers(&self, name: &str) -> bool {
        self.keywords.iter().any(|(known, _)| known == name) || name == "AUTH" && !self.mechanisms.is_empty()
    }

    /// The size is over the limit it has declared; 0 declares none (RFC 1870 section 4).
    pub(super) fn is_too_large(&self, size: usize) -> bool {
        let declared = self.keywords.iter().find(|(known, _)| known == "SIZE");
        let limit = declared.and_then(|(_, line)| line.split(' ').nth(1)?.parse().ok());
        limit.is_some_and(|limit: usize| limit > 0 && size > limit)
    }

    /// The lines of its reply to EHLO.
    pub(super) fn introduction(&self, is_tls: bool) -> Vec<String> {
        let mut lines = vec!["smarthost.test at your service".to_owned()];
        lines.extend(self.keywords.iter().map(|(_, line)| line.clone()));
        let wants_tls = self.encryption == Encryption::Starttls && !is_tls;
        if wants_tls {
            lines.push("STARTTLS".to_owned());
        } else if !self.mechanisms.is_empty() && !self.keywords.iter().any(|(known, _)| known == "AUTH") {
            lines.push(format!("AUTH {}", self.mechanisms.join(" ")));
        }
        lines
    }

    /// The reply to a content that it does not take; `None` if it takes it.
    pub(super) fn refusal(&self, mail: &Received) -> Option<&'static str> {
        let login = mail.login.as_deref().unwrap_or_default().to_ascii_lowercase();
        let is_author = |from: &String| from.to_ascii_lowercase().contains(&login);
        if self.is_too_large(mail.content.len()) {
            Some(TOO_LARGE)
        } else if self.is_author_bound && !mail.header("From").iter().any(is_author) {
            Some("554 5.2.0 From is not the authenticated user")
        } else {
            None
        }
    }

    fn acceptor(&self) -> SslAcceptor {
        let leaf = self.authority.leaf(self.kind);
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).expect("OpenSSL knows TLS");
        let (certificate, issuers) = leaf.chain.split_first().expect("a chain begins with the leaf");
        builder.set_private_key(&leaf.key).expect("the key is usable");
        builder.set_certificate(certificate).expect("the certificate is usable");
        for issuer in issuers {
            builder.add_extra_chain_cert(issuer.clone()).expect("the issuer is usable");
        }
        if self.is_outdated {
            builder.clear_options(SslOptions::NO_TLSV1_1);
            builder.set_min_proto_version(None).expect("OpenSSL knows old TLS");
            builder.set_max_proto_version(Some(SslVersion::TLS1_1)).expect("OpenSSL knows old TLS");
            // OpenSSL 3 has no cipher for it above level 0.
            builder.set_cipher_list("ALL:@SECLEVEL=0").expect("OpenSSL knows old ciphers");
        }
        builder.build()
    }
}

impl Default for Smarthost {
    fn default() -> Self {
        Self::new()
    }
}

/// The parts that the threads of one smarthost share.
pub(super) struct House {
    pub(super) host: Smarthost,
    pub(super) acceptor: SslAcceptor,
    pub(super) journal: Journal,
    pub(super) stop: Arc<Stop>,
    /// A second handle of every open connection, to end it from outside.
    sockets: Mutex<HashMap<usize, TcpStream>>,
}

impl House {
    /// Lets go of a connection.
    pub(super) fn forget(&self, number: usize) {
        self.sockets().remove(&number);
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<usize, TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes connections until the bell rings; returns the threads that serve them.
fn accept(house: &Arc<House>, listener: &TcpListener) -> Vec<JoinHandle<()>> {
    let mut serving = Vec::new();
    for tcp in listener.incoming() {
        if house.stop.is_rung() {
            break;
        }
        let Some((tcp, handle)) = tcp.ok().and_then(|tcp| tcp.try_clone().ok().map(|handle| (tcp, handle))) else {
            continue; // a client that left before it came in
        };
        let number = house.journal.open();
        house.sockets().insert(number, handle);
        let house = Arc::clone(house);
        serving.push(thread::spawn(move || dialogue::serve(&house, tcp, number)));
    }
    serving
}

/// A smarthost that listens, until it is dropped.
pub(crate) struct Running {
    house: Arc<House>,
    address: SocketAddr,
    ca_pem: Vec<u8>,
    accepting: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

impl Running {
    /// The name to connect to, which a good certificate holds.
    pub(crate) fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of its authority, to be trusted by the client.
    pub(crate) fn ca_pem(&self) -> &[u8] {
        &self.ca_pem
    }

    /// The mails taken so far.
    pub(crate) fn mails(&self) -> Vec<Received> {
        self.house.journal.mails()
    }

    /// The connections so far, open ones included.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.house.journal.connections()
    }

    /// The most connections that were open at once.
    pub(crate) fn peak(&self) -> usize {
        self.connections().iter().map(|connection| connection.open_at_once).max().unwrap_or(0)
    }

    /// Waits until there are `n` mails; true if they came in time.
    pub(crate) fn wait_for(&self, n: usize, limit: Duration) -> bool {
        self.house.journal.wait_for_mails(n, limit)
    }

    /// Waits until `n` connections have come; true if they came in time.
    pub(crate) fn wait_for_connections(&self, n: usize, limit: Duration) -> bool {
        self.house.journal.wait_for_connections(n, limit)
    }

    /// Waits until `n` commands have come, over all connections; true if they came in time.
    pub(crate) fn wait_for_commands(&self, n: usize, limit: Duration) -> bool {
        self.house.journal.wait_for_commands(n, limit)
    }

    /// Waits until no connection is open; true if that came in time.
    pub(crate) fn wait_until_idle(&self, limit: Duration) -> bool {
        self.house.journal.wait_until_idle(limit)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.house.stop.ring();
        // Wakes the accepting thread. If nobody can connect, the thread has no backlog to wait in either, and is awake.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        let serving = self.accepting.take().and_then(|accepting| accepting.join().ok()).unwrap_or_default();
        for tcp in self.house.sockets().values() {
            // A client that has gone already is good enough.
            let _ = tcp.shutdown(Shutdown::Both);
        }
        let panicked = serving.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
        assert!(panicked == 0 || thread::panicking(), "a thread of the test smarthost panicked");
    }
}

fn first_word(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_owned()
}
