//! The reasons why a TLS handshake failed: a sentence with the cure for each of OpenSSL's texts.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use openssl::error::ErrorStack;

use super::Fingerprint;
use super::smarthost::Tls;
use crate::outcome::Scope;

/// The reason why the connection is not safe.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("the server refused the TLS handshake ({0})")]
    Alert(String),
    #[error("ca-file {path}: {why}", path = path.display())]
    CaFile { path: PathBuf, why: String },
    #[error("the server's certificate is not acceptable ({0})")]
    Certificate(String),
    #[error("{key} {path}: {why}", path = path.display())]
    Client { key: &'static str, path: PathBuf, why: String },
    #[error(
        "the server's certificate names its host as a common name only, which counts no more (RFC 9525): have it \
         issued anew with a subjectAltName, or set fingerprint to its SHA-256 and leave ca-file out"
    )]
    CommonNameOnly,
    #[error("the server closed the connection during the TLS handshake: is another port or another tls meant?")]
    Closed,
    #[error("the server's certificate has expired: its owner must renew it, unless this machine's clock is wrong")]
    Expired,
    #[error("the server's certificate has the fingerprint {0}, not the configured one: find out who answers there")]
    Fingerprint(Fingerprint),
    #[error("the answer is not TLS: {0}")]
    NotTls(&'static str),
    #[error("the server's certificate is not valid yet: check this machine's clock")]
    NotYetValid,
    #[error("the TLS handshake failed ({0})")]
    Other(String),
    #[error("the server speaks no TLS as new as tls-min ({0}): its owner must bring it up to date")]
    Outdated(String),
    #[error("the server's certificate is self-signed: set ca-file to it, or fingerprint to its SHA-256")]
    SelfSigned,
    #[error("no TLS handshake in time: {0}")]
    TimedOut(&'static str),
    #[error(
        "the issuer of the server's certificate is unknown ({0}): the server does not send its whole chain, which its \
         owner must mend, or the CA is not known here: install its certificate, or set ca-file"
    )]
    UnknownIssuer(String),
    /// With the names that it has, as far as they are known.
    #[error("the server's certificate is for another name{}: check [smarthost] host", in_brackets(.0))]
    WrongHost(Vec<String>),
}

impl TlsError {
    /// A server that is slow or hangs up may be well again tomorrow. Anything else waits for a person.
    pub(super) fn scope(&self) -> Scope {
        match self {
            TlsError::Alert(_) | TlsError::Closed | TlsError::Other(_) | TlsError::TimedOut(_) => Scope::Host,
            _ => Scope::Configuration,
        }
    }
}

/// Reads OpenSSL's error. Its reasons are texts, and its verdict on the certificate stands in brackets at the end.
pub(super) fn classify(error: &native_tls::Error, tls: Tls) -> TlsError {
    if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        return match cause.kind() {
            ErrorKind::TimedOut => TlsError::TimedOut(hint(tls)),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => TlsError::Closed,
            _ => TlsError::Other(cause.to_string()),
        };
    }
    let text = error.to_string();
    let stack = error.source().and_then(|cause| cause.downcast_ref::<ErrorStack>());
    let errors = stack.map_or(&[][..], ErrorStack::errors);
    let reasons: Vec<&str> = errors.iter().filter_map(|error| error.reason()).collect();
    let reason = reasons.first().copied().unwrap_or(&text);
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    // A signature that does not fit has a reason of its own before that of the certificate.
    if reasons.contains(&"certificate verify failed") {
        certificate(text.rsplit_once('(').map_or(text.as_str(), |(_, verdict)| verdict.trim_end_matches(')')))
    } else if says(&["unexpected eof", "unexpected EOF"]) {
        TlsError::Closed
    } else if says(&["wrong version number", "packet length too long", "record layer failure", "http request"]) {
        TlsError::NotTls(hint(tls))
    } else if says(&["unsupported protocol", "alert protocol version"]) {
        TlsError::Outdated(reason.to_owned())
    } else if says(&["alert", "unrecognized name"]) {
        TlsError::Alert(reason.to_owned())
    } else {
        TlsError::Other(reason.to_owned())
    }
}

/// The most names that a sentence tells.
const MOST_NAMES: usize = 5;

fn in_brackets(names: &[String]) -> String {
    let more = if names.len() > MOST_NAMES { ", ..." } else { "" };
    let told = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    if told.is_empty() { told } else { format!(" ({told}{more})") }
}

/// The verdict of OpenSSL on the certificate, X509_verify_cert_error_string(3).
fn certificate(verdict: &str) -> TlsError {
    match verdict.replace("self signed", "self-signed").as_str() {
        "certificate has expired" => TlsError::Expired,
        "certificate is not yet valid" => TlsError::NotYetValid,
        "hostname mismatch" | "Hostname mismatch" | "IP address mismatch" => TlsError::WrongHost(Vec::new()),
        "self-signed certificate" => TlsError::SelfSigned,
        "certificate signature failure"
        | "self-signed certificate in certificate chain"
        | "unable to get issuer certificate"
        | "unable to get local issuer certificate"
        | "unable to verify the first certificate" => TlsError::UnknownIssuer(verdict.to_owned()),
        _ => TlsError::Certificate(verdict.to_owned()),
    }
}

/// The protocol that the port may speak if it does not speak that of `tls`.
pub(super) fn hint(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit | Tls::None => "is tls = \"starttls\" (smtp:// in MAILX_T_URL) or another port meant?",
        Tls::StartTls => "is tls = \"implicit\" (smtps:// in MAILX_T_URL) or another port meant?",
    }
}
