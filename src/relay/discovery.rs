//! The submission server of a domain, as the domain's DNS names it: SRV records, RFC 6186 and RFC 8314 section 5.1.
//!
//! The system's resolver library cannot ask for SRV, so the question goes to the name servers of `/etc/resolv.conf` by
//! UDP. Their answer is not protected: a person looks at it before it is used.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, TYPE};

use super::Tls;
use super::smarthost::is_host_name;

/// The time that each name server has for its answer.
const LIMIT: Duration = Duration::from_secs(3);

/// A server for submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its name.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// The protection of connections to it.
    pub(crate) tls: Tls,
}

/// The reason why no server is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question cannot be written.
    #[error("cannot ask for {name}: {source}")]
    Unasked {
        /// The name in the question.
        name: String,
        /// The reason.
        source: simple_dns::SimpleDnsError,
    },
    /// The name servers do not answer.
    #[error("the name server {server} does not answer ({source})")]
    Unanswered {
        /// The last one that was asked.
        server: IpAddr,
        /// The reason.
        source: io::Error,
    },
    /// It can be no domain.
    #[error("expected a provider's name or a domain")]
    NoDomain,
    /// This machine has nobody to ask.
    #[error("there is no name server in /etc/resolv.conf")]
    NoNameServer,
    /// The domain names no server.
    #[error("DNS names no submission server for {domain} (SRV records of _submissions._tcp and _submission._tcp)")]
    NoServer {
        /// The domain.
        domain: String,
    },
}

/// The server that `domain` names for submission. One with implicit TLS is preferred to one with STARTTLS.
///
/// # Errors
/// No name server answers, or the domain names no server.
pub(crate) fn discover(domain: &str) -> Result<Server, Error> {
    let servers = name_servers(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    discover_at(&servers, domain)
}

fn discover_at(servers: &[SocketAddr], domain: &str) -> Result<Server, Error> {
    for (service, tls) in [("_submissions", Tls::Implicit), ("_submission", Tls::StartTls)] {
        if let Some((host, port)) = look_up(servers, &format!("{service}._tcp.{domain}"))? {
            return Ok(Server { host, port, tls });
        }
    }
    Err(Error::NoServer { domain: domain.to_string() })
}

/// The target with the lowest priority, if there is one.
fn look_up(servers: &[SocketAddr], name: &str) -> Result<Option<(String, u16)>, Error> {
    let id = fastrand::u16(..);
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    let question = Name::new(name).map_err(|_| Error::NoDomain)?;
    query.questions.push(Question::new(question, TYPE::SRV.into(), CLASS::IN.into(), false));
    let query = query.build_bytes_vec().map_err(|source| Error::Unasked { name: name.to_string(), source })?;
    let mut failed = Error::NoNameServer;
    for server in servers {
        match ask(*server, id, &query) {
            Ok(answer) => return Ok(best(&answer)),
            Err(source) => failed = Error::Unanswered { server: server.ip(), source },
        }
    }
    Err(failed)
}

/// Asks one name server. Anything but its answer is passed over.
fn ask(server: SocketAddr, id: u16, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(query)?;
    let until = Instant::now() + LIMIT;
    let mut buffer = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.recv(&mut buffer).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => error,
        })?;
        let answer = &buffer[..length];
        if Packet::parse(answer).is_ok_and(|packet| packet.id() == id && packet.has_flags(PacketFlag::RESPONSE)) {
            return Ok(answer.to_vec());
        }
    }
}

/// The target with the lowest priority, RFC 2782. A target of `.` says that there is no such service.
fn best(answer: &[u8]) -> Option<(String, u16)> {
    let packet = Packet::parse(answer).ok()?;
    let targets = packet.answers.iter().filter_map(|answer| match &answer.rdata {
        RData::SRV(srv) => Some((srv.priority, srv.target.to_string(), srv.port)),
        _ => None,
    });
    let (_, host, port) = targets.min()?;
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    // It will be written into a file that a program reads.
    is_host_name(&host).then_some((host, port))
}

/// The name servers that a resolv.conf(5) names.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok());
    addresses.map(|address| SocketAddr::new(address, 53)).collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use simple_dns::ResourceRecord;
    use simple_dns::rdata::SRV;

    use super::*;

    /// A name server that knows these targets of these names, and answers so many questions.
    fn name_server(known: &'static [(&'static str, u16, &'static str, u16)], questions: usize) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            for _ in 0..questions {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                let query = Packet::parse(&buffer[..length]).unwrap();
                let asked = query.questions[0].qname.to_string();
                let mut reply = query.into_reply();
                for (name, priority, target, port) in known.iter().filter(|(name, ..)| *name == asked) {
                    let target = Name::new(target).unwrap();
                    let srv = SRV { priority: *priority, weight: 0, port: *port, target };
                    reply.answers.push(ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, 60, RData::SRV(srv)));
                }
                // A stranger's word, and one to another question.
                socket.send_to(b"nonsense", from).unwrap();
                socket.send_to(&reply.build_bytes_vec().unwrap(), from).unwrap();
            }
        });
        address
    }

    #[test]
    fn implicit_tls_comes_first_and_the_lowest_priority_counts() {
        let known = &[
            ("_submissions._tcp.a.example", 20, "second.a.example", 465),
            ("_submissions._tcp.a.example", 10, "First.a.example", 4650),
            ("_submission._tcp.a.example", 0, "third.a.example", 587),
        ];
        let found = discover_at(&[name_server(known, 1)], "a.example").unwrap();
        assert_eq!(found, Server { host: "first.a.example".into(), port: 4650, tls: Tls::Implicit });
    }

    #[test]
    fn starttls_is_what_is_left_and_nothing_is_told() {
        let known = &[("_submission._tcp.a.example", 0, "smtp.a.example", 587)];
        let server = name_server(known, 4);
        assert_eq!(discover_at(&[server], "a.example").unwrap().tls, Tls::StartTls);
        assert!(
            matches!(discover_at(&[server], "b.example"), Err(Error::NoServer { domain }) if domain == "b.example")
        );
        assert!(matches!(discover_at(&[], "b.example"), Err(Error::NoNameServer)));
    }

    #[test]
    fn target_that_is_no_host_name_is_none() {
        for target in [".", "a\"b.example"] {
            let mut reply = Packet::new_reply(7);
            let srv = SRV { priority: 0, weight: 0, port: 1, target: Name::new_unchecked(target) };
            reply.answers.push(ResourceRecord::new(Name::new_unchecked("x"), CLASS::IN, 60, RData::SRV(srv)));
            assert_eq!(best(&reply.build_bytes_vec().unwrap()), None, "{target}");
        }
        assert_eq!(best(b""), None);
        assert_eq!(best(&[0xff; 64]), None);
    }

    #[test]
    fn name_servers_of_resolv_conf_are_read() {
        let text = "# none\nsearch example.com\nnameserver 192.0.2.1\nnameserver  2001:db8::1\nnameserver x\n";
        assert_eq!(name_servers(text), ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
    }
}
