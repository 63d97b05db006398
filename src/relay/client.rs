//! The SMTP client that this program is (RFC 5321 section 2.1): what a session needs and no setting of a smarthost
//! says.

use std::path::PathBuf;
use std::time::Duration;

use super::Smarthost;

/// The client of one run of the program.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The name for EHLO, RFC 5321 section 4.1.1.1.
    pub(crate) name: String,
    /// The time for which a person who looks on waits for each reply, if that is less than the smarthost's `timeout`.
    pub(crate) patience: Option<Duration>,
    /// The time for the greeting, if that is less than the smarthost's `timeout`. It is for mail that is kept nowhere:
    /// its caller waits, and RFC 5321 section 4.5.3.2.1 gives a server five minutes.
    pub(crate) greeting: Option<Duration>,
    /// The dialogue with the server: hidden, or shown on stderr.
    pub(crate) dialogue: Dialogue,
    /// The directory where access tokens are kept until they expire. Without one, each run asks for a token of its own.
    pub(crate) tokens: Option<PathBuf>,
    /// The servers, as they were reached (`host[ip]:port`), that have shown before that they read the chunks that they
    /// refuse. Machines behind one name may differ.
    pub(crate) chunk_readers: Vec<String>,
    /// The smarthost has refused a MAIL with parameters.
    pub(crate) is_bare: bool,
}

/// The proof that a server reads the octets of a chunk that it refuses (RFC 3030 section 2). Then it takes none of them
/// for a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ChunkProof {
    /// Nothing is known: the server must be asked before content rides with its envelope.
    #[default]
    Wanted,
    /// It has shown over this connection that it reads them.
    Shown,
    /// It has shown that it does not read them.
    Failed,
    /// It has shown once that it reads them, and the spool remembers it.
    Known,
}

/// The dialogue with the server, without its secrets, as a person at stderr sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialogue {
    /// Nobody sees it.
    #[default]
    Hidden,
    /// Each line of it is shown.
    Shown,
}

impl Dialogue {
    /// The form for a person who may want to see it.
    pub(crate) fn shown_if(is_wanted: bool) -> Self {
        if is_wanted { Self::Shown } else { Self::Hidden }
    }
}

impl Client {
    /// A client of that name for mail that nobody watches.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            patience: None,
            greeting: None,
            dialogue: Dialogue::Hidden,
            tokens: None,
            chunk_readers: Vec::new(),
            is_bare: false,
        }
    }

    /// The same with the name that the smarthost is to hear.
    pub(super) fn as_told_to(&self, smarthost: &Smarthost) -> Self {
        let name = smarthost.ehlo.clone().unwrap_or_else(|| self.name.clone());
        Self { name, ..self.clone() }
    }

    /// The proof of the server that was reached so, as far as the spool remembers one.
    pub(super) fn chunk_proof_of(&self, relay: &str) -> ChunkProof {
        let is_known = self.chunk_readers.iter().any(|known| known == relay);
        if is_known { ChunkProof::Known } else { ChunkProof::Wanted }
    }

    /// The time that a server may take for its greeting, where it may take `timeout` for a reply.
    pub(super) fn greeting_timeout(&self, timeout: Duration) -> Duration {
        self.greeting.map_or(timeout, |greeting| greeting.min(timeout))
    }

    /// The limit for each reply of a server that may take `timeout` for it.
    pub(super) fn limit(&self, timeout: Duration) -> Duration {
        self.patience.map_or(timeout, |patience| patience.min(timeout))
    }
}
