//! Certificates: the server's, and the one that we show to a server that asks who we are.

use std::net::IpAddr;
use std::path::Path;

use native_tls::{Identity, TlsStream};
use openssl::asn1::Asn1Time;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::x509::{X509, X509NameRef};

use super::Fingerprint;
use super::deadline::Timed;
use super::secret_file::{self, guarded};
use super::tls_error::TlsError;
use crate::outcome::clean;

/// The facts in the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Its owner.
    pub(crate) subject: String,
    /// The authority that vouches for it.
    pub(crate) issuer: String,
    /// The last moment of its validity, as OpenSSL writes it.
    pub(crate) not_after: String,
    /// Whole days until then.
    pub(crate) days_left: i32,
}

impl Certificate {
    /// The certificate of the other side.
    pub(super) fn of(stream: &TlsStream<Timed>) -> Option<Self> {
        let certificate = X509::from_der(&stream.peer_certificate().ok()??.to_der().ok()?).ok()?;
        let now = Asn1Time::days_from_now(0).ok()?;
        Some(Self {
            subject: name(certificate.subject_name()),
            issuer: name(certificate.issuer_name()),
            not_after: certificate.not_after().to_string(),
            days_left: now.diff(certificate.not_after()).ok()?.days,
        })
    }
}

/// The part of a name that people know it by: the common name, else the organization.
fn name(name: &X509NameRef) -> String {
    let part = |nid| name.entries_by_nid(nid).next()?.data().to_string().ok();
    clean(&part(Nid::COMMONNAME).or_else(|| part(Nid::ORGANIZATIONNAME)).unwrap_or_default())
}

/// The other side's certificate names hosts where names of hosts belong. OpenSSL takes the common name for one if there
/// is none, and RFC 9525 section 2 forbids that: an authority may certify it without having asked who owns the host.
pub(super) fn has_dns_name(stream: &TlsStream<Timed>) -> bool {
    let certificate = stream.peer_certificate().ok().flatten().and_then(|certificate| certificate.to_der().ok());
    let names = certificate.and_then(|der| X509::from_der(&der).ok()).and_then(|x509| x509.subject_alt_names());
    names.is_some_and(|names| names.iter().any(|name| name.dnsname().is_some()))
}

/// The names of hosts in the other side's certificate, and its addresses; the common name if there are none.
pub(super) fn names(stream: &TlsStream<Timed>) -> Vec<String> {
    let der = stream.peer_certificate().ok().flatten().and_then(|certificate| certificate.to_der().ok());
    let Some(x509) = der.and_then(|der| X509::from_der(&der).ok()) else { return Vec::new() };
    let address = |octets: &[u8]| match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(|octets| IpAddr::from(octets).to_string()),
        _ => <[u8; 16]>::try_from(octets).ok().map(|octets| IpAddr::from(octets).to_string()),
    };
    let alternatives = x509.subject_alt_names();
    let found = alternatives.iter().flatten();
    let found = found.filter_map(|name| name.dnsname().map(clean).or_else(|| address(name.ipaddress()?)));
    let found: Vec<String> = found.collect();
    if found.is_empty() { vec![name(x509.subject_name())] } else { found }
}

/// SHA-256 of the other side's certificate.
pub(super) fn fingerprint(stream: &TlsStream<Timed>) -> Result<Option<Fingerprint>, native_tls::Error> {
    let Some(certificate) = stream.peer_certificate()? else { return Ok(None) };
    Ok(Some(Fingerprint(sha256(&certificate.to_der()?))))
}

/// Our own certificate and its key, from one file or two.
pub(super) fn identity(certificate: &Path, key: Option<&Path>) -> Result<Identity, TlsError> {
    let (key_name, key) = key.map_or(("client-cert", certificate), |key| ("client-key", key));
    let of_key = |why: String| TlsError::Client { key: key_name, path: key.to_path_buf(), why };
    let of_certificate = |why: String| TlsError::Client { key: "client-cert", path: certificate.to_path_buf(), why };
    let pem = guarded(key).map_err(of_key)?;
    // Without a passphrase, OpenSSL would ask a terminal for one.
    let key = PKey::private_key_from_pem_passphrase(&pem, b"")
        .map_err(|_| of_key("holds no private key in PEM form, or one with a passphrase".to_owned()))?;
    let chain = secret_file::trusted(certificate).map_err(of_certificate)?;
    let first = X509::from_pem(&chain).and_then(|first| first.public_key());
    let first = first.map_err(|_| of_certificate("holds no certificate in PEM form".to_owned()))?;
    if !first.public_eq(&key) {
        return Err(of_certificate("is not for the key that client-key names".to_owned()));
    }
    let key = key.private_key_to_pem_pkcs8().map_err(|error| of_certificate(error.to_string()))?;
    Identity::from_pkcs8(&chain, &key).map_err(|error| of_certificate(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions, set_permissions};
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};

    use super::super::Smarthost;
    use super::super::tls::tests::{Identity as Owned, against, trusting, valid};
    use super::*;

    /// Certificate and key in two files.
    fn written(directory: &Path, (certificate, key): &Owned) -> (PathBuf, PathBuf) {
        let (at, beside) = (directory.join("cert.pem"), directory.join("key.pem"));
        fs::write(&at, certificate.to_pem().unwrap()).unwrap();
        fs::write(&beside, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        set_permissions(&beside, Permissions::from_mode(0o600)).unwrap();
        (at, beside)
    }

    #[test]
    fn server_that_asks_who_we_are_is_told() {
        let authority = valid("ca.example", None);
        let (_file, smarthost) = trusting(&authority);
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = written(directory.path(), &valid("client.example", Some(&authority)));
        for is_shown in [true, false] {
            let smarthost = Smarthost {
                client_cert: is_shown.then(|| certificate.clone()),
                client_key: is_shown.then(|| key.clone()),
                ..smarthost.clone()
            };
            let (server, issuer) = (valid("a.example", Some(&authority)), authority.0.clone());
            let (sender, receiver) = std::sync::mpsc::channel();
            let result = against(smarthost, move |tcp| {
                let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
                acceptor.set_certificate(&server.0).unwrap();
                acceptor.set_private_key(&server.1).unwrap();
                acceptor.cert_store_mut().add_cert(issuer).unwrap();
                acceptor.set_verify(SslVerifyMode::PEER);
                let mut stream = acceptor.build().accept(tcp).unwrap();
                sender.send(stream.ssl().peer_certificate().map(|shown| name(shown.subject_name()))).unwrap();
                stream.write_all(b"ok").unwrap();
            });
            assert_eq!(result.unwrap(), b"ok");
            assert_eq!(receiver.recv().unwrap().is_some_and(|name| name.starts_with("client.example")), is_shown);
        }
    }

    #[test]
    fn unusable_key_or_certificate_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = written(directory.path(), &valid("client.example", None));
        let refused = |key: Option<&Path>| match identity(&certificate, key) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(refused(Some(&key)), "");
        assert!(refused(None).contains("client-cert") && refused(None).contains("chmod o="));
        set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        assert!(refused(Some(&key)).contains("client-key") && refused(Some(&key)).contains("chmod o="));
        set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        let other = valid("client.example", None).1;
        fs::write(&key, other.private_key_to_pem_pkcs8().unwrap()).unwrap();
        assert!(refused(Some(&key)).contains("is not for the key"));
        fs::write(&key, other.private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"x").unwrap())
            .unwrap();
        assert!(refused(Some(&key)).contains("passphrase"));
    }
}
