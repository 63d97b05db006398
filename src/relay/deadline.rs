//! A TCP stream whose reads and writes all end at one moment.
//!
//! A timeout per read is no limit: a server that drips one byte a second beats it for ever. Here the moment
//! is absolute, and since TLS reads and writes through this stream, the handshake keeps to it as well.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection with a moment after which nothing is read or written any more.
#[derive(Debug)]
pub(super) struct Timed {
    tcp: TcpStream,
    until: Instant,
}

impl Timed {
    /// Puts the limit on `tcp`, and has it send each write at once (no Nagle).
    pub(super) fn new(tcp: TcpStream, until: Instant) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, until })
    }

    /// The next step may take `limit` from now on.
    pub(super) fn allow(&mut self, limit: Duration) {
        self.until = from_now(limit);
    }

    fn left(&self) -> io::Result<Duration> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A signal is no trouble, and OpenSSL would take it for one.
        loop {
            self.tcp.set_read_timeout(Some(self.left()?))?;
            match self.tcp.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map_err(timed_out),
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.tcp.set_write_timeout(Some(self.left()?))?;
            match self.tcp.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result.map_err(timed_out),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// The moment `limit` from now; a limit beyond a day is a day, so that no sum overflows.
pub(super) fn from_now(limit: Duration) -> Instant {
    Instant::now() + limit.min(Duration::from_secs(86_400))
}

/// Linux reports a socket's timeout as `WouldBlock`, which TLS would take for "call again".
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (Timed, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let timed = Timed::new(tcp, from_now(Duration::from_millis(60))).unwrap();
        (timed, listener.accept().unwrap().0)
    }

    #[test]
    fn silence_times_out() {
        let (mut timed, _peer) = pair();
        assert_eq!(timed.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(timed.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn peer_that_does_not_read_times_out() {
        let (mut timed, _peer) = pair();
        let error = timed.write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn allowance_is_renewed_and_cannot_overflow() {
        let (mut timed, mut peer) = pair();
        assert!(timed.read(&mut [0]).is_err());
        timed.allow(Duration::MAX);
        peer.write_all(b"x").unwrap();
        assert_eq!(timed.read(&mut [0]).unwrap(), 1);
    }
}
