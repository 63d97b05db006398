//! From a host name to a TCP connection, in bounded time.
//!
//! Look-up and all attempts share one deadline. An attempt that others follow gets half of what is left,
//! so that a route that swallows packets leaves time for the next address (RFC 5321 section 5.1 wants all
//! addresses tried).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::outcome::Stage;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("connection failed ({0}): check [smarthost] host and port, and the way there")]
    Attempts(String),
    #[error("name look-up failed ({0}): check the machine's DNS")]
    Lookup(String),
    #[error("name look-up gave no answer in time: check the machine's DNS")]
    LookupTimeout,
    #[error("name not found: check [smarthost] host and the machine's DNS")]
    NameNotFound,
}

impl ConnectError {
    pub(super) fn stage(&self) -> Stage {
        match self {
            ConnectError::Attempts(_) => Stage::Connect,
            ConnectError::Lookup(_) | ConnectError::LookupTimeout | ConnectError::NameNotFound => Stage::Resolve,
        }
    }
}

/// Connects to the first address of `host` that answers.
pub(super) fn connect(host: &str, port: u16, until: Instant) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let addresses = addresses(host, port, until)?;
    let mut failures = Vec::new();
    for (i, address) in addresses.iter().enumerate() {
        match attempt(address, share(until, addresses.len() - i)) {
            Ok(stream) => return Ok((stream, *address)),
            Err(error) => failures.push(format!("{}: {}", address.ip(), plain(&error))),
        }
    }
    Err(ConnectError::Attempts(failures.join(", ")))
}

/// `getaddrinfo` knows no time limit, so it runs in a thread that is left behind when it takes too long.
fn addresses(host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    let look_up = move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter);
    std::thread::Builder::new()
        .spawn(move || sender.send(look_up()))
        .map_err(|error| ConnectError::Lookup(error.to_string()))?;
    match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Err(_) => Err(ConnectError::LookupTimeout),
        Ok(Err(error)) => Err(lookup_error(&error.to_string())),
        Ok(Ok(found)) if found.is_empty() => Err(ConnectError::NameNotFound),
        Ok(Ok(found)) => Ok(found),
    }
}

/// Only the text tells a name that is not there from a name server that does not answer (glibc, musl).
fn lookup_error(text: &str) -> ConnectError {
    let why = text.rsplit(": ").next().unwrap_or(text);
    match why {
        "Name or service not known" | "Name does not resolve" | "No address associated with hostname" => {
            ConnectError::NameNotFound
        }
        _ => ConnectError::Lookup(why.to_lowercase()),
    }
}

/// What one attempt may take, of the time until `until`, with `candidates` addresses left.
fn share(until: Instant, candidates: usize) -> Duration {
    let left = until.saturating_duration_since(Instant::now());
    if candidates > 1 { left / 2 } else { left }
}

fn attempt(address: &SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    if limit.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    TcpStream::connect_timeout(address, limit)
}

/// The reason without the "(os error 111)" that helps nobody.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[test]
    fn address_literal_needs_no_look_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(connect("127.0.0.1", address.port(), soon()).unwrap().1, address);
    }

    #[test]
    fn every_address_of_a_name_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(connect("localhost", address.port(), soon()).unwrap().1, address);
    }

    #[test]
    fn refused_connection_says_so() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = connect("127.0.0.1", port, soon()).unwrap_err();
        assert_eq!(error.stage(), Stage::Connect);
        assert!(error.to_string().starts_with("connection failed (127.0.0.1: connection refused)"), "{error}");
    }

    #[test]
    fn look_up_failures_are_told_apart() {
        let prefix = "failed to lookup address information";
        let error = |why: &str| lookup_error(&format!("{prefix}: {why}"));
        assert!(matches!(error("Name or service not known"), ConnectError::NameNotFound));
        assert!(matches!(error("Name does not resolve"), ConnectError::NameNotFound));
        let text = error("Temporary failure in name resolution").to_string();
        assert!(text.contains("temporary failure in name resolution"), "{text}");
    }

    #[test]
    fn attempt_that_others_follow_gets_half() {
        let until = Instant::now() + Duration::from_secs(10);
        assert!(share(until, 2) <= Duration::from_secs(5));
        assert!(share(until, 1) > Duration::from_secs(9));
        assert_eq!(share(Instant::now(), 1), Duration::ZERO);
    }

    #[test]
    fn no_time_left_is_a_timeout() {
        let error = connect("127.0.0.1", 9, Instant::now()).unwrap_err();
        assert!(error.to_string().contains("no answer in time"), "{error}");
    }
}
