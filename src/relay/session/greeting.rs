//! The first words with a server: greeting, EHLO, STARTTLS.
//!
//! Nothing is sent before the greeting (RFC 5321 section 3.1), and nothing together with EHLO (RFC 2920 section 3.1). A
//! session that is to have STARTTLS never goes on without it.

use std::net::{IpAddr, Ipv4Addr};

use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::ClientId;

use super::super::channel::Channel;
use super::super::mechanism;
use super::super::tls_error::hint;
use super::super::trouble::Trouble;
use super::super::{Capabilities, Client, Tls};
use crate::outcome::{Scope, Stage};

/// Waits for the greeting, RFC 5321 section 3.1.
pub(super) fn greet(channel: &mut Channel, tls: Tls) -> Result<(), Trouble> {
    let answer = channel.receive(Stage::Greeting).map_err(|mut trouble| {
        // A server of implicit TLS waits for our first byte, as we wait for its first one.
        let advice = match tls {
            // The server said something else than a greeting, and the sentence has its advice already.
            _ if trouble.sentence.ends_with('?') => "",
            Tls::StartTls => hint(tls),
            Tls::None => "is another port meant?",
            // A port where the handshake succeeded is one for TLS.
            Tls::Implicit => "",
        };
        if !advice.is_empty() {
            trouble.sentence.push_str(": ");
            trouble.sentence.push_str(advice);
        }
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
pub(super) fn introduce(channel: &mut Channel, client: &Client) -> Result<Capabilities, Trouble> {
    let own = channel.timed().socket().local_addr().ok().map(|address| address.ip().to_canonical());
    let answer = channel.ask(Stage::Ehlo, &Ehlo::new(client_id(&client.name, own)).to_string())?;
    if answer.is_class(2) {
        let mut capabilities = Capabilities::of(&answer.lines);
        // A name that is not known here may be anything, and sentences tell it.
        for name in capabilities.auth.iter_mut().filter(|name| !mechanism::is_known(name)) {
            *name = channel.redaction().redact(name);
        }
        return Ok(capabilities);
    }
    let reply = answer.reply();
    let why = if reply.is_permanent() {
        format!("EHLO refused ({reply}): check this machine's name")
    } else {
        format!("the server puts us off ({reply})")
    };
    Err(channel.peer().refusal(Stage::Ehlo, reply, why))
}

/// Asks for TLS, RFC 3207. The handshake is the caller's.
pub(super) fn start_tls(channel: &mut Channel, client: &Client) -> Result<(), Trouble> {
    if !introduce(channel, client)?.starttls {
        let why = format!("STARTTLS is not offered, and nothing is sent without: {}", hint(Tls::StartTls));
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

/// The name for EHLO: a name with a dot, else the address literal that RFC 5321 section 4.1.4 has for a machine without
/// one. Many servers refuse `web1`, and names that are none.
fn client_id(name: &str, own: Option<IpAddr>) -> ClientId {
    match own {
        _ if is_full_name(name) => ClientId::Domain(name.to_owned()),
        Some(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Some(IpAddr::V6(address)) => ClientId::Ipv6(address),
        None => ClientId::Ipv4(Ipv4Addr::LOCALHOST),
    }
}

/// RFC 5321 section 4.1.2: labels of letters, digits and hyphens, two or more.
fn is_full_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 255 && name.contains('.') && name.split('.').all(is_label)
}
