//! A session: connected, protected, greeted, logged in, ready for one mail after another.
//!
//! Nothing is sent before the greeting and nothing together with EHLO (RFC 5321 section 3.1, RFC 2920
//! section 3.1). STARTTLS is never done without, plaintext never leaves the machine. How a mail is handed over
//! is in `window`.

use std::time::Duration;

use lettre::transport::smtp::commands::{Ehlo, Quit, Starttls};
use lettre::transport::smtp::extension::ClientId;

use super::channel::{Channel, Stream};
use super::connect::connect;
use super::deadline::{Timed, from_now};
use super::login::{Ahead, log_in};
use super::tls::{self, Handshake, Roots};
use super::trouble::{Peer, Trouble};
use super::window::Window;
use super::{Capabilities, Certificate, Client, Credentials, Smarthost, Tls};
use crate::outcome::{Scope, Stage};

/// An open connection to the smarthost, ready to take a mail.
pub(crate) struct Session {
    pub(super) channel: Channel,
    pub(super) capabilities: Capabilities,
    pub(super) window: Window,
}

impl Session {
    /// Connects, makes sure who answers, and logs in; with `auth-in-group` the login may wait for the first mail. `client`
    /// is who we are.
    ///
    /// # Errors
    /// The trouble that every mail for this smarthost now has.
    pub(crate) fn open(
        smarthost: &Smarthost,
        credentials: Option<&Credentials>,
        client: &Client,
    ) -> Result<Self, Trouble> {
        match Self::open_trusting(Roots::Usual, smarthost, credentials, client) {
            Err(trouble) if trouble.is_issuer_unknown && tls::has_more_roots(smarthost) => {
                Self::open_trusting(Roots::Bundle, smarthost, credentials, client)
            }
            result => result,
        }
    }

    fn open_trusting(
        roots: Roots,
        smarthost: &Smarthost,
        credentials: Option<&Credentials>,
        client: &Client,
    ) -> Result<Self, Trouble> {
        let handshake = (smarthost.tls != Tls::None).then(|| Handshake::begin(smarthost, roots));
        let mut channel = reach(smarthost, client)?;
        match handshake {
            None => greet(&mut channel, smarthost.tls)?,
            Some(handshake) if smarthost.tls == Tls::Implicit => {
                channel = channel.secured(handshake)?;
                greet(&mut channel, smarthost.tls)?;
            }
            Some(handshake) => {
                greet(&mut channel, smarthost.tls)?;
                start_tls(&mut channel, &client.name)?;
                channel.allow(smarthost.connect_timeout);
                channel = channel.secured(handshake)?;
            }
        }
        // RFC 3207 section 4.2: what was said before TLS does not count.
        let capabilities = introduce(&mut channel, &client.name)?;
        let groups = smarthost.pipelining && capabilities.pipelining;
        let mut window = Window::new(groups, smarthost.chunking && capabilities.chunking);
        match (smarthost.login(), credentials) {
            (None, _) => {}
            (Some(_), Some(credentials)) => match Ahead::of(smarthost, &capabilities.auth, credentials) {
                Some(login) if groups => {
                    login.hide(channel.redaction());
                    window.log_in_with_first(login);
                }
                _ => log_in(&mut channel, smarthost, &capabilities.auth, credentials)?,
            },
            (Some(user), None) => {
                let why = format!("login of {user} is configured, but there is no password");
                return Err(channel.peer().trouble(Stage::Setup, Scope::Configuration, why));
            }
        }
        Ok(Self { channel, capabilities, window })
    }

    /// What the server said it can do.
    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The server as reached, `host[ip]:port`, for the log.
    pub(crate) fn relay(&self) -> &str {
        self.channel.peer().relay()
    }

    /// The server's certificate; none without TLS.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        self.channel.certificate()
    }

    /// The version of TLS and the cipher suite, such as `TLSv1.3, TLS_AES_256_GCM_SHA384`; none without TLS.
    pub(crate) fn tls_agreed(&self) -> Option<String> {
        self.channel.tls_agreed()
    }

    /// Another mail may follow.
    pub(crate) fn is_usable(&self) -> bool {
        self.channel.is_usable()
    }

    /// Says good-bye and does not wait for the answer, which would cost a round trip and change nothing.
    pub(crate) fn quit(mut self) {
        if self.is_usable() {
            self.channel.limit(Duration::from_secs(1));
            // Every mail has its outcome already.
            let _ = self.channel.write(Stage::Content, Quit.to_string().as_bytes());
        }
    }
}

/// Looks up and connects, and keeps plaintext on this machine.
fn reach(smarthost: &Smarthost, client: &Client) -> Result<Channel, Trouble> {
    let peer = Peer::named(smarthost);
    let until = from_now(smarthost.connect_timeout);
    let (tcp, address) = connect(smarthost, until).map_err(|error| peer.trouble(error.stage(), Scope::Host, &error))?;
    let peer = Peer::reached(smarthost, address);
    let leaves_machine = smarthost.proxy.is_some() || !address.ip().to_canonical().is_loopback();
    if smarthost.tls == Tls::None && leaves_machine {
        let why = "tls = \"none\" is only for this machine itself: set tls = \"implicit\" or \"starttls\"";
        return Err(peer.trouble(Stage::Setup, Scope::Configuration, why));
    }
    let timed = Timed::new(tcp, until).map_err(|error| peer.trouble(Stage::Connect, Scope::Host, error))?;
    Ok(Channel::new(Stream::Plain(timed), peer, client, smarthost.timeout))
}

/// Waits for the greeting, RFC 5321 section 3.1.
fn greet(channel: &mut Channel, tls: Tls) -> Result<(), Trouble> {
    let answer = channel.read(Stage::Greeting).map_err(|mut trouble| {
        // A server of implicit TLS waits for our first byte, as we wait for its.
        let advice = match tls {
            // What it said was no greeting, and that is advice enough.
            _ if trouble.sentence.ends_with('?') => "",
            Tls::StartTls => ": is tls = \"implicit\" or another port meant?",
            Tls::None => ": is another port meant?",
            // Where TLS came about, the port is one for it.
            Tls::Implicit => "",
        };
        trouble.sentence.push_str(advice);
        trouble
    })?;
    if answer.is_class(2) {
        return Ok(());
    }
    let reply = answer.reply();
    let why = format!("the server turns us away ({reply})");
    Err(channel.peer().refusal(Stage::Greeting, reply, why))
}

/// EHLO, RFC 5321 section 4.1.1.1.
fn introduce(channel: &mut Channel, helo: &str) -> Result<Capabilities, Trouble> {
    let answer = channel.ask(Stage::Ehlo, &Ehlo::new(client_id(helo)).to_string())?;
    if answer.is_class(2) {
        return Ok(Capabilities::of(&answer.lines));
    }
    let reply = answer.reply();
    let why = match reply.is_permanent() {
        true => format!("EHLO refused ({reply}): check this machine's name"),
        false => format!("the server puts us off ({reply})"),
    };
    Err(channel.peer().refusal(Stage::Ehlo, reply, why))
}

/// Asks for TLS, RFC 3207; the handshake is up to the caller.
fn start_tls(channel: &mut Channel, helo: &str) -> Result<(), Trouble> {
    if !introduce(channel, helo)?.starttls {
        let why = "STARTTLS is not offered, and nothing is sent without: is tls = \"implicit\" or another port meant?";
        return Err(channel.peer().trouble(Stage::Tls, Scope::Configuration, why));
    }
    let answer = channel.ask(Stage::Tls, &Starttls.to_string())?;
    if answer.is_class(2) {
        return Ok(());
    }
    let reply = answer.reply();
    let why = format!("STARTTLS refused ({reply})");
    Err(channel.peer().refusal(Stage::Tls, reply, why))
}

/// The name for EHLO; whatever would break the command line is left out.
fn client_id(helo: &str) -> ClientId {
    let name: String = helo.chars().filter(char::is_ascii_graphic).take(255).collect();
    ClientId::Domain(if name.is_empty() { "localhost".to_owned() } else { name })
}

#[cfg(test)]
mod tests;
