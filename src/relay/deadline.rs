//! A TCP stream whose reads and writes all end at one moment.
//!
//! A limit for each read is no limit: a server that drips one byte a second outlasts it for ever. This moment is
//! absolute. TLS reads and writes through this stream, so that the handshake keeps to the limit as well.
//!
//! If commands go out in groups, both sides may write at once, and each waits for the other to read (RFC 2920 section
//! 3.1). So a write that has to wait for room reads meanwhile.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The most bytes that are read before somebody asks for them. The replies of a whole window are far below that.
const MOST_AHEAD: usize = 1 << 20;

/// A TCP stream with a moment after which nothing is read or written any more.
#[derive(Debug)]
pub(super) struct Timed {
    tcp: TcpStream,
    until: Instant,
    /// The bytes that were read before somebody asked for them.
    ahead: VecDeque<u8>,
    /// A read waits until something comes.
    is_waiting: bool,
    /// The start of what comes, up to a limit in bytes.
    start: Vec<u8>,
    start_limit: usize,
}

impl Timed {
    /// Puts the limit on `tcp`, and has it send each write at once (no Nagle).
    pub(super) fn new(tcp: TcpStream, until: Instant) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        Ok(Self { tcp, until, ahead: VecDeque::new(), is_waiting: true, start: Vec::new(), start_limit: 0 })
    }

    /// The next step may take `limit` from now on.
    pub(super) fn allow(&mut self, limit: Duration) {
        self.until = from_now(limit);
    }

    /// Lets each read from now on wait until something comes, or not. A read that does not wait fails with `WouldBlock`
    /// when nothing has come.
    pub(super) fn set_waiting(&mut self, is_waiting: bool) {
        self.is_waiting = is_waiting;
    }

    /// Keeps the first `limit` bytes of what is read from now on, for [`start`](Self::start).
    pub(super) fn keep_start(&mut self, limit: usize) {
        self.start_limit = limit;
    }

    /// The start of what was read.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// The socket, for a caller that waits for several of them.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.tcp
    }

    /// Something was read that nobody has asked for yet.
    pub(super) fn has_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Waits until the socket is ready for one of `events`, or fails when the moment has come.
    fn wait(&self, events: PollFlags) -> io::Result<PollFlags> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            // It is rounded up, so that the last millisecond is not spent in a busy loop.
            let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
            let mut sockets = [PollFd::new(self.tcp.as_fd(), events)];
            match poll(&mut sockets, timeout) {
                // A signal is no failure, and OpenSSL would take it for one.
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(sockets[0].revents().unwrap_or(events)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads what has come, and says whether more may be read ahead.
    fn read_ahead(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        match self.tcp.read(&mut piece) {
            Ok(n) => {
                self.ahead.extend(&piece[..n]);
                n > 0 && self.ahead.len() < MOST_AHEAD
            }
            Err(error) => matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.ahead.is_empty() {
            return self.ahead.read(buffer);
        }
        loop {
            // It waits even if something has come, so that the calls to the system do not depend on who is faster.
            if self.is_waiting {
                self.wait(PollFlags::POLLIN)?;
            }
            match self.tcp.read(buffer) {
                Err(error) if !self.is_waiting && error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                result => {
                    let read = buffer.iter().take(result.as_ref().map_or(0, |n| *n));
                    self.start.extend(read.take(self.start_limit - self.start.len()));
                    return result;
                }
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut may_read = self.ahead.len() < MOST_AHEAD;
        loop {
            match self.tcp.write(bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let reading = if may_read { PollFlags::POLLIN } else { PollFlags::empty() };
                    if self.wait(PollFlags::POLLOUT | reading)?.contains(PollFlags::POLLIN) {
                        may_read = may_read && self.read_ahead();
                    }
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// The moment `limit` from now. A limit beyond a day counts as a day, so that no sum overflows.
pub(super) fn from_now(limit: Duration) -> Instant {
    Instant::now() + limit.min(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

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

    /// Far more than the kernel holds for either side.
    const MUCH: usize = 16 << 20;

    #[test]
    fn peer_that_writes_before_it_reads_is_no_deadlock() {
        let (mut timed, mut peer) = pair();
        timed.allow(Duration::from_secs(60));
        // It says more than the kernel takes, and only then reads what it is told.
        let most = MOST_AHEAD;
        let server = thread::spawn(move || {
            peer.write_all(&vec![b'r'; most]).unwrap();
            io::copy(&mut (&peer).take(MUCH as u64), &mut io::sink()).unwrap()
        });
        timed.write_all(&vec![b'c'; MUCH]).unwrap();
        assert_eq!(server.join().unwrap(), MUCH as u64);
        let mut heard = vec![0; MOST_AHEAD];
        timed.read_exact(&mut heard).unwrap();
        assert!(heard.iter().all(|byte| *byte == b'r'));
    }
}
