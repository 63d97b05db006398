//! From a smarthost's name to a TCP connection, in bounded time.
//!
//! The look-up and all attempts share one deadline. RFC 5321 section 5.1 wants all addresses of a name tried. They race
//! (RFC 8305, "Happy Eyeballs"): the two families take turns, and the next attempt begins when the one before has
//! failed or has had a quarter of a second. A route that swallows packets costs no more than that.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use socks::Socks5Stream;

use super::server_addresses::{self, Met};
use super::{Smarthost, network};
use crate::outcome::Stage;

/// The recommended Connection Attempt Delay, RFC 8305 section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("connection failed ({0}): check [smarthost] host and port, and the way there")]
    Attempts(String),
    #[error("this process may not connect ({0}): check the limits of the unit or container that it runs in")]
    Forbidden(String),
    #[error("name look-up failed ({0}): check the machine's DNS")]
    Lookup(String),
    #[error("name look-up gave no answer in time: check the machine's DNS")]
    LookupTimeout,
    #[error("name not found: check [smarthost] host and the machine's DNS")]
    NameNotFound,
    #[error("the name has no address of the same kind as source-address {0}")]
    NoRoute(IpAddr),
    #[error("the proxy {0} does not connect us ({1}): check proxy")]
    Proxy(String, String),
}

impl ConnectError {
    /// The words for an error that says nothing of the smarthost: a process that sees the machine's network may get
    /// through. If this process sees the loopback alone, not even a refusal there is the smarthost's.
    pub(super) fn excuse(&self) -> Option<&'static str> {
        match self {
            ConnectError::Forbidden(_) => Some(""),
            _ if network::has_interface() => None,
            _ => Some("; this process sees no network but its own, and the mail waits for the next one that does"),
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self {
            ConnectError::Attempts(_)
            | ConnectError::Forbidden(_)
            | ConnectError::NoRoute(_)
            | ConnectError::Proxy(..) => Stage::Connect,
            ConnectError::Lookup(_) | ConnectError::LookupTimeout | ConnectError::NameNotFound => Stage::Resolve,
        }
    }
}

/// Connects to the first address of the smarthost that answers, or has the proxy do so. The address is that of the
/// other end of the TCP connection.
pub(super) fn connect(smarthost: &Smarthost, until: Instant) -> Result<(TcpStream, SocketAddr), ConnectError> {
    Ways::to(smarthost, until)?.connect(until)
}

/// The ways to a smarthost that have not led to a connection yet.
pub(super) struct Ways<'a> {
    smarthost: &'a Smarthost,
    /// In the order in which they are tried; a proxy looks up the name itself.
    pub(super) addresses: Vec<SocketAddr>,
}

impl<'a> Ways<'a> {
    /// Looks up the name.
    pub(super) fn to(smarthost: &'a Smarthost, until: Instant) -> Result<Self, ConnectError> {
        if smarthost.proxy.is_some() {
            return Ok(Self { smarthost, addresses: Vec::new() });
        }
        let mut addresses = look_up(smarthost.bare_host(), smarthost.port(), until)?;
        if let Some(source) = smarthost.source_address {
            addresses.retain(|address| address.is_ipv4() == source.is_ipv4());
            if addresses.is_empty() {
                return Err(ConnectError::NoRoute(source));
            }
        }
        Ok(Self { smarthost, addresses: server_addresses::in_order(addresses) })
    }

    /// Connects to the first address that answers, and takes it from the list.
    pub(super) fn connect(&mut self, until: Instant) -> Result<(TcpStream, SocketAddr), ConnectError> {
        let source = self.smarthost.source_address;
        if let Some(proxy) = &self.smarthost.proxy {
            return connect_through(&proxy.to_string(), self.smarthost, until);
        }
        if let [address] = self.addresses[..] {
            self.addresses.clear();
            return match attempt(address, source, until) {
                Ok(stream) => Ok((stream, address)),
                Err(error) => Err(Failures::default().and(address, &error).told()),
            };
        }
        let connected = race(self.addresses.clone(), source, until)?;
        // Those before it have failed, or take their time.
        for address in self.addresses.iter().take_while(|address| **address != connected.1) {
            server_addresses::remember(*address, Some(Met::Sick));
        }
        self.addresses.retain(|address| *address != connected.1);
        Ok(connected)
    }
}

/// The attempts that have failed.
#[derive(Default)]
struct Failures {
    why: Vec<String>,
    /// For one of them at least the reason is not a limit of this process.
    is_any_allowed: bool,
}

impl Failures {
    fn and(mut self, address: SocketAddr, error: &io::Error) -> Self {
        self.why.push(format!("{}: {}", address.ip(), plain(error)));
        self.is_any_allowed |= !network::is_forbidden(error);
        self
    }

    fn told(self) -> ConnectError {
        let why = self.why.join(", ");
        if self.is_any_allowed { ConnectError::Attempts(why) } else { ConnectError::Forbidden(why) }
    }
}

/// One attempt after the other, each with a head start; the first that succeeds wins.
fn race(
    addresses: Vec<SocketAddr>,
    source: Option<IpAddr>,
    until: Instant,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let (sender, results) = mpsc::channel();
    let mut failures = Failures::default();
    let mut waiting = addresses.into_iter();
    let mut running = 0;
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            let sender = sender.clone();
            // Once one has won, nobody listens to the others any more.
            let run = move || drop(sender.send((address, attempt(address, source, until))));
            in_background(run).map_err(|error| ConnectError::Attempts(plain(&error)))?;
            running += 1;
        }
        let left = until.saturating_duration_since(Instant::now());
        match results.recv_timeout(if is_last { left } else { left.min(HEAD_START) }) {
            Ok((address, Ok(stream))) => return Ok((stream, address)),
            Ok((address, Err(error))) => {
                failures = failures.and(address, &error);
                running -= 1;
            }
            Err(RecvTimeoutError::Timeout) if !is_last && Instant::now() < until => continue,
            Err(_) => {
                failures.why.push(plain(&ErrorKind::TimedOut.into()));
                failures.is_any_allowed = true;
                return Err(failures.told());
            }
        }
        if running == 0 && waiting.len() == 0 {
            return Err(failures.told());
        }
    }
}

/// Connects through a SOCKS5 proxy (RFC 1928), which also looks up the name. The library has no time limit, so it runs
/// in a thread that is left behind when it takes too long.
fn connect_through(
    proxy: &str,
    smarthost: &Smarthost,
    until: Instant,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let refused = |error: &io::Error| ConnectError::Proxy(proxy.to_owned(), plain(error));
    let (sender, receiver) = mpsc::channel();
    let (name, port, proxy_address) = (smarthost.bare_host().to_owned(), smarthost.port(), proxy.to_owned());
    let connect = move || {
        let tcp = Socks5Stream::connect(proxy_address.as_str(), (name.as_str(), port))?.into_inner();
        let address = tcp.peer_addr()?;
        io::Result::Ok((tcp, address))
    };
    in_background(move || drop(sender.send(connect()))).map_err(|error| refused(&error))?;
    match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(result) => result.map_err(|error| refused(&error)),
        Err(_) => Err(refused(&ErrorKind::TimedOut.into())),
    }
}

fn in_background(run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().spawn(run).map(drop)
}

/// The addresses of a name. `getaddrinfo` has no time limit, so it runs in a thread that is left behind when it takes
/// too long.
fn look_up(host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    let addresses = move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter);
    in_background(move || drop(sender.send(addresses()))).map_err(|error| ConnectError::Lookup(plain(&error)))?;
    match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Err(_) => Err(ConnectError::LookupTimeout),
        Ok(Err(error)) => Err(lookup_error(&error.to_string())),
        Ok(Ok(found)) if found.is_empty() => Err(ConnectError::NameNotFound),
        Ok(Ok(found)) => Ok(found),
    }
}

/// Tells a name that does not exist from a name server that does not answer. Only the texts of glibc and musl do.
fn lookup_error(text: &str) -> ConnectError {
    let why = text.rsplit(": ").next().unwrap_or(text);
    match why {
        "Name or service not known" | "Name does not resolve" | "No address associated with hostname" => {
            ConnectError::NameNotFound
        }
        _ => ConnectError::Lookup(why.to_lowercase()),
    }
}

/// One attempt, from the address `source` if there is one.
fn attempt(address: SocketAddr, source: Option<IpAddr>, until: Instant) -> io::Result<TcpStream> {
    let limit = until.saturating_duration_since(Instant::now());
    if limit.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    let Some(source) = source else { return TcpStream::connect_timeout(&address, limit) };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&address.into(), limit)?;
    Ok(socket.into())
}

/// The reason, without the "(os error 111)" that helps nobody.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    fn at(host: &str, port: u16) -> Smarthost {
        Smarthost { port: Some(port), ..Smarthost::new(host) }
    }

    fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn address_literal_needs_no_look_up() {
        let (_listener, address) = listening();
        assert_eq!(connect(&at("127.0.0.1", address.port()), soon()).unwrap().1, address);
    }

    #[test]
    fn every_address_of_a_name_is_tried() {
        let (_listener, address) = listening();
        assert_eq!(connect(&at("localhost", address.port()), soon()).unwrap().1, address);
    }

    #[test]
    fn refused_connection_says_so() {
        let port = listening().1.port();
        let error = connect(&at("127.0.0.1", port), soon()).unwrap_err();
        assert_eq!(error.stage(), Stage::Connect);
        assert!(error.to_string().starts_with("connection failed (127.0.0.1: connection refused)"), "{error}");
    }

    #[test]
    fn address_that_swallows_packets_does_not_hold_up_the_next() {
        // The backlog of this one is full, so that it answers nobody.
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        full.listen(0).unwrap();
        let silent = full.local_addr().unwrap().as_socket().unwrap();
        let kept: Vec<_> = (0..4).map(|_| TcpStream::connect_timeout(&silent, Duration::from_millis(50))).collect();
        assert!(kept.iter().any(Result::is_err), "the backlog is full");
        let (_listener, address) = listening();
        assert_eq!(race(vec![silent, address], None, soon()).unwrap().1, address);
    }

    #[test]
    fn connection_comes_from_the_source_address() {
        let (listener, address) = listening();
        let source = "127.0.0.9".parse().ok();
        let smarthost = Smarthost { source_address: source, ..at("127.0.0.1", address.port()) };
        connect(&smarthost, soon()).unwrap();
        assert_eq!(Some(listener.accept().unwrap().1.ip()), source);
        let smarthost = Smarthost { source_address: "::1".parse().ok(), ..smarthost };
        let error = connect(&smarthost, soon()).unwrap_err();
        assert!(matches!(error, ConnectError::NoRoute(_)), "{error}");
    }

    #[test]
    fn proxy_is_asked_for_the_name() {
        let (listener, address) = listening();
        let proxy = std::thread::spawn(move || {
            let mut client = listener.accept().unwrap().0;
            let mut greeting = [0; 3];
            client.read_exact(&mut greeting).unwrap();
            client.write_all(&[5, 0]).unwrap();
            // Version, CONNECT, reserved, a name of 12 octets, the port: RFC 1928 section 4.
            let mut request = [0; 4 + 1 + 12 + 2];
            client.read_exact(&mut request).unwrap();
            client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).unwrap();
            request
        });
        let proxied = |host: &str| Smarthost { proxy: Some(address.into()), ..at(host, 465) };
        let (_tcp, reached) = connect(&proxied("smtp.example"), soon()).unwrap();
        assert_eq!(reached, address);
        let request = proxy.join().unwrap();
        assert_eq!((&request[..5], &request[5..17]), (&[5, 1, 0, 3, 12][..], &b"smtp.example"[..]));
        assert_eq!(request[17..], 465u16.to_be_bytes());
        let error = connect(&proxied("smtp.example"), soon()).unwrap_err().to_string();
        assert!(error.contains(&format!("the proxy {address} does not connect us")), "{error}");
    }

    #[test]
    fn silent_proxy_is_not_waited_for() {
        let (_listener, address) = listening();
        let smarthost = Smarthost { proxy: Some(address.into()), ..at("smtp.example", 465) };
        let error = connect(&smarthost, Instant::now() + Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("no answer in time"), "{error}");
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
    fn no_time_left_is_a_timeout() {
        let error = connect(&at("127.0.0.1", 9), Instant::now()).unwrap_err();
        assert!(error.to_string().contains("no answer in time"), "{error}");
    }
}
