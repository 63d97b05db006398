//! The way to a server that has greeted us: the first address of the smarthost's name that serves us.
//!
//! A server that takes the connection and then closes it, says 421 or says nothing must not hold up mail that another
//! would take. So each address of several has a short time. The silent ones have the usual time once all have been
//! tried: there are servers that greet late on purpose.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::super::channel::Channel;
use super::super::connect::{ConnectError, Ways};
use super::super::deadline::{Timed, from_now};
use super::super::server_addresses::{self, Met};
use super::super::stream::Stream;
use super::super::tls::{Handshake, Roots};
use super::super::trouble::{Peer, Trouble};
use super::super::{Client, Credentials, Smarthost, Tls};
use super::greeting::{greet, start_tls};
use crate::outcome::{Scope, Stage};

/// A server that is well greets us within it.
const HURRY: Duration = Duration::from_secs(3);

/// The smarthost, and what is brought along for it.
pub(super) struct Way<'a> {
    roots: Roots,
    smarthost: &'a Smarthost,
    credentials: Option<&'a Credentials>,
    client: &'a Client,
    /// The time for each step while other addresses are left.
    hurry: Duration,
}

impl<'a> Way<'a> {
    pub(super) fn new(
        roots: Roots,
        smarthost: &'a Smarthost,
        credentials: Option<&'a Credentials>,
        client: &'a Client,
    ) -> Self {
        Self { roots, smarthost, credentials, client, hurry: HURRY }
    }

    /// A channel on which the server has greeted us, with TLS if the settings want it.
    pub(super) fn channel(&self) -> Result<Channel, Trouble> {
        let handshake = self.handshake();
        let until = self.until();
        let ways = Ways::to(self.smarthost, until).map_err(|error| self.unreached(&error))?;
        self.first_of(ways, handshake, until)
    }

    /// The channel over the first of these ways that leads to one. Look-up and the only way have one limit.
    fn first_of(
        &self,
        mut ways: Ways<'_>,
        mut handshake: Option<Handshake<'_>>,
        shared_until: Instant,
    ) -> Result<Channel, Trouble> {
        let are_several = ways.addresses.len() > 1;
        let (mut silent, mut told) = (Vec::new(), None::<Trouble>);
        loop {
            let until = if are_several { self.until() } else { shared_until };
            let (tcp, address) = match ways.connect(until) {
                Ok(reached) => reached,
                Err(error) => {
                    told.get_or_insert(self.unreached(&error));
                    break;
                }
            };
            let hurry = (are_several && !server_addresses::is_slow(address)).then_some(self.hurry);
            let started = Instant::now();
            let own_handshake = handshake.take().or_else(|| self.handshake());
            let trouble = match self.channel_over((tcp, address), own_handshake, hurry, until) {
                Ok(channel) => {
                    // It serves us now, whatever was met there before.
                    if started.elapsed() < self.hurry {
                        server_addresses::remember(address, None);
                    }
                    return Ok(channel);
                }
                // The trouble is that of each address.
                Err(trouble) if trouble.stage == Stage::Setup || trouble.is_issuer_unknown => return Err(trouble),
                Err(trouble) => trouble,
            };
            if are_several {
                server_addresses::remember(address, Some(Met::Sick));
            }
            if hurry.is_some_and(|hurry| started.elapsed() >= hurry) {
                silent.push(address);
            }
            told = Some(more_telling(told, trouble));
            if ways.addresses.is_empty() {
                break;
            }
        }
        self.without_hurry(ways, silent, told)
    }

    /// The same with those that were silent for a short time. Together they have as long as one alone would have.
    fn without_hurry(
        &self,
        mut ways: Ways<'_>,
        silent: Vec<SocketAddr>,
        mut told: Option<Trouble>,
    ) -> Result<Channel, Trouble> {
        let count = u32::try_from(silent.len()).unwrap_or(u32::MAX).max(1);
        let share = self.client.limit(self.greeting_timeout()) / count;
        for address in silent {
            ways.addresses = vec![address];
            let until = self.until();
            let Ok(reached) = ways.connect(until) else { continue };
            match self.channel_over(reached, self.handshake(), Some(share), until) {
                Ok(channel) => {
                    server_addresses::remember(address, Some(Met::Slow));
                    return Ok(channel);
                }
                Err(trouble) => told = Some(told.filter(|told| told.reply.is_some()).unwrap_or(trouble)),
            }
        }
        Err(told.unwrap_or_else(|| self.unreached(&ConnectError::NameNotFound)))
    }

    /// Goes from the connection to the greeting, each step within `hurry` if there is one.
    fn channel_over(
        &self,
        reached: (TcpStream, SocketAddr),
        handshake: Option<Handshake<'_>>,
        hurry: Option<Duration>,
        until: Instant,
    ) -> Result<Channel, Trouble> {
        let Self { smarthost, client, .. } = *self;
        let until = hurry.map_or(until, |hurry| until.min(from_now(hurry)));
        let hurried = Client { patience: hurry.or(client.patience), ..client.clone() };
        let mut channel = self.plain(reached, &hurried, until)?;
        if let Some(credentials) = self.credentials {
            // The server may know the secret from an earlier login, and quote it before the next one.
            credentials.hide_in(channel.redaction());
        }
        match handshake {
            None => greet(&mut channel, smarthost.tls)?,
            Some(handshake) if smarthost.tls == Tls::Implicit => {
                channel = channel.secured(handshake)?;
                greet(&mut channel, smarthost.tls)?;
            }
            Some(handshake) => {
                greet(&mut channel, smarthost.tls)?;
                start_tls(&mut channel, client)?;
                channel.allow(hurry.unwrap_or(Duration::MAX).min(smarthost.connect_timeout));
                channel = channel.secured(handshake)?;
            }
        }
        channel.take_time(client, smarthost.timeout);
        Ok(channel)
    }

    /// Plaintext is kept on this machine.
    fn plain(
        &self,
        (tcp, address): (TcpStream, SocketAddr),
        client: &Client,
        until: Instant,
    ) -> Result<Channel, Trouble> {
        let smarthost = self.smarthost;
        let peer = Peer::reached(smarthost, address);
        let leaves_machine = smarthost.proxy.is_some() || !address.ip().to_canonical().is_loopback();
        if smarthost.tls == Tls::None && leaves_machine {
            let why = "tls = \"none\" is only for this machine itself: set tls = \"implicit\" or \"starttls\"";
            return Err(peer.trouble(Stage::Setup, Scope::Configuration, why));
        }
        let timed = Timed::new(tcp, until).map_err(|error| peer.trouble(Stage::Connect, Scope::Host, error))?;
        Ok(Channel::new(Stream::Plain(timed), peer, client, self.greeting_timeout()))
    }

    /// It gets ready while we connect.
    fn handshake(&self) -> Option<Handshake<'a>> {
        (self.smarthost.tls != Tls::None).then(|| Handshake::begin(self.smarthost, self.roots))
    }

    fn greeting_timeout(&self) -> Duration {
        self.client.greeting_timeout(self.smarthost.timeout)
    }

    fn until(&self) -> Instant {
        from_now(self.smarthost.connect_timeout)
    }

    fn unreached(&self, error: &ConnectError) -> Trouble {
        let peer = Peer::named(self.smarthost);
        match error.excuse() {
            Some(excuse) => peer.trouble(Stage::Setup, Scope::Host, format!("{error}{excuse}")),
            None => peer.trouble(error.stage(), Scope::Host, error),
        }
    }
}

/// A reply says more than silence.
fn more_telling(before: Option<Trouble>, now: Trouble) -> Trouble {
    before.filter(|before| before.reply.is_some() || now.reply.is_none()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);

    /// A server that says this once it is connected to, and then waits for us to go, or goes first.
    fn saying(words: &'static str, goes: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            while let Ok((mut client, _)) = listener.accept() {
                client.write_all(words.as_bytes()).unwrap();
                if !goes {
                    let _ = client.read(&mut [0]);
                }
            }
        });
        address
    }

    /// The address that greets us, or the trouble that kept us from it.
    fn greeted_by(addresses: &[SocketAddr], timeout: Duration) -> Result<SocketAddr, Trouble> {
        let smarthost = Smarthost { tls: Tls::None, timeout, ..Smarthost::new("smtp.example") };
        let client = Client::named("me.example");
        let way = Way { hurry: LIMIT, ..Way::new(Roots::Usual, &smarthost, None, &client) };
        let named = smarthost_at(addresses[0]);
        let mut ways = Ways::to(&named, way.until()).unwrap();
        ways.addresses = addresses.to_vec();
        let channel = way.first_of(ways, None, way.until())?;
        Ok(channel.timed().socket().peer_addr().unwrap())
    }

    fn smarthost_at(address: SocketAddr) -> Smarthost {
        Smarthost { port: Some(address.port()), ..Smarthost::new(&address.ip().to_string()) }
    }

    #[test]
    fn address_that_does_not_greet_costs_the_others_no_mail() {
        let long = Duration::from_secs(300);
        for (words, goes) in [("421 4.3.2 down\r\n", false), ("554 no\r\n", false), ("", true), ("", false)] {
            let (sick, well) = (saying(words, goes), saying("220 hello\r\n", false));
            assert_eq!(greeted_by(&[sick, well], long), Ok(well), "{words} {goes}");
            // It comes last from now on.
            assert_eq!(server_addresses::in_order(vec![sick, well]), [well, sick]);
        }
    }

    #[test]
    fn address_that_greets_again_comes_first_again() {
        let (one, two) = (saying("220 hello\r\n", false), saying("220 hello\r\n", false));
        server_addresses::remember(one, Some(Met::Sick));
        assert_eq!(greeted_by(&[one, two], Duration::from_secs(300)), Ok(one));
        assert_eq!(server_addresses::in_order(vec![one, two]), [one, two]);
    }

    #[test]
    fn all_that_fail_are_told_by_the_one_that_says_why() {
        let down = saying("421 4.3.2 down\r\n", false);
        let trouble = greeted_by(&[saying("", true), down, saying("", false)], LIMIT).unwrap_err();
        assert!(trouble.sentence.contains("421 4.3.2 down"), "{trouble}");
    }

    #[test]
    fn server_that_greets_late_is_waited_for_when_the_others_have_failed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let late = listener.local_addr().unwrap();
        thread::spawn(move || {
            let _hurried = listener.accept().unwrap();
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(b"220 hello\r\n").unwrap();
            let _ = client.read(&mut [0]);
        });
        assert_eq!(greeted_by(&[late, saying("", true)], Duration::from_secs(300)), Ok(late));
        assert!(server_addresses::is_slow(late));
    }
}
