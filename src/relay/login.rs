//! AUTH, RFC 4954: one mechanism after the other until one lets us in, and the sentence about a refusal.
//!
//! If a login is configured, nothing goes on without it. A server that has refused a password is not asked again with a
//! mechanism of the same family: that would only bring the account closer to being locked.

use openssl::base64::{decode_block, encode_block};
use zeroize::Zeroizing;

use super::channel::Channel;
use super::mechanism::{Exchange, Family, Mechanism, usable_mechanisms};
use super::provider;
use super::redaction::Redaction;
use super::reply::Answer;
use super::trouble::Trouble;
use super::{Credentials, Smarthost};
use crate::outcome::{Reply, Scope, Stage};

/// The line that ends an exchange, RFC 4954 section 4.
const CANCEL: &str = "*\r\n";

/// Logs in with the best mechanism that the server lets us in with; `offered` are those that it offers, in capitals. A
/// refused token is renewed once, if an earlier run has kept it.
pub(super) fn log_in(
    channel: &mut Channel,
    smarthost: &Smarthost,
    offered: &[String],
    credentials: &Credentials,
) -> Result<(), Trouble> {
    let Err(refused) = try_mechanisms(channel, smarthost, offered, credentials) else { return Ok(()) };
    if !refused.reply.as_ref().is_some_and(Reply::is_permanent) {
        return Err(refused);
    }
    match credentials.renewed(smarthost) {
        None => Err(refused),
        Some(renewed) => try_mechanisms(channel, smarthost, offered, &renewed?),
    }
}

/// A login that goes out with the first mail, in its group.
pub(super) struct LoginInGroup {
    /// The line that is the whole login.
    pub(super) command: Zeroizing<String>,
    smarthost: Smarthost,
    credentials: Credentials,
}

impl LoginInGroup {
    /// There is one if the settings want it, one line is all of it, and nothing else could be tried after a refusal.
    pub(super) fn of(smarthost: &Smarthost, offered: &[String], credentials: &Credentials) -> Option<Self> {
        let mechanisms = usable_mechanisms(smarthost, offered, credentials).ok()?;
        let first = *mechanisms.first().filter(|first| first.is_one_line())?;
        let is_last_word = mechanisms.iter().all(|other| other.family() == first.family()) && !credentials.is_kept();
        if !smarthost.auth_in_group || !is_last_word {
            return None;
        }
        let initial = Exchange::new(first, smarthost, credentials).ok()?.initial()?;
        let command = auth_command(first, &initial);
        Some(Self { command, smarthost: smarthost.clone(), credentials: credentials.clone() })
    }

    /// Has no reply quote it.
    pub(super) fn hide(&self, redaction: &mut Redaction) {
        self.credentials.hide_in(redaction);
        redaction.hide_line(&self.command);
    }

    /// The trouble with an answer that does not let us in.
    pub(super) fn refused(&self, channel: &Channel, answer: &Answer) -> Trouble {
        refusal(channel, &self.smarthost, answer, &self.credentials)
    }
}

fn auth_command(mechanism: Mechanism, initial: &str) -> Zeroizing<String> {
    base64_line(&format!("AUTH {mechanism} "), initial)
}

/// A line that ends in `text` in base64. It is made at its full length: a buffer that grows would leave copies behind.
fn base64_line(start: &str, text: &str) -> Zeroizing<String> {
    let encoded = Zeroizing::new(encode_block(text.as_bytes()));
    Zeroizing::new([start, &encoded, "\r\n"].concat())
}

fn try_mechanisms(
    channel: &mut Channel,
    smarthost: &Smarthost,
    offered: &[String],
    credentials: &Credentials,
) -> Result<(), Trouble> {
    let mechanisms = usable_mechanisms(smarthost, offered, credentials)
        .map_err(|why| channel.peer().trouble(Stage::Auth, Scope::Configuration, format!("no login: {why}")))?;
    credentials.hide_in(channel.redaction());
    let mut refused: Vec<Family> = Vec::new();
    let mut first = None;
    for &mechanism in &mechanisms {
        if refused.contains(&mechanism.family()) {
            continue;
        }
        let answer = match authenticate(channel, mechanism, smarthost, credentials) {
            Ok(answer) if answer.is_class(2) => return Ok(()),
            Ok(answer) => answer,
            // If the server hung up after a refusal, the refusal tells the reason.
            Err(trouble) => return Err(first.unwrap_or(trouble)),
        };
        // 504 and 534 are about the mechanism. Any other refusal is about what was shown with it.
        if !matches!(answer.code, 504 | 534) {
            refused.push(mechanism.family());
        }
        let is_over = !answer.is_class(5) || !channel.is_usable();
        first.get_or_insert_with(|| {
            let mut trouble = refusal(channel, smarthost, &answer, credentials);
            // Where the words tell what is wanted, that is it.
            if trouble.sentence.ends_with(&format!("check user and {}", credentials.key())) {
                trouble.sentence.push_str(other_way(mechanism, &mechanisms));
            }
            trouble
        });
        if is_over {
            break;
        }
    }
    first.map_or(Ok(()), Err)
}

/// What to try where one of these was refused, since we do not: each refused password brings the account closer to
/// being locked.
fn other_way(first: Mechanism, usable: &[Mechanism]) -> &'static str {
    match first {
        Mechanism::Plain if usable.contains(&Mechanism::Login) => {
            "; if both are right, set auth = \"login\": some servers offer PLAIN and do not take it"
        }
        _ => "",
    }
}

/// Sends a line that no reply may quote, and reads the reply.
fn ask_hidden(channel: &mut Channel, line: &str) -> Result<Answer, Trouble> {
    channel.redaction().hide_line(line);
    channel.ask(Stage::Auth, line)
}

/// One exchange, up to its last reply.
fn authenticate(
    channel: &mut Channel,
    mechanism: Mechanism,
    smarthost: &Smarthost,
    credentials: &Credentials,
) -> Result<Answer, Trouble> {
    let mut exchange =
        Exchange::new(mechanism, smarthost, credentials).map_err(|why| broken_off(channel, mechanism, why))?;
    let mut answer = match exchange.initial() {
        Some(initial) => ask_hidden(channel, &auth_command(mechanism, &initial))?,
        None => channel.ask(Stage::Auth, &format!("AUTH {mechanism}\r\n"))?,
    };
    while answer.code == 334 {
        let challenge = decode_block(answer.lines.first().map_or("", |line| line.trim())).ok();
        match exchange.answer(challenge.as_deref()) {
            Ok(text) => answer = ask_hidden(channel, &base64_line("", &text))?,
            Err(why) => {
                channel.ask(Stage::Auth, CANCEL)?;
                return Err(broken_off(channel, mechanism, why));
            }
        }
    }
    if answer.is_class(2) && !exchange.is_complete() {
        return Err(broken_off(channel, mechanism, "the server took our proof and gave none of its own"));
    }
    Ok(answer)
}

fn broken_off(channel: &Channel, mechanism: Mechanism, why: &str) -> Trouble {
    channel.peer().trouble(Stage::Auth, Scope::Host, format!("login by {mechanism} broken off: {why}"))
}

fn refusal(channel: &Channel, smarthost: &Smarthost, answer: &Answer, credentials: &Credentials) -> Trouble {
    // Even a 334 is a refusal if the login went out in a group.
    let (reply, user, key) = (channel.redacted(answer).reply(), credentials.user(), credentials.key());
    let wanted = provider::wanted(smarthost.bare_host(), &reply).map(provider::for_reader);
    let oddity = credentials.oddity().map_or_else(String::new, |what| format!("; {key} {what}"));
    let verb = if reply.is_permanent() { "refused" } else { "put off" };
    let why = match (provider::advice(&reply), wanted.filter(|_| !credentials.is_token())) {
        (Some(advice), _) => format!("login of {user} {verb} ({reply}): {advice}"),
        _ if !reply.is_permanent() => format!("login of {user} {verb} ({reply})"),
        (None, Some(wanted)) => {
            format!("login of {user} {verb} ({reply}): check user and {key}: it wants {wanted}{oddity}")
        }
        (None, None) => format!("login of {user} {verb} ({reply}): check user and {key}{oddity}"),
    };
    channel.peer().refusal(Stage::Auth, reply, why)
}

#[cfg(test)]
mod tests {
    use std::thread::JoinHandle;

    use super::super::tests::{HELLO, Script, hasty, patient};
    use super::super::{AuthChoice, Client, Session};
    use super::*;
    use crate::outcome::Status;

    fn with_login(smarthost: Smarthost, auth: AuthChoice) -> (Smarthost, Credentials) {
        let password = Some("geheim".to_owned().into());
        let smarthost = Smarthost { user: Some("me".to_owned()), password, auth, trusted_port: true, ..smarthost };
        let credentials = Credentials::read(&smarthost, &Client::named("me.example")).unwrap().unwrap();
        (smarthost, credentials)
    }

    fn log_in(script: Script, auth: AuthChoice) -> (Option<Trouble>, String) {
        log_in_at(patient(script), auth)
    }

    fn log_in_at((smarthost, server): (Smarthost, JoinHandle<String>), auth: AuthChoice) -> (Option<Trouble>, String) {
        let (smarthost, credentials) = with_login(smarthost, auth);
        let trouble =
            Session::open(&smarthost, Some(&credentials), &Client::named("me.example")).map(Session::quit).err();
        (trouble, server.join().unwrap())
    }

    #[test]
    fn line_with_a_secret_leaves_no_copy_behind() {
        for secret in ["", "geheim", &"geheim".repeat(500)] {
            let line = auth_command(Mechanism::Plain, secret);
            assert_eq!(line.capacity(), line.len(), "a buffer that grew was copied");
        }
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
    fn refused_mechanism_falls_to_the_next_and_a_refused_password_is_shown_once_more_at_most() {
        let (trouble, heard) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5\r\n"),
                ("AUTH SCRAM-SHA-256 biws", "535 5.7.8 no such scheme\r\n"),
                ("AUTH PLAIN", "535 5.7.8 wrong\r\n"),
            ],
            AuthChoice::Auto,
        );
        assert!(trouble.unwrap().sentence.contains("no such scheme"));
        assert_eq!(heard.matches("AUTH").count(), 2, "{heard}");
    }

    #[test]
    fn mechanism_that_is_offered_but_not_there_costs_nothing() {
        let (trouble, heard) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH PLAIN LOGIN\r\n"),
                ("AUTH PLAIN", "504 5.5.4 unrecognized\r\n"),
                ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
                ("bWU=", "334 UGFzc3dvcmQ6\r\n"),
                ("Z2VoZWlt", "235 ok\r\n"),
            ],
            AuthChoice::Auto,
        );
        assert_eq!((trouble, heard.ends_with("QUIT\r\n")), (None, true));
    }

    #[test]
    fn server_that_hangs_up_after_a_refusal_has_said_why() {
        let (trouble, _) = log_in_at(
            hasty(&[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n"),
                ("AUTH SCRAM-SHA-256", "535 5.7.8 the reason\r\n"),
            ]),
            AuthChoice::Auto,
        );
        assert!(trouble.unwrap().sentence.contains("the reason"));
    }

    #[test]
    fn server_that_proves_nothing_is_not_logged_in_to_by_scram() {
        let (trouble, heard) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n"),
                ("AUTH SCRAM-SHA-256", "235 come in\r\n"),
            ],
            AuthChoice::Auto,
        );
        assert!(trouble.unwrap().sentence.contains("gave none of its own"));
        assert!(!heard.contains("PLAIN"), "{heard}");
    }

    #[test]
    fn challenge_that_is_nonsense_is_broken_off() {
        let (trouble, heard) = log_in(
            &[
                ("", "220 x\r\n"),
                ("EHLO", "250-x\r\n250 AUTH CRAM-MD5\r\n"),
                ("AUTH CRAM-MD5\r\n", "334 ***\r\n"),
                ("*\r\n", "501 cancelled\r\n"),
            ],
            AuthChoice::CramMd5,
        );
        assert!(trouble.unwrap().sentence.contains("not base64"), "{heard}");
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
            log_in(&[("", "220 x\r\n"), ("EHLO", "250-x\r\n250 AUTH DIGEST-MD5\r\n")], AuthChoice::Auto);
        assert_eq!((trouble.unwrap().stage, heard.as_str()), (Stage::Auth, "EHLO me.example\r\n"));
        let (smarthost, server) = patient(&[("", "220 x\r\n"), HELLO]);
        let (smarthost, _) = with_login(smarthost, AuthChoice::Auto);
        let trouble = Session::open(&smarthost, None, &Client::named("me.example")).err().unwrap();
        assert_eq!(trouble.stage, Stage::Setup);
        server.join().unwrap();
    }
}
