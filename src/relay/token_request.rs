//! One request to a token endpoint: a form is posted, and the answer is read. It is HTTP/1.1 (RFC 9112), as far as that
//! takes.
//!
//! It goes over the same kind of connection and TLS as mail does, with the same limits and the same sentences.

use std::fmt;
use std::io::{Read, Write};
use std::str;
use std::time::Duration;

use zeroize::Zeroizing;

use super::connect::connect;
use super::deadline::{Timed, from_now};
use super::tls::{Handshake, Roots, has_more_roots, shake_hands};
use super::tls_error::TlsError;
use super::{Smarthost, Tls, TokenEndpoint};

/// For sending and receiving, once there is a connection.
const LIMIT: Duration = Duration::from_secs(30);
/// No answer is longer. One with its tokens has some kilobytes.
const MOST_BYTES: usize = 256 * 1024;

/// A whole answer. It may hold tokens.
#[derive(PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Posts `form` and returns the answer. `smarthost` says how to connect, which certificates to trust, and how long to
/// wait.
pub(super) fn post(endpoint: &TokenEndpoint, form: &str, smarthost: &Smarthost) -> Result<Response, String> {
    let mut server = Smarthost {
        port: Some(endpoint.port()),
        ca_file: smarthost.ca_file.clone(),
        connect_timeout: smarthost.connect_timeout,
        proxy: smarthost.proxy.clone(),
        source_address: smarthost.source_address,
        trusted_port: smarthost.trusted_port,
        ..Smarthost::new(endpoint.host())
    };
    let request = request(endpoint, form);
    let bytes = if endpoint.has_tls() {
        exchange_over_tls(&server, request.as_bytes())
    } else {
        server.tls = Tls::None;
        exchange(reach_here(&server)?, request.as_bytes())
    }?;
    parsed(&bytes).ok_or_else(|| "the answer is not HTTP".to_owned())
}

fn request(endpoint: &TokenEndpoint, form: &str) -> Zeroizing<String> {
    let (host, target, length) = (endpoint.authority(), endpoint.target(), form.len());
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mailx-t\r\nAccept: application/json\r\n\
         Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    );
    // It is made at its full length: a text that grows would leave copies behind.
    Zeroizing::new([&head, form].concat())
}

fn reach(server: &Smarthost) -> Result<Timed, String> {
    let until = from_now(server.connect_timeout);
    let (tcp, _) = connect(server, until).map_err(|error| error.to_string())?;
    Timed::new(tcp, until).map_err(|error| error.to_string())
}

/// Without TLS a secret stays on this machine, and goes to nobody but its administrator. The address that was
/// reached counts, and not its name: a proxy looks up a name by itself, and other machines serve this one its names.
fn reach_here(server: &Smarthost) -> Result<Timed, String> {
    if server.proxy.is_some() {
        return Err("http:// is only for this machine itself, and the proxy is not: use https://".to_owned());
    }
    if server.is_at_anybodys_port() {
        let port = server.port();
        return Err(format!(
            "without TLS any user of this machine could be listening at port {port}: use https://, or set \
             trusted-port = true if only your own server ever listens there"
        ));
    }
    let until = from_now(server.connect_timeout);
    let (tcp, address) = connect(server, until).map_err(|error| error.to_string())?;
    if !address.ip().to_canonical().is_loopback() {
        let ip = address.ip();
        return Err(format!("http:// is only for this machine itself, and its name leads to {ip}: use https://"));
    }
    Timed::new(tcp, until).map_err(|error| error.to_string())
}

fn exchange_over_tls(server: &Smarthost, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let secured = |roots| {
        let handshake = Handshake::begin(server, roots);
        reach(server).map(|tcp| shake_hands(handshake, tcp))
    };
    let mut stream = secured(Roots::Usual)?;
    if matches!(stream, Err(TlsError::UnknownIssuer(_))) && has_more_roots(server) {
        stream = secured(Roots::Bundle)?;
    }
    let mut stream = stream.map_err(|error| error.to_string())?;
    stream.get_mut().allow(LIMIT);
    exchange(stream, request)
}

fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    stream.write_all(request).and_then(|()| stream.flush()).map_err(|error| error.to_string())?;
    // A buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    match stream.take(MOST_BYTES as u64).read_to_end(&mut bytes) {
        // Servers close without a farewell of TLS. The answer itself shows whether it is whole.
        Err(error) if bytes.is_empty() => Err(error.to_string()),
        _ => Ok(bytes),
    }
}

/// An answer that is whole (RFC 9112 sections 4, 6 and 7), or `None`.
fn parsed(bytes: &[u8]) -> Option<Response> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes).ok()? else { return None };
    let (status, rest) = (head.code?, bytes.get(start..)?);
    let value = |name: &str| {
        let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        str::from_utf8(header.value).ok()
    };
    let is_chunked = value("Transfer-Encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let body = match value("Content-Length") {
        _ if is_chunked => unchunked(rest)?,
        Some(length) => rest.get(..length.trim().parse().ok()?)?.to_vec().into(),
        None => rest.to_vec().into(),
    };
    Some(Response { status, body })
}

fn unchunked(mut rest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(Vec::with_capacity(rest.len()));
    loop {
        let httparse::Status::Complete((start, size)) = httparse::parse_chunk_size(rest).ok()? else { return None };
        if size == 0 {
            return Some(body);
        }
        let chunk = rest.get(start..)?;
        let size = usize::try_from(size).ok()?;
        body.extend_from_slice(chunk.get(..size)?);
        rest = chunk.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use openssl::ssl::SslVersion;
    use proptest::prelude::*;
    use zeroize::ZeroizeOnDrop;

    use super::super::tls::tests::{accept, valid};
    use super::*;

    fn body(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
        parsed(bytes).map(|response| (response.status, response.body.to_vec()))
    }

    #[test]
    fn answers_are_read_by_length_by_chunks_and_to_the_end() {
        let ok = Some((200, b"{}".to_vec()));
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}xx"), ok);
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\n{}"), ok);
        assert_eq!(body(b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), ok);
        assert_eq!(body(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), Some((400, Vec::new())));
    }

    #[test]
    fn what_may_hold_a_token_is_wiped_and_not_shown() {
        let is_wiped = |_: &dyn ZeroizeOnDrop| {};
        let endpoint = TokenEndpoint::parse("https://login.example.com/token").unwrap();
        let request = request(&endpoint, "refresh_token=geheim");
        is_wiped(&request);
        assert_eq!(request.len(), request.capacity(), "it has not grown");
        for answer in ["HTTP/1.1 200 OK\r\n\r\ngeheim", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ngeheim"] {
            let response = parsed(answer.as_bytes()).unwrap();
            is_wiped(&response.body);
            assert_eq!(*response.body, b"geheim");
            // As octets would be shown.
            assert!(!format!("{response:?}").contains("103"), "{response:?}");
        }
    }

    #[test]
    fn answer_that_is_cut_short_is_none() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"220 smtp.example.com\r\n",
            b"",
        ] {
            assert_eq!(body(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn no_answer_stops_us(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = (parsed(&bytes), parsed(&[&chunked[..], &bytes].concat()));
        }
    }

    #[test]
    fn form_goes_over_tls_to_who_proves_to_be_the_endpoint() {
        let authority = valid("ca.example", None);
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), authority.0.to_pem().unwrap()).unwrap();
        let smarthost = Smarthost { ca_file: Some(ca.path().to_owned()), ..Smarthost::new("a") };
        for (name, is_taken) in [("localhost", true), ("elsewhere.example", false)] {
            let identity = valid(name, Some(&authority));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = thread::spawn(move || {
                let mut heard = vec![0; 4096];
                let Some(mut stream) = accept(&identity, SslVersion::TLS1_3, listener.accept().unwrap().0) else {
                    return String::new();
                };
                let length = stream.read(&mut heard).unwrap_or(0);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
                String::from_utf8(heard[..length].to_vec()).unwrap()
            });
            let endpoint = TokenEndpoint::parse(&format!("https://localhost:{port}/token?v=2")).unwrap();
            let response = post(&endpoint, "a=b", &smarthost);
            let heard = server.join().unwrap();
            assert_eq!(response.is_ok(), is_taken, "{response:?}");
            assert_eq!(heard.starts_with("POST /token?v=2 HTTP/1.1\r\n"), is_taken, "{heard}");
            assert_eq!(heard.ends_with("\r\n\r\na=b"), is_taken);
            assert_eq!(heard.contains(&format!("\r\nHost: localhost:{port}\r\n")), is_taken);
        }
    }
}
