//! AUTH (RFC 4954): PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-256, XOAUTH2 and OAUTHBEARER, with or without an initial response
//! if the mechanism allows both.
//!
//! A bearer token is the password of the account.

use openssl::base64;
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use openssl::sign::Signer;

use super::dialogue::{Dialogue, End};

const REFUSED: &str = "535 5.7.8 username and password not accepted";

/// The user who has proved an identity, or the reply to one who has not.
pub(super) type Proof = Result<String, String>;

impl Dialogue<'_> {
    /// Carries out an AUTH command up to the last reply, which is left to the caller.
    pub(super) fn log_in(&mut self, line: &str) -> Result<Proof, End> {
        let mut words = line.split_ascii_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        // RFC 4954 section 4: "=" is an initial response that is empty.
        let initial = words.next().map(|word| if word == "=" { "" } else { word }.to_owned());
        if !self.house.host.mechanisms.contains(&mechanism) {
            return Ok(Err("504 5.5.4 mechanism not offered".into()));
        }
        match mechanism.as_str() {
            "LOGIN" => self.log_in_by_login(initial),
            "PLAIN" => Ok(self.response(initial, "")?.and_then(|response| self.check_plain(&response))),
            "CRAM-MD5" => self.log_in_by_digest(),
            "SCRAM-SHA-256" => self.log_in_by_proof(initial),
            "OAUTHBEARER" | "XOAUTH2" => self.log_in_by_token(initial),
            _ => Ok(Err("504 5.5.4 mechanism offered, but not known".into())),
        }
    }

    fn log_in_by_login(&mut self, initial: Option<String>) -> Result<Proof, End> {
        let user = match self.response(initial, "Username:")? {
            Ok(user) => user,
            Err(reply) => return Ok(Err(reply)),
        };
        Ok(self.response(None, "Password:")?.and_then(|password| self.check(&user, &password)))
    }

    fn log_in_by_token(&mut self, initial: Option<String>) -> Result<Proof, End> {
        let proof = self.response(initial, "")?.and_then(|response| self.check_token(&response));
        if proof.as_ref().is_err_and(|reply| reply.starts_with("535")) {
            // The reason comes as a challenge, which the client answers with an empty line, or with ^A.
            let _ = self.response(None, r#"{"status":"401","schemes":"bearer","scope":"mail"}"#)?;
        }
        Ok(proof)
    }

    /// The client's response in clear, asked for unless it came with the command.
    fn response(&mut self, initial: Option<String>, challenge: &str) -> Result<Proof, End> {
        let encoded = match initial {
            Some(encoded) => encoded,
            None => {
                self.say(&format!("334 {}", base64::encode_block(challenge.as_bytes())));
                self.secret_line()?
            }
        };
        if encoded == "*" {
            return Ok(Err("501 5.7.0 authentication cancelled".into()));
        }
        let decoded = base64::decode_block(&encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(decoded.ok_or_else(|| "501 5.5.2 cannot decode the response".into()))
    }

    fn check_plain(&self, response: &str) -> Proof {
        match response.split('\0').collect::<Vec<_>>()[..] {
            [_, user, password] => self.check(user, password),
            _ => Err("501 5.5.2 not a response of PLAIN".into()),
        }
    }

    fn check_token(&self, response: &str) -> Proof {
        let part = |name: &str| response.split('\x01').find_map(|part| part.strip_prefix(name)).unwrap_or_default();
        // OAUTHBEARER has the user in its first part: `n,a=USER,`.
        let user = response.strip_prefix("n,a=").and_then(|rest| rest.split(',').next());
        self.check(user.unwrap_or_else(|| part("user=")), part("auth=Bearer "))
    }

    fn log_in_by_digest(&mut self) -> Result<Proof, End> {
        let challenge = "<1.2@smarthost.test>";
        let response = match self.response(None, challenge)? {
            Ok(response) => response,
            Err(reply) => return Ok(Err(reply)),
        };
        let (user, digest) = response.split_once(' ').unwrap_or_default();
        let expected: String = self.password(user).map_or_else(String::new, |password| {
            let sum = hmac(MessageDigest::md5(), password.as_bytes(), challenge.as_bytes());
            sum.iter().map(|byte| format!("{byte:02x}")).collect()
        });
        Ok(if expected == digest { Ok(user.to_owned()) } else { Err(REFUSED.into()) })
    }

    /// RFC 5802 section 3, the server's side.
    fn log_in_by_proof(&mut self, initial: Option<String>) -> Result<Proof, End> {
        let first = match self.response(initial, "")? {
            Ok(first) => first,
            Err(reply) => return Ok(Err(reply)),
        };
        let bare = first.strip_prefix("n,,").unwrap_or_default().to_owned();
        let part = |message: &str, name: &str| {
            message.split(',').find_map(|part| part.strip_prefix(name)).unwrap_or_default().to_owned()
        };
        let (user, salt) = (part(&bare, "n="), b"salt of the test");
        let challenge = format!("r={}server,s={},i=4096", part(&bare, "r="), base64::encode_block(salt));
        let last = match self.response(None, &challenge)? {
            Ok(last) => last,
            Err(reply) => return Ok(Err(reply)),
        };
        let Some(password) = self.password(&user) else { return Ok(Err(REFUSED.into())) };
        let sha = MessageDigest::sha256();
        let mut salted = [0; 32];
        pbkdf2_hmac(password.as_bytes(), salt, 4096, sha, &mut salted).expect("OpenSSL computes");
        let without_proof = last.split(",p=").next().unwrap_or_default();
        let signed = format!("{bare},{challenge},{without_proof}");
        let signature = hmac(sha, &sha256(&hmac(sha, &salted, b"Client Key")), signed.as_bytes());
        let proof = base64::decode_block(&part(&last, "p=")).unwrap_or_default();
        let key: Vec<u8> = proof.iter().zip(&signature).map(|(proof, signature)| proof ^ signature).collect();
        if key != hmac(sha, &salted, b"Client Key") {
            return Ok(Err(REFUSED.into()));
        }
        let own = hmac(sha, &hmac(sha, &salted, b"Server Key"), signed.as_bytes());
        let _ = self.response(None, &format!("v={}", base64::encode_block(&own)))?;
        Ok(Ok(user))
    }

    fn password(&self, user: &str) -> Option<String> {
        self.house.host.accounts.iter().find(|(known, _)| known == user).map(|(_, password)| password.clone())
    }

    fn check(&self, user: &str, password: &str) -> Proof {
        if self.house.host.accounts.iter().any(|(u, p)| u == user && p == password) {
            Ok(user.to_owned())
        } else {
            Err(REFUSED.into())
        }
    }
}

fn hmac(digest: MessageDigest, key: &[u8], data: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("OpenSSL takes the key");
    Signer::new(digest, &key).and_then(|mut signer| signer.sign_oneshot_to_vec(data)).expect("OpenSSL computes")
}
