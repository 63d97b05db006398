//! AUTH, RFC 4954: which mechanism, and the few exchanges it takes.
//!
//! Where a login is configured there is no going on without one. The words of each mechanism are lettre's;
//! LOGIN's challenges are answered in their order, since servers ask in more ways than lettre knows.

use lettre::transport::smtp::authentication::{Credentials as Secrets, Mechanism};
use lettre::transport::smtp::commands::Auth;

use super::reply::Answer;
use super::trouble::{Peer, Trouble};
use super::wire::Wire;
use super::{AuthChoice, Credentials};
use crate::outcome::{Scope, Stage};

/// RFC 4954 section 4: ends an exchange that leads nowhere.
const CANCEL: &str = "*\r\n";

/// Logs in with one of the mechanisms `offered`, in capitals.
pub(super) fn log_in(
    wire: &mut Wire,
    choice: AuthChoice,
    offered: &[String],
    credentials: &Credentials,
) -> Result<(), Trouble> {
    let mechanism = mechanism(choice, offered)
        .map_err(|why| wire.peer().trouble(Stage::Auth, Scope::Configuration, format!("no login: {why}")))?;
    let secrets = Secrets::new(credentials.user().to_owned(), credentials.secret().reveal().to_owned());
    let words = |challenge: Option<&str>| {
        Auth::new(mechanism, secrets.clone(), challenge.map(str::to_owned))
            .map_or_else(|_| CANCEL.to_owned(), |auth| auth.to_string())
    };
    let mut answer = wire.ask(Stage::Auth, &words(None))?;
    for round in 1..=3 {
        if answer.code != 334 {
            break;
        }
        let command = match (mechanism, round) {
            (Mechanism::Login, 1) => words(Some("Username")),
            (Mechanism::Login, 2) => words(Some("Password")),
            // The challenge is the reason of the refusal; an empty line asks for the reply proper.
            (Mechanism::Xoauth2, 1) => "\r\n".to_owned(),
            _ => CANCEL.to_owned(),
        };
        answer = wire.ask(Stage::Auth, &command)?;
    }
    conclude(wire.peer(), &answer, credentials)
}

fn conclude(peer: &Peer, answer: &Answer, credentials: &Credentials) -> Result<(), Trouble> {
    if answer.is_class(2) {
        return Ok(());
    }
    let (reply, user, key) = (answer.reply(), credentials.user(), credentials.key());
    let why = if reply.is_permanent() {
        format!("login of {user} refused ({reply}): check user and {key}")
    } else {
        format!("login of {user} put off ({reply})")
    };
    Err(peer.refusal(Stage::Auth, reply, why))
}

/// The mechanism to use, or why there is none.
fn mechanism(choice: AuthChoice, offered: &[String]) -> Result<Mechanism, String> {
    let wanted: &[Mechanism] = match choice {
        AuthChoice::Auto | AuthChoice::None => &[Mechanism::Plain, Mechanism::Login],
        AuthChoice::Login => &[Mechanism::Login],
        AuthChoice::Plain => &[Mechanism::Plain],
        AuthChoice::Xoauth2 => &[Mechanism::Xoauth2],
    };
    if offered.is_empty() {
        return Err("the server offers no AUTH: check port and tls, or unset user".to_owned());
    }
    let is_offered = |mechanism: &&Mechanism| offered.iter().any(|name| *name == mechanism.to_string());
    wanted.iter().find(is_offered).copied().ok_or_else(|| {
        let names: Vec<_> = wanted.iter().map(Mechanism::to_string).collect();
        format!("the server offers {} and not {}: set auth", offered.join(" "), names.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{HELLO, Script, patient};
    use super::super::{Session, Smarthost};
    use super::*;
    use crate::outcome::Status;

    fn chosen(choice: AuthChoice, offered: &[&str]) -> Result<Mechanism, String> {
        mechanism(choice, &offered.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn auto_prefers_plain() {
        assert_eq!(chosen(AuthChoice::Auto, &["LOGIN", "PLAIN"]), Ok(Mechanism::Plain));
        assert_eq!(chosen(AuthChoice::Auto, &["CRAM-MD5", "LOGIN"]), Ok(Mechanism::Login));
    }

    #[test]
    fn configured_mechanism_has_no_substitute() {
        assert_eq!(chosen(AuthChoice::Login, &["LOGIN", "PLAIN"]), Ok(Mechanism::Login));
        assert!(chosen(AuthChoice::Xoauth2, &["LOGIN"]).unwrap_err().contains("offers LOGIN and not XOAUTH2"));
        assert!(chosen(AuthChoice::Auto, &["XOAUTH2"]).unwrap_err().contains("not PLAIN or LOGIN"));
        assert!(chosen(AuthChoice::Auto, &[]).unwrap_err().contains("no AUTH"));
    }

    fn with_login(smarthost: Smarthost, auth: AuthChoice) -> (Smarthost, Credentials) {
        let password = Some("geheim".to_owned().into());
        let smarthost = Smarthost { user: Some("me".to_owned()), password, auth, ..smarthost };
        let credentials = Credentials::read(&smarthost).unwrap().unwrap();
        (smarthost, credentials)
    }

    fn log_in(script: Script, auth: AuthChoice) -> (Option<Trouble>, String) {
        let (smarthost, server) = patient(script);
        let (smarthost, credentials) = with_login(smarthost, auth);
        let trouble = Session::open(&smarthost, Some(&credentials), "me").map(Session::quit).err();
        (trouble, server.join().unwrap())
    }

    #[test]
    fn plain_login_takes_one_exchange() {
        let (trouble, heard) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH LOGIN PLAIN\r\n"),
                ("AUTH PLAIN AG1lAGdlaGVpbQ==", "235 ok\r\n"),
            ],
            AuthChoice::Auto,
        );
        assert_eq!((trouble, heard.ends_with("QUIT\r\n")), (None, true));
    }

    #[test]
    fn login_answers_challenges_in_their_order() {
        let (trouble, heard) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH=LOGIN\r\n"),
                ("AUTH LOGIN\r\n", "334 odd\r\n"),
                ("bWU=\r\n", "334\r\n"),
                ("Z2VoZWlt\r\n", "235 2.7.0 ok\r\n"),
            ],
            AuthChoice::Auto,
        );
        assert_eq!((trouble, heard.ends_with("QUIT\r\n")), (None, true));
    }

    #[test]
    fn refused_token_shows_the_reply_behind_the_challenge() {
        let (trouble, _) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH XOAUTH2\r\n"),
                ("AUTH XOAUTH2 ", "334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"),
                ("\r\n", "535 5.7.8 bad token\r\n"),
            ],
            AuthChoice::Xoauth2,
        );
        let trouble = trouble.unwrap();
        assert!(trouble.sentence.ends_with("login of me refused (535 5.7.8 bad token): check user and password"));
        assert_eq!((trouble.stage, trouble.scope), (Stage::Auth, Scope::Configuration));
        assert_eq!(trouble.outcome().status, Status::Deferred);
    }

    #[test]
    fn login_that_is_put_off_is_not_our_fault() {
        let (trouble, _) = log_in(
            &[("", "220 x\r\n"), ("EHLO", "250-x\r\n250 AUTH PLAIN\r\n"), ("AUTH", "454 4.7.0 later\r\n")],
            AuthChoice::Plain,
        );
        assert_eq!(trouble.unwrap().scope, Scope::Host);
    }

    #[test]
    fn without_a_usable_mechanism_nothing_goes_on() {
        let (trouble, heard) =
            log_in(&[("", "220 x\r\n"), ("EHLO", "250-x\r\n250 AUTH CRAM-MD5\r\n")], AuthChoice::Auto);
        assert_eq!((trouble.unwrap().stage, heard.as_str()), (Stage::Auth, "EHLO me\r\n"));
        let (smarthost, server) = patient(&[("", "220 x\r\n"), HELLO]);
        let (smarthost, _) = with_login(smarthost, AuthChoice::Auto);
        let trouble = Session::open(&smarthost, None, "me").err().unwrap();
        assert_eq!(trouble.stage, Stage::Setup);
        server.join().unwrap();
    }
}
