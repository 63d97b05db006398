//! A client that says exactly what it is told, for the tests of the smarthost itself.
//!
//! It judges only the greeting and the login; every other reply goes to the caller as it came.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use openssl::ssl::{HandshakeError, SslConnector, SslMethod, SslStream};
use openssl::x509::X509;

use super::HANG;
use super::server::Running;

/// One connection, plain or under TLS.
pub(crate) struct Client<S: Read + Write> {
    stream: BufReader<S>,
}

impl Client<SslStream<TcpStream>> {
    /// Connects with TLS and takes the greeting.
    pub(crate) fn greeted(running: &Running) -> Self {
        let mut client = Self::over(handshake(running, plain(running)).expect("TLS stands"));
        assert!(client.reply().expect("a greeting").starts_with("220 "));
        client
    }

    /// Like `greeted`, past EHLO and a login as `user`.
    pub(crate) fn logged_in(running: &Running, user: &str, password: &str) -> Self {
        let mut client = Self::greeted(running);
        client.say("EHLO client.test");
        let response = openssl::base64::encode_block(format!("\0{user}\0{password}").as_bytes());
        assert_eq!(client.say(&format!("AUTH PLAIN {response}")), "235 2.7.0 accepted\r\n");
        client
    }

    /// Waits no longer than that for a reply.
    pub(crate) fn patience(&self, limit: Duration) {
        self.stream.get_ref().get_ref().set_read_timeout(Some(limit)).expect("a timeout can be set");
    }
}

impl<S: Read + Write> Client<S> {
    /// A client over a stream that stands.
    pub(crate) fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a line and takes the reply, empty if the connection ended.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply().unwrap_or_default()
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server reads");
    }

    /// The next reply with all its lines; `UnexpectedEof` if there is none.
    pub(crate) fn reply(&mut self) -> io::Result<String> {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            reply += &line;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(reply);
            }
        }
    }

    /// The stream below.
    pub(crate) fn into_inner(self) -> S {
        self.stream.into_inner()
    }
}

/// A bare TCP connection.
pub(crate) fn plain(running: &Running) -> TcpStream {
    let tcp = TcpStream::connect(running.address()).expect("the smarthost listens");
    tcp.set_read_timeout(Some(HANG)).expect("a timeout can be set");
    tcp
}

/// TLS over it, with the authority of the smarthost trusted and nothing overlooked.
pub(crate) fn handshake(running: &Running, tcp: TcpStream) -> Result<SslStream<TcpStream>, HandshakeError<TcpStream>> {
    let mut builder = SslConnector::builder(SslMethod::tls()).expect("OpenSSL knows TLS");
    let authority = X509::from_pem(running.ca_pem()).expect("a certificate");
    builder.cert_store_mut().add_cert(authority).expect("an authority can be trusted");
    builder.build().connect(running.host(), tcp)
}
