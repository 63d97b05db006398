//! The bytes: one connection, plain or under TLS, with lines read from it and replies gathered for it.
//!
//! Replies leave only when the server has nothing left to read, so one batch is one round trip of the client (RFC 2920
//! section 3.2). Every wait ends when the server is stopped.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use openssl::ssl::{SslAcceptor, SslStream};

use super::record::Journal;

/// A line longer than this is no command (RFC 4954 section 4 asks for 12288 octets in AUTH).
const LONGEST_LINE: usize = 1 << 16;

/// The longest time that a closed connection lingers, so that the client can read what was sent before.
const LINGER: Duration = Duration::from_secs(2);

/// The bell that ends every pause of a server.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_rung: Mutex<bool>,
    rung: Condvar,
}

impl Stop {
    pub(super) fn ring(&self) {
        *self.is_rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rung.notify_all();
    }

    pub(super) fn is_rung(&self) -> bool {
        *self.is_rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits that long; an error if the server is stopped meanwhile.
    fn pause(&self, length: Duration) -> io::Result<()> {
        let is_rung = self.is_rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rung.wait_timeout_while(is_rung, length, |is_rung| !*is_rung);
        let is_rung = *waited.unwrap_or_else(PoisonError::into_inner).0;
        if is_rung { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// The TCP connection, below TLS; it can be told to drip.
#[derive(Debug)]
struct Socket {
    tcp: TcpStream,
    drip: Option<Duration>,
    stop: Arc<Stop>,
}

impl Socket {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { tcp: self.tcp.try_clone()?, drip: self.drip, stop: Arc::clone(&self.stop) })
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.drip, bytes) {
            (Some(interval), [first, _, ..]) => {
                let written = self.tcp.write(&[*first])?;
                self.stop.pause(interval).map(|()| written)
            }
            _ => self.tcp.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Stream {
    Plain(Socket),
    Tls(SslStream<Socket>),
}

/// One connection of the server.
pub(super) struct Wire<'a> {
    journal: &'a Journal,
    number: usize,
    stream: Stream,
    input: Vec<u8>,
    output: Vec<u8>,
    drip: Option<Duration>,
}

impl<'a> Wire<'a> {
    /// The wire of that connection in the journal.
    pub(super) fn new(tcp: TcpStream, stop: Arc<Stop>, journal: &'a Journal, number: usize) -> Self {
        // Best effort: a delay of 40 ms would not make a test wrong.
        let _ = tcp.set_nodelay(true);
        let stream = Stream::Plain(Socket { tcp, drip: None, stop });
        Self { journal, number, stream, input: Vec::new(), output: Vec::new(), drip: None }
    }

    /// Begins TLS as the server; octets read ahead are forgotten (RFC 3207 section 4.2).
    pub(super) fn secure(&mut self, acceptor: &SslAcceptor, drip: Option<Duration>) -> Result<(), String> {
        self.input.clear();
        let mut socket = self.socket().try_clone().map_err(|error| error.to_string())?;
        socket.drip = drip;
        let mut tls = acceptor.accept(socket).map_err(|error| error.to_string())?;
        tls.get_mut().drip = None;
        self.stream = Stream::Tls(tls);
        Ok(())
    }

    /// The version of TLS, if any.
    pub(super) fn tls(&self) -> Option<String> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(tls) => Some(tls.ssl().version_str().to_owned()),
        }
    }

    /// Queues bytes for the next batch.
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Lets the next batch drip.
    pub(super) fn drip_once(&mut self, interval: Duration) {
        self.drip = Some(interval);
    }

    /// Sends what is queued.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        self.journal.update(self.number, |connection| connection.turns += 1);
        let output = std::mem::take(&mut self.output);
        let Some(interval) = self.drip.take() else {
            return self.stream().write_all(&output);
        };
        for byte in output {
            self.stream().write_all(&[byte])?;
            self.socket().stop.pause(interval)?;
        }
        Ok(())
    }

    /// The next line with its end; it may end in a bare LF.
    pub(super) fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.input[searched..].iter().position(|byte| *byte == b'\n') {
                return Ok(self.input.drain(..=searched + at).collect());
            }
            searched = self.input.len();
            if searched > LONGEST_LINE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.flush()?;
            self.fill()?;
        }
    }

    /// The content of DATA up to the final dot, which is CRLF "." CRLF and nothing else.
    pub(super) fn until_dot(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        self.flush()?;
        loop {
            if self.input.starts_with(b".\r\n") {
                return Ok(self.input.drain(..3).collect());
            }
            if let Some(at) = self.input[searched..].windows(5).position(|window| window == b"\r\n.\r\n") {
                return Ok(self.input.drain(..searched + at + 5).collect());
            }
            searched = self.input.len().saturating_sub(4);
            self.fill()?;
        }
    }

    /// The octets of a BDAT chunk. The client has promised them, so replies can wait until they are here.
    pub(super) fn octets(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.input.len() < n {
            self.fill()?;
        }
        Ok(self.input.drain(..n).collect())
    }

    /// The client has sent more than was read from it.
    pub(super) fn is_ahead(&self) -> bool {
        !self.input.is_empty()
    }

    /// Reads and forgets all input, until none can come any more.
    pub(super) fn swallow(&mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.socket().tcp.read(&mut buffer), Ok(1..)) {}
    }

    /// Reads and forgets the input at hand, such as the first flight of a handshake.
    pub(super) fn swallow_once(&mut self) {
        // An error here means a client that has gone, and the next write will say so.
        let _ = self.socket().tcp.read(&mut [0; 4096]);
    }

    /// Says the farewell of TLS.
    pub(super) fn bid_farewell(&mut self) {
        if let Stream::Tls(tls) = &mut self.stream {
            // A client that did not wait for the 221 cannot be told; that is its right.
            let _ = tls.shutdown();
        }
    }

    /// Ends the connection so that the client can read all that was sent: unread input would turn it into a reset.
    pub(super) fn close(mut self) {
        let tcp = &self.socket().tcp;
        if tcp.shutdown(Shutdown::Write).is_ok() && tcp.set_read_timeout(Some(LINGER)).is_ok() {
            self.swallow();
        }
    }

    /// Ends the connection with a TCP reset, if no other handle keeps it open.
    pub(super) fn reset(mut self) {
        let at_once = linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&self.socket().tcp, sockopt::Linger, &at_once).expect("a TCP socket can linger");
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16384];
        let n = self.stream().read(&mut buffer)?;
        self.input.extend_from_slice(&buffer[..n]);
        if n == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn stream(&mut self) -> &mut dyn ReadWrite {
        match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls,
        }
    }

    fn socket(&mut self) -> &mut Socket {
        match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.get_mut(),
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}
