//! Certificates made in memory: an authority, and leaves that are good or wrong in one way each.
//!
//! Nothing touches the disk and nothing outlives the test. Keys are P-256, because making one costs no time.

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name};

const DAY: i64 = 86_400;

/// The one good leaf certificate, and each fault of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By the authority, with `localhost` as its common name and in no other place.
    CommonNameOnly,
    /// By the authority, until a month ago.
    Expired,
    /// By the authority, for `localhost`, `smarthost.test` and 127.0.0.1.
    Good,
    /// By the authority, from next month on.
    NotYetValid,
    /// For the right names, but signed by its own key.
    SelfSigned,
    /// By the authority, for `other.test` only.
    WrongHost,
}

impl Kind {
    /// First and last second of validity, relative to now.
    fn validity(self) -> (i64, i64) {
        match self {
            Kind::Expired => (-60 * DAY, -30 * DAY),
            Kind::NotYetValid => (30 * DAY, 60 * DAY),
            _ => (-DAY, 30 * DAY),
        }
    }
}

/// A server certificate and the key to serve it.
pub(crate) struct Leaf {
    /// The certificate itself first, then its issuer, if it has one.
    pub(crate) chain: Vec<X509>,
    /// The private key.
    pub(crate) key: PKey<Private>,
}

/// A certificate authority that nobody trusts until told to.
#[derive(Clone)]
pub(crate) struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    /// A new authority with a key of its own.
    pub(crate) fn new() -> Self {
        make_authority().expect("OpenSSL makes an authority")
    }

    /// Its certificate in PEM, to be trusted by the client.
    pub(crate) fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().expect("a certificate has a PEM form")
    }

    /// A new leaf certificate of that kind.
    pub(crate) fn leaf(&self, kind: Kind) -> Leaf {
        self.make_leaf(kind).expect("OpenSSL makes a leaf")
    }

    fn make_leaf(&self, kind: Kind) -> Result<Leaf, ErrorStack> {
        let key = new_key()?;
        let name = if kind == Kind::CommonNameOnly { "localhost" } else { "smarthost.test" };
        let mut draft = draft(name, &key, kind.validity())?;
        let mut names = SubjectAlternativeName::new();
        match kind {
            Kind::CommonNameOnly => names.email("postmaster@smarthost.test"),
            Kind::WrongHost => names.dns("other.test"),
            _ => names.dns("localhost").dns("smarthost.test").ip("127.0.0.1"),
        };
        let is_own_issuer = kind == Kind::SelfSigned;
        if !is_own_issuer {
            draft.set_issuer_name(self.certificate.subject_name())?;
        }
        let issuer = (!is_own_issuer).then_some(self.certificate.as_ref());
        let names = names.build(&draft.x509v3_context(issuer, None))?;
        draft.append_extension(names)?;
        draft.append_extension(BasicConstraints::new().build()?)?;
        draft.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        draft.sign(if is_own_issuer { &key } else { &self.key }, MessageDigest::sha256())?;
        let mut chain = vec![draft.build()];
        chain.extend(issuer.map(ToOwned::to_owned));
        Ok(Leaf { chain, key })
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn make_authority() -> Result<Authority, ErrorStack> {
    let key = new_key()?;
    let mut draft = draft("mailx-t test authority", &key, (-365 * DAY, 365 * DAY))?;
    draft.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    draft.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    draft.sign(&key, MessageDigest::sha256())?;
    Ok(Authority { certificate: draft.build(), key })
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

/// A certificate without extensions and signature, its own issuer until told otherwise.
fn draft(name: &str, key: &PKey<Private>, validity: (i64, i64)) -> Result<X509Builder, ErrorStack> {
    let mut subject = X509Name::builder()?;
    subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    let subject = subject.build();
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let (from, until) = (Asn1Time::from_unix(now + validity.0)?, Asn1Time::from_unix(now + validity.1)?);

    let mut draft = X509::builder()?;
    draft.set_version(2)?; // counted from zero: X.509 version 3
    draft.set_serial_number(&serial)?;
    draft.set_subject_name(&subject)?;
    draft.set_issuer_name(&subject)?;
    draft.set_pubkey(key)?;
    draft.set_not_before(&from)?;
    draft.set_not_after(&until)?;
    Ok(draft)
}
