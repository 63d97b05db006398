//! SCRAM-SHA-256, RFC 5802 and RFC 7677: both sides prove that they know the password, and neither says it.
//!
//! There is no channel binding: TLS libraries give only part of it for TLS 1.2. OpenSSL does the arithmetic. A password
//! beyond ASCII would have to go through SASLprep (RFC 4013) first, so it is left to PLAIN.

use std::str;

use openssl::base64::{decode_block, encode_block};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::rand::rand_bytes;
use openssl::sha::sha256;
use openssl::sign::Signer;

/// `gs2-header` of RFC 5802 section 7, without channel binding and without another identity.
const HEADER: &str = "n,,";
/// RFC 7677 section 4 wants at least 4096. A server that asks for more than the upper limit only wants to take our
/// time.
const ROUNDS: std::ops::RangeInclusive<usize> = 4096..=1_000_000;

/// The client's side of one exchange.
pub(super) struct Scram {
    first: String,
    nonce: String,
    /// The signature that the server has to answer to our proof, once we have given it.
    signature: Option<Vec<u8>>,
    is_proved: bool,
}

impl Scram {
    /// An exchange for `user`, with a nonce that nobody can guess.
    pub(super) fn new(user: &str) -> Result<Self, &'static str> {
        let mut bytes = [0; 18];
        rand_bytes(&mut bytes).map_err(|_| "no random bytes")?;
        Ok(Self::with_nonce(user, &encode_block(&bytes)))
    }

    fn with_nonce(user: &str, nonce: &str) -> Self {
        // RFC 5802 section 5.1: these two characters have a meaning of their own.
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { first: format!("n={user},r={nonce}"), nonce: nonce.to_owned(), signature: None, is_proved: false }
    }

    /// `client-first-message`.
    pub(super) fn first(&self) -> String {
        format!("{HEADER}{}", self.first)
    }

    /// The answer to a message of the server: our proof to the first one, and nothing to the second one if its proof is
    /// right.
    pub(super) fn answer(&mut self, message: &[u8], password: &str) -> Result<String, &'static str> {
        let message = str::from_utf8(message).map_err(|_| "the server's message is no text")?;
        match self.signature.take() {
            None => self.prove(message, password),
            Some(expected) => {
                let given = message.strip_prefix("v=").and_then(|text| decode_block(text).ok()).unwrap_or_default();
                self.is_proved = given.len() == expected.len() && memcmp::eq(&given, &expected);
                if self.is_proved { Ok(String::new()) } else { Err("the server does not know the password") }
            }
        }
    }

    /// The server has proved that it knows the password too.
    pub(super) fn is_proved(&self) -> bool {
        self.is_proved
    }

    fn prove(&mut self, challenge: &str, password: &str) -> Result<String, &'static str> {
        // RFC 5802 section 5.1: whoever does not know a mandatory extension ends the exchange.
        if challenge.split(',').any(|part| part.starts_with("m=")) {
            return Err("the server's challenge has an extension of SCRAM that is not known here");
        }
        let part = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(rounds)) = (part("r="), part("s="), part("i=")) else {
            return Err("the server's challenge is incomplete");
        };
        let is_printable = nonce.bytes().all(|b| b.is_ascii_graphic());
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) || !is_printable {
            return Err("the server's challenge does not answer ours");
        }
        let salt = decode_block(salt).map_err(|_| "the server's salt is not base64")?;
        let rounds =
            rounds.parse().ok().filter(|n| ROUNDS.contains(n)).ok_or("the server's iteration count is unsafe")?;
        let last = format!("c={},r={nonce}", encode_block(HEADER.as_bytes()));
        let signed = format!("{},{challenge},{last}", self.first);
        let (proof, signature) =
            proofs(password, &salt, rounds, signed.as_bytes()).map_err(|_| "OpenSSL cannot compute the proof")?;
        self.signature = Some(signature);
        Ok(format!("{last},p={}", encode_block(&proof)))
    }
}

/// `ClientProof` and `ServerSignature` of RFC 5802 section 3.
fn proofs(password: &str, salt: &[u8], rounds: usize, signed: &[u8]) -> Result<(Vec<u8>, Vec<u8>), ErrorStack> {
    let sha = MessageDigest::sha256();
    let mut salted = [0; 32];
    pbkdf2_hmac(password.as_bytes(), salt, rounds, sha, &mut salted)?;
    let client_key = hmac(sha, &salted, b"Client Key")?;
    let client_signature = hmac(sha, &sha256(&client_key), signed)?;
    let proof = client_key.iter().zip(&client_signature).map(|(key, signature)| key ^ signature).collect();
    Ok((proof, hmac(sha, &hmac(sha, &salted, b"Server Key")?, signed)?))
}

/// HMAC, RFC 2104.
pub(super) fn hmac(digest: MessageDigest, key: &[u8], data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    Signer::new(digest, &*PKey::hmac(key)?)?.sign_oneshot_to_vec(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &[u8] = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn example_of_rfc_7677_comes_out() {
        let mut scram = Scram::with_nonce("user", NONCE);
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(
            scram.answer(CHALLENGE, "pencil").unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(!scram.is_proved());
        assert_eq!(scram.answer(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "pencil"), Ok(String::new()));
        assert!(scram.is_proved());
    }

    #[test]
    fn server_that_does_not_know_the_password_is_found_out() {
        for last in [&b"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="[..], b"v=", b"", b"e=other-error", b"\xff"] {
            let mut scram = Scram::with_nonce("user", NONCE);
            scram.answer(CHALLENGE, "pencil").unwrap();
            assert!(scram.answer(last, "pencil").is_err());
            assert!(!scram.is_proved());
        }
    }

    #[test]
    fn challenge_that_is_unsafe_or_not_ours_is_refused() {
        for challenge in [
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
            "r=rOprNGfwEbeRWgbNEkqOx,s=*,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO x\r\n,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,m=ext",
            "",
        ] {
            assert!(Scram::with_nonce("user", NONCE).answer(challenge.as_bytes(), "pencil").is_err(), "{challenge}");
        }
    }

    #[test]
    fn name_is_quoted_and_nonces_differ() {
        assert_eq!(Scram::with_nonce("a=b,c", "x").first(), "n,,n=a=3Db=2Cc,r=x");
        assert_ne!(Scram::new("a").unwrap().first(), Scram::new("a").unwrap().first());
    }
}
