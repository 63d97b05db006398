//! The SASL mechanisms: their names, the order in which they are tried, and what each of them says.
//!
//! `login` puts that into base64 and into the lines of AUTH. The mechanisms of a family show the server the same thing:
//! if the server has refused it once, it will refuse it again, and an account that is tried too often gets locked.

use std::fmt;

use openssl::hash::MessageDigest;
use zeroize::Zeroizing;

use super::scram::{Scram, hmac};
use super::{AuthChoice, Credentials, Smarthost};

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// RFC 2195.
    CramMd5,
    /// It has no RFC.
    Login,
    /// RFC 7628.
    OAuthBearer,
    /// RFC 4616.
    Plain,
    /// RFC 7677.
    ScramSha256,
    /// Google's, <https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>.
    Xoauth2,
}

/// The credential that a mechanism shows the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// The password itself.
    Password,
    /// A proof that we know it.
    Proof,
    /// A bearer token.
    Token,
}

/// The best ones come first. Inside TLS, PLAIN shows no more than LOGIN and needs one exchange only. For CRAM-MD5 the
/// server has to keep the password as it is, and the hash is broken.
const WITH_PASSWORD: &[Mechanism] = &[Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5];
const WITH_TOKEN: &[Mechanism] = &[Mechanism::OAuthBearer, Mechanism::Xoauth2];

impl Mechanism {
    pub(super) fn family(self) -> Family {
        match self {
            Mechanism::CramMd5 | Mechanism::ScramSha256 => Family::Proof,
            Mechanism::Login | Mechanism::Plain => Family::Password,
            Mechanism::OAuthBearer | Mechanism::Xoauth2 => Family::Token,
        }
    }

    /// All that we say goes with the command itself.
    pub(super) fn is_one_line(self) -> bool {
        matches!(self, Mechanism::OAuthBearer | Mechanism::Plain | Mechanism::Xoauth2)
    }

    fn name(self) -> &'static str {
        match self {
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::Login => "LOGIN",
            Mechanism::OAuthBearer => "OAUTHBEARER",
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Xoauth2 => "XOAUTH2",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is a mechanism of that name here. The name is in capitals.
pub(super) fn is_known(name: &str) -> bool {
    WITH_PASSWORD.iter().chain(WITH_TOKEN).any(|mechanism| mechanism.name() == name)
}

/// The mechanisms to try, the best one first, or why there is none to try. `offered` are those that the server offers,
/// in capitals.
pub(super) fn usable_mechanisms(
    smarthost: &Smarthost,
    offered: &[String],
    credentials: &Credentials,
) -> Result<Vec<Mechanism>, String> {
    let choice = smarthost.auth;
    let wanted: &[Mechanism] = match choice {
        AuthChoice::Auto | AuthChoice::None if credentials.is_token() => WITH_TOKEN,
        AuthChoice::Auto | AuthChoice::None if credentials.secret().reveal().is_ascii() => WITH_PASSWORD,
        AuthChoice::Auto | AuthChoice::None => &WITH_PASSWORD[1..],
        AuthChoice::CramMd5 => &[Mechanism::CramMd5],
        AuthChoice::Login => &[Mechanism::Login],
        AuthChoice::OAuthBearer => &[Mechanism::OAuthBearer],
        AuthChoice::Plain => &[Mechanism::Plain],
        AuthChoice::ScramSha256 => &[Mechanism::ScramSha256],
        AuthChoice::Xoauth2 => &[Mechanism::Xoauth2],
    };
    if offered.is_empty() {
        return Err("the server offers no AUTH: check port and tls, or unset user".to_owned());
    }
    let is_offered = |mechanism: &&Mechanism| offered.iter().any(|name| name == mechanism.name());
    let usable: Vec<_> = wanted.iter().filter(is_offered).copied().collect();
    if usable.is_empty() {
        let names: Vec<_> = wanted.iter().map(|mechanism| mechanism.name()).collect();
        let wants_token = !credentials.is_token() && WITH_TOKEN.iter().any(|mechanism| is_offered(&mechanism));
        let cure = if wants_token && choice == AuthChoice::Auto {
            "it wants a token: set token-command or refresh-token-file"
        } else {
            "set auth"
        };
        return Err(format!("the server offers {} and not {}: {cure}", offered.join(" "), names.join(" or ")));
    }
    if !smarthost.is_at_anybodys_port() {
        return Ok(usable);
    }
    // Whoever is not the smarthost gets something to guess at, and not the secret.
    let proofs: Vec<_> = usable.into_iter().filter(|mechanism| mechanism.family() == Family::Proof).collect();
    if proofs.is_empty() { Err(smarthost.anybodys_port()) } else { Ok(proofs) }
}

/// One run of a mechanism, not in base64 yet: what we say first, and what we answer to each challenge.
pub(super) struct Exchange<'a> {
    mechanism: Mechanism,
    credentials: &'a Credentials,
    smarthost: &'a Smarthost,
    scram: Option<Scram>,
    round: u32,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        mechanism: Mechanism,
        smarthost: &'a Smarthost,
        credentials: &'a Credentials,
    ) -> Result<Self, &'static str> {
        let is_scram = mechanism == Mechanism::ScramSha256;
        let scram = if is_scram { Some(Scram::new(credentials.user())?) } else { None };
        Ok(Self { mechanism, credentials, smarthost, scram, round: 0 })
    }

    /// The initial response, which goes with the command itself (RFC 4954 section 4). There is none if the server
    /// speaks first.
    pub(super) fn initial(&self) -> Option<Zeroizing<String>> {
        let (user, secret) = (self.credentials.user(), self.credentials.secret().reveal());
        match self.mechanism {
            Mechanism::CramMd5 | Mechanism::Login => None,
            Mechanism::OAuthBearer => {
                let (host, port) = (self.smarthost.bare_host(), self.smarthost.port());
                // RFC 5801 section 4 escapes the same two characters as SCRAM does.
                let user = user.replace('=', "=3D").replace(',', "=2C");
                Some(joined(&[
                    &format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer "),
                    secret,
                    "\x01\x01",
                ]))
            }
            Mechanism::Plain => Some(joined(&["\0", user, "\0", secret])),
            Mechanism::ScramSha256 => self.scram.as_ref().map(|scram| scram.first().into()),
            Mechanism::Xoauth2 => Some(joined(&["user=", user, "\x01auth=Bearer ", secret, "\x01\x01"])),
        }
    }

    /// The answer to a challenge, which is `None` if it could not be decoded.
    pub(super) fn answer(&mut self, challenge: Option<&[u8]>) -> Result<Zeroizing<String>, &'static str> {
        self.round += 1;
        let (user, secret) = (self.credentials.user(), self.credentials.secret().reveal());
        match (self.mechanism, self.round, challenge) {
            // Only their order counts: servers ask for the two in more words than one.
            (Mechanism::Login, 1, _) => Ok(user.to_owned().into()),
            (Mechanism::Login, 2, _) => Ok(secret.to_owned().into()),
            // The challenge is the reason of a refusal. An empty answer asks for the reply itself.
            (Mechanism::Xoauth2, 1, _) => Ok(Zeroizing::default()),
            (Mechanism::OAuthBearer, 1, _) => Ok("\x01".to_owned().into()),
            (Mechanism::CramMd5, 1, Some(challenge)) => {
                let digest = hmac(MessageDigest::md5(), secret.as_bytes(), challenge);
                let digest = digest.map_err(|_| "OpenSSL does not compute HMAC-MD5 here")?;
                let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(format!("{user} {digest}").into())
            }
            (Mechanism::ScramSha256, 1 | 2, Some(challenge)) => self
                .scram
                .as_mut()
                .map_or(Err("no exchange"), |scram| scram.answer(challenge, secret).map(Zeroizing::new)),
            (Mechanism::CramMd5 | Mechanism::ScramSha256, _, None) => Err("the server's challenge is not base64"),
            _ => Err("the server asks for more than there is"),
        }
    }

    /// The server has shown all that it has to show before its 235 counts.
    pub(super) fn is_complete(&self) -> bool {
        self.scram.as_ref().is_none_or(Scram::is_proved)
    }
}

/// The parts as one text whose memory is wiped. It is made at its full length: a buffer that grows would leave copies
/// behind.
fn joined(parts: &[&str]) -> Zeroizing<String> {
    Zeroizing::new(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::super::{Client, Tls};
    use super::*;

    fn credentials(user: &str, secret: &str) -> Credentials {
        let smarthost = Smarthost {
            user: Some(user.to_owned()),
            password: Some(secret.to_owned().into()),
            ..Smarthost::new("server.example.com")
        };
        Credentials::read(&smarthost, &Client::named("me.example")).unwrap().unwrap()
    }

    fn chosen(choice: AuthChoice, offered: &[&str]) -> Result<Vec<Mechanism>, String> {
        chosen_at(&Smarthost { auth: choice, ..Smarthost::new("a") }, offered)
    }

    fn chosen_at(smarthost: &Smarthost, offered: &[&str]) -> Result<Vec<Mechanism>, String> {
        let offered: Vec<_> = offered.iter().map(|name| (*name).to_owned()).collect();
        usable_mechanisms(smarthost, &offered, &credentials("me", "geheim"))
    }

    #[test]
    fn port_that_any_user_may_have_is_shown_no_secret_without_tls() {
        let at =
            |port, trusted_port| Smarthost { tls: Tls::None, port: Some(port), trusted_port, ..Smarthost::new("a") };
        for offered in [&["PLAIN"][..], &["LOGIN"], &["PLAIN", "LOGIN"]] {
            assert!(chosen_at(&at(1025, false), offered).unwrap_err().contains("any user of this machine"));
            assert!(chosen_at(&at(1025, true), offered).is_ok());
        }
        let all = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "CRAM-MD5"];
        assert_eq!(chosen_at(&at(1025, false), &all), Ok(vec![Mechanism::ScramSha256, Mechanism::CramMd5]));
        assert_eq!(chosen_at(&at(1025, true), &all).map(|all| all.len()), Ok(4));
        for auth in [AuthChoice::Plain, AuthChoice::Login, AuthChoice::Xoauth2, AuthChoice::OAuthBearer] {
            let smarthost = Smarthost { auth, ..at(1025, false) };
            assert!(chosen_at(&smarthost, &["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"]).is_err(), "{auth:?}");
        }
    }

    #[test]
    fn auto_takes_the_best_that_is_offered() {
        use Mechanism::{CramMd5, Login, Plain, ScramSha256};
        assert_eq!(
            chosen(AuthChoice::Auto, &["CRAM-MD5", "LOGIN", "PLAIN", "SCRAM-SHA-256"]),
            Ok(vec![ScramSha256, Plain, Login, CramMd5])
        );
        assert_eq!(chosen(AuthChoice::Auto, &["DIGEST-MD5", "CRAM-MD5"]), Ok(vec![CramMd5]));
    }

    #[test]
    fn password_beyond_ascii_is_not_for_scram() {
        let offered = ["SCRAM-SHA-256".to_owned(), "PLAIN".to_owned()];
        let usable = usable_mechanisms(&Smarthost::new("a"), &offered, &credentials("me", "gr\u{fc}n"));
        assert_eq!(usable, Ok(vec![Mechanism::Plain]));
    }

    #[test]
    fn configured_mechanism_has_no_substitute() {
        assert_eq!(chosen(AuthChoice::Login, &["LOGIN", "PLAIN"]), Ok(vec![Mechanism::Login]));
        let refused = |choice, offered: &[&str]| chosen(choice, offered).unwrap_err();
        assert!(refused(AuthChoice::Xoauth2, &["LOGIN"]).contains("offers LOGIN and not XOAUTH2: set auth"));
        assert!(refused(AuthChoice::Auto, &["XOAUTH2"]).ends_with("set token-command or refresh-token-file"));
        assert!(refused(AuthChoice::Auto, &[]).contains("no AUTH"));
    }

    #[test]
    fn examples_of_the_standards_come_out() {
        let mut smarthost = Smarthost::new("server.example.com");
        smarthost.port = Some(143);
        let tim = credentials("tim", "tanstaaftanstaaf");
        let mut cram = Exchange::new(Mechanism::CramMd5, &smarthost, &tim).unwrap();
        assert_eq!(cram.initial(), None);
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            *cram.answer(Some(challenge)).unwrap(),
            "tim b913a602c7eda7a495b4e6e7334d3890",
            "RFC 2195 section 2"
        );
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        let user = credentials("user@example.com", token);
        let bearer = Exchange::new(Mechanism::OAuthBearer, &smarthost, &user).unwrap();
        let expected =
            format!("n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer {token}\x01\x01");
        assert_eq!(*bearer.initial().unwrap(), expected, "RFC 7628 section 4.1");
    }

    #[test]
    fn endless_challenges_come_to_an_end() {
        let (smarthost, me) = (Smarthost::new("a"), credentials("me", "geheim"));
        for mechanism in WITH_PASSWORD.iter().chain(WITH_TOKEN) {
            let mut exchange = Exchange::new(*mechanism, &smarthost, &me).unwrap();
            let answers = (0..10).map_while(|_| exchange.answer(Some(b"again")).ok()).count();
            assert!(answers < 3, "{mechanism}: {answers}");
        }
    }
}
