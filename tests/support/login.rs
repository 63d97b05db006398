//! AUTH (RFC 4954): PLAIN, LOGIN and XOAUTH2, each with or without an initial response.
//!
//! The bearer token of XOAUTH2 is the password of the account.

use openssl::base64;

use super::dialogue::{Dialogue, End};

/// Who has proved to be whom, or the reply to who has not.
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
            "XOAUTH2" => self.log_in_by_token(initial),
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
            // The reason comes as a challenge, which the client answers with an empty line.
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
        self.check(part("user="), part("auth=Bearer "))
    }

    fn check(&self, user: &str, password: &str) -> Proof {
        if self.house.host.accounts.iter().any(|(u, p)| u == user && p == password) {
            Ok(user.to_owned())
        } else {
            Err("535 5.7.8 username and password not accepted".into())
        }
    }
}
