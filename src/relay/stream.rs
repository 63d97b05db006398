//! The bytes below a channel: plain, or over TLS.

use std::io::{self, Read, Write};

use native_tls::TlsStream;

use super::deadline::Timed;

/// A stream to the server. A read or write that does not end in time fails.
pub(super) enum Stream {
    Plain(Timed),
    Tls(Box<TlsStream<Timed>>),
}

impl Stream {
    /// The TCP stream, below TLS if there is TLS.
    pub(super) fn timed(&self) -> &Timed {
        match self {
            Stream::Plain(timed) => timed,
            Stream::Tls(stream) => stream.get_ref(),
        }
    }

    pub(super) fn timed_mut(&mut self) -> &mut Timed {
        match self {
            Stream::Plain(timed) => timed,
            Stream::Tls(stream) => stream.get_mut(),
        }
    }

    /// The stream of TLS, if there is one.
    pub(super) fn tls(&self) -> Option<&TlsStream<Timed>> {
        match self {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Some(stream),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(timed) => timed.read(buffer),
            Stream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(timed) => timed.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(timed) => timed.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}
