//! The TLS handshake, and the check of who answers.
//!
//! OpenSSL takes 36 ms to read a bundle of root certificates. If there is a hashed directory of certificates, whoever
//! starts this program sets `SSL_CERT_FILE=/dev/null`, and OpenSSL looks up only the certificate that it needs. If the
//! issuer is missing there, the caller tries once more with `Roots::Bundle`.

use std::fs;
use std::net::IpAddr;
use std::thread::{self, JoinHandle};

use native_tls::{HandshakeError, Protocol, TlsConnector, TlsConnectorBuilder, TlsStream};

use super::certificate::{fingerprint, has_dns_name, identity, names};
use super::deadline::Timed;
use super::smarthost::{Smarthost, TlsVersion};
use super::tls_error::{TlsError, classify, hint};
use super::{secret_file, server_hello};

/// The files in which distributions keep all root certificates.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// The root certificates that the system is asked for, if the settings name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those that OpenSSL finds by itself.
    Usual,
    /// The system's bundle as well.
    Bundle,
    /// Any: the handshake only shows the names in the server's certificate, and then fails.
    Any,
}

/// The bundle may hold root certificates that `Roots::Usual` did not look at.
pub(super) fn has_more_roots(smarthost: &Smarthost) -> bool {
    smarthost.ca_file.is_none()
        && smarthost.fingerprint.is_none()
        && std::env::var_os("SSL_CERT_FILE").is_some_and(|file| file == "/dev/null")
}

/// Our side of a handshake: the authorities that we trust, and the certificate that we show. OpenSSL takes milliseconds
/// to get ready. It does so in a thread, while we connect to the smarthost.
pub(super) struct Handshake<'a> {
    smarthost: &'a Smarthost,
    roots: Roots,
    /// There is none if no thread could be started.
    thread: Option<JoinHandle<Result<TlsConnector, TlsError>>>,
}

impl<'a> Handshake<'a> {
    /// Begins to get ready, in a thread.
    pub(super) fn begin(smarthost: &'a Smarthost, roots: Roots) -> Self {
        let own = smarthost.clone();
        let thread = thread::Builder::new().spawn(move || connector(&own, roots)).ok();
        Self { smarthost, roots, thread }
    }

    fn ready(self) -> Result<TlsConnector, TlsError> {
        match self.thread.map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => connector(self.smarthost, self.roots),
        }
    }
}

/// Shakes hands over `tcp`. It succeeds only if the server has proved to be the right one.
pub(super) fn shake_hands(handshake: Handshake<'_>, mut tcp: Timed) -> Result<TlsStream<Timed>, TlsError> {
    let (smarthost, roots) = (handshake.smarthost, handshake.roots);
    let connector = handshake.ready()?;
    tcp.keep_start(server_hello::ENOUGH);
    let stream = connector.connect(smarthost.bare_host(), tcp).map_err(|error| match error {
        HandshakeError::Failure(error) => classify(&error, smarthost.tls),
        HandshakeError::WouldBlock(_) => TlsError::TimedOut(hint(smarthost.tls)),
    })?;
    if roots == Roots::Any {
        return Err(TlsError::WrongHost(names(&stream)));
    }
    let is_name_checked = smarthost.ca_file.is_some() || smarthost.fingerprint.is_none();
    if is_name_checked && smarthost.bare_host().parse::<IpAddr>().is_err() && !has_dns_name(&stream) {
        return Err(TlsError::CommonNameOnly);
    }
    if let Some(wanted) = smarthost.fingerprint {
        let seen = fingerprint(&stream).map_err(|error| TlsError::Other(error.to_string()))?;
        if seen != Some(wanted) {
            return Err(seen.map_or(TlsError::Certificate("none given".to_owned()), TlsError::Fingerprint));
        }
    }
    Ok(stream)
}

fn connector(smarthost: &Smarthost, roots: Roots) -> Result<TlsConnector, TlsError> {
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(match smarthost.tls_min {
        TlsVersion::V1_2 => Protocol::Tlsv12,
        TlsVersion::V1_3 => Protocol::Tlsv13,
    }));
    if roots == Roots::Any {
        builder.disable_built_in_roots(true);
        builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
        return builder.build().map_err(|error| TlsError::Other(error.to_string()));
    }
    if let Some(path) = &smarthost.client_cert {
        builder.identity(identity(path, smarthost.client_key.as_deref())?);
    }
    match (&smarthost.ca_file, smarthost.fingerprint) {
        (Some(path), _) => {
            let wrong = |why: String| TlsError::CaFile { path: path.clone(), why };
            builder.disable_built_in_roots(true);
            let pem = secret_file::trusted(path).map_err(wrong)?;
            match add_roots(&mut builder, &pem) {
                Err(error) => return Err(wrong(format!("{error}: check path and content"))),
                Ok(0) => return Err(wrong("holds no certificate: it should be in PEM form".to_owned())),
                Ok(_) => {}
            }
        }
        // The fingerprint is all that counts: `shake_hands` compares it before anything is sent.
        (None, Some(_)) => {
            builder.disable_built_in_roots(true);
            builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
        }
        (None, None) if roots == Roots::Bundle => {
            // If no bundle can be read, the issuer stays unknown, and the caller is told so.
            let _ = BUNDLES
                .iter()
                .find(|path| fs::read(path).is_ok_and(|pem| add_roots(&mut builder, &pem).is_ok_and(|n| n > 0)));
        }
        (None, None) => {}
    }
    builder.build().map_err(|error| TlsError::Other(error.to_string()))
}

/// Trusts every certificate in the text of a file, and returns their number.
fn add_roots(builder: &mut TlsConnectorBuilder, pem: &[u8]) -> Result<usize, native_tls::Error> {
    let certificates = native_tls::Certificate::stack_from_pem(pem)?;
    let count = certificates.len();
    for certificate in certificates {
        builder.add_root_certificate(certificate);
    }
    Ok(count)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    use openssl::asn1::Asn1Time;
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::{PKey, Private};
    use openssl::sha::sha256;
    use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVersion};
    use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
    use openssl::x509::{X509, X509Name};

    use super::super::Fingerprint;
    use super::super::deadline::from_now;
    use super::*;
    use crate::outcome::Scope;

    pub(in super::super) type Identity = (X509, PKey<Private>);

    /// A certificate for `name`, signed by `issuer` or itself, from `from` to `to` in Unix time.
    fn identity(name: &str, issuer: Option<&Identity>, from: i64, to: i64) -> Identity {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509Name::builder().unwrap();
        subject.append_entry_by_text("CN", &format!("{name} {}", issuer.is_some())).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(issuer.map_or(&*subject, |(certificate, _)| certificate.subject_name())).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(from).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(to).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        if issuer.is_none() {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        }
        let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
        builder.sign(issuer.map_or(&key, |(_, key)| key), MessageDigest::sha256()).unwrap();
        (builder.build(), key)
    }

    pub(in super::super) fn valid(name: &str, issuer: Option<&Identity>) -> Identity {
        identity(name, issuer, 1_700_000_000, 4_000_000_000)
    }

    /// Lets one client in, does `serve` with it, and tells how the handshake with it went.
    pub(in super::super) fn against(
        smarthost: Smarthost,
        serve: impl FnOnce(TcpStream) + Send + 'static,
    ) -> Result<Vec<u8>, TlsError> {
        within(Duration::from_secs(30), smarthost, serve)
    }

    fn within(
        limit: Duration,
        smarthost: Smarthost,
        serve: impl FnOnce(TcpStream) + Send + 'static,
    ) -> Result<Vec<u8>, TlsError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let server = thread::spawn(move || serve(listener.accept().unwrap().0));
        let timed = Timed::new(tcp, from_now(limit)).unwrap();
        let result = shake_hands(Handshake::begin(&smarthost, Roots::Usual), timed).map(|mut stream| {
            let mut heard = vec![0; 2];
            stream.read_exact(&mut heard).unwrap();
            heard
        });
        server.join().unwrap();
        result
    }

    pub(in super::super) fn accept(
        identity: &Identity,
        newest: SslVersion,
        tcp: TcpStream,
    ) -> Option<SslStream<TcpStream>> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_certificate(&identity.0).unwrap();
        acceptor.set_private_key(&identity.1).unwrap();
        acceptor.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
        acceptor.set_max_proto_version(Some(newest)).unwrap();
        acceptor.build().accept(tcp).ok()
    }

    fn tls_server(identity: Identity, newest: SslVersion) -> impl FnOnce(TcpStream) + Send {
        move |tcp| {
            if let Some(mut stream) = accept(&identity, newest, tcp) {
                let _ = stream.write_all(b"ok");
            }
        }
    }

    pub(in super::super) fn trusting(authority: &Identity) -> (tempfile::NamedTempFile, Smarthost) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let other = valid("other.example", None).0.to_pem().unwrap();
        fs::write(file.path(), [other, authority.0.to_pem().unwrap()].concat()).unwrap();
        let smarthost = Smarthost { ca_file: Some(file.path().to_owned()), ..Smarthost::new("a.example") };
        (file, smarthost)
    }

    pub(in super::super) fn pinned(identity: &Identity) -> Smarthost {
        let sum = Fingerprint(sha256(&identity.0.to_der().unwrap()));
        Smarthost { fingerprint: Some(sum), ..Smarthost::new("a.example") }
    }

    #[test]
    fn certificate_of_a_configured_authority_is_accepted_for_its_name_only() {
        let authority = valid("ca.example", None);
        let (_file, smarthost) = trusting(&authority);
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let server = tls_server(valid("a.example", Some(&authority)), version);
            assert_eq!(against(smarthost.clone(), server).unwrap(), b"ok");
        }
        let server = tls_server(valid("b.example", Some(&authority)), SslVersion::TLS1_3);
        assert!(matches!(against(smarthost, server), Err(TlsError::WrongHost(_))));
    }

    #[test]
    fn time_of_validity_is_told_apart() {
        let authority = valid("ca.example", None);
        let (_file, smarthost) = trusting(&authority);
        let expired = identity("a.example", Some(&authority), 1_600_000_000, 1_600_000_001);
        let result = against(smarthost.clone(), tls_server(expired, SslVersion::TLS1_3));
        assert!(matches!(result, Err(TlsError::Expired)), "{result:?}");
        let early = identity("a.example", Some(&authority), 3_900_000_000, 4_000_000_000);
        let result = against(smarthost, tls_server(early, SslVersion::TLS1_3));
        assert!(matches!(result, Err(TlsError::NotYetValid)), "{result:?}");
    }

    #[test]
    fn unknown_issuer_and_self_signed_are_told_apart() {
        let smarthost = Smarthost::new("a.example");
        let server = tls_server(valid("a.example", None), SslVersion::TLS1_3);
        assert!(matches!(against(smarthost.clone(), server), Err(TlsError::SelfSigned)));
        let authority = valid("ca.example", None);
        let server = tls_server(valid("a.example", Some(&authority)), SslVersion::TLS1_3);
        assert!(matches!(against(smarthost, server), Err(TlsError::UnknownIssuer(_))));
    }

    #[test]
    fn fingerprint_stands_for_chain_and_name_unless_an_authority_is_set_too() {
        let authority = valid("ca.example", None);
        let server = valid("elsewhere.example", Some(&authority));
        let smarthost = pinned(&server);
        assert_eq!(against(smarthost.clone(), tls_server(server.clone(), SslVersion::TLS1_3)).unwrap(), b"ok");

        let other = valid("elsewhere.example", None);
        let result = against(smarthost.clone(), tls_server(other, SslVersion::TLS1_3));
        assert!(matches!(result, Err(TlsError::Fingerprint(_))), "{result:?}");

        let (_file, trusting) = trusting(&authority);
        let both = Smarthost { ca_file: trusting.ca_file, ..smarthost };
        let result = against(both, tls_server(server, SslVersion::TLS1_3));
        assert!(matches!(result, Err(TlsError::WrongHost(_))), "{result:?}");
    }

    #[test]
    fn server_without_tls_is_recognised() {
        let smarthost = Smarthost::new("a.example");
        let result = against(smarthost.clone(), |mut tcp| {
            tcp.write_all(b"220 smtp.example.com ESMTP ready\r\n").unwrap();
            let _ = tcp.read(&mut [0; 512]);
        });
        assert!(matches!(result, Err(TlsError::NotTls(_))), "{result:?}");
        let result = against(smarthost.clone(), |mut tcp| {
            let _ = tcp.read(&mut [0; 4096]);
        });
        assert!(matches!(result, Err(TlsError::Closed)), "{result:?}");
        let limit = Duration::from_millis(100);
        let result = within(limit, smarthost, |mut tcp| while tcp.read(&mut [0; 512]).is_ok_and(|n| n > 0) {});
        assert!(matches!(result, Err(TlsError::TimedOut(_))), "{result:?}");
    }

    #[test]
    fn handshake_that_a_server_refuses_is_quoted() {
        let refused = |alert: u8| {
            against(Smarthost::new("a.example"), move |mut tcp| {
                let _ = tcp.read(&mut [0; 4096]);
                tcp.write_all(&[21, 3, 3, 0, 2, 2, alert]).unwrap();
            })
        };
        let result = refused(40);
        assert!(matches!(&result, Err(TlsError::Alert(why)) if why.contains("handshake failure")), "{result:?}");
        assert!(matches!(refused(70), Err(TlsError::Outdated(_))));
    }

    #[test]
    fn server_that_speaks_no_newer_tls_than_is_wanted_is_refused() {
        let authority = valid("ca.example", None);
        let (_file, smarthost) = trusting(&authority);
        let smarthost = Smarthost { tls_min: TlsVersion::V1_3, ..smarthost };
        let server = || valid("a.example", Some(&authority));
        let result = against(smarthost.clone(), tls_server(server(), SslVersion::TLS1_2));
        assert!(matches!(result, Err(TlsError::Outdated(_))), "{result:?}");
        assert_eq!(against(smarthost, tls_server(server(), SslVersion::TLS1_3)).unwrap(), b"ok");
    }

    #[test]
    fn unusable_ca_file_is_named() {
        let (file, smarthost) = trusting(&valid("ca.example", None));
        fs::write(file.path(), "nothing").unwrap();
        let error = connector(&smarthost, Roots::Usual).unwrap_err();
        assert!(error.to_string().contains("holds no certificate"), "{error}");
        drop(file);
        let error = connector(&smarthost, Roots::Usual).unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
        assert_eq!(error.scope(), Scope::Configuration);
    }
}
