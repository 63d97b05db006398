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
    /// Whether stderr shows the dialogue with the server.
    pub(crate) dialogue: Dialogue,
    /// The directory where access tokens are kept until they expire. Without one, each run asks for a token of its own.
    pub(crate) tokens: Option<PathBuf>,
    /// What is known of the server's way with BDAT.
    pub(crate) chunk_proof: ChunkProof,
}

/// Whether a server reads the octets of a chunk that it refuses (RFC 3030 section 2), so that it takes none of them for
/// a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ChunkProof {
    /// Nothing is known: the server is to be asked before content rides with its envelope.
    #[default]
    Wanted,
    /// It has shown that it does, over this connection.
    Shown,
    /// It has shown that it does not.
    Failed,
    /// It has shown that it does, and that is remembered.
    Known,
}

/// Whether a person sees the dialogue with the server on stderr, without its secrets.
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
            dialogue: Dialogue::Hidden,
            tokens: None,
            chunk_proof: ChunkProof::Wanted,
        }
    }

    /// The same with the name that the smarthost is to hear.
    pub(super) fn as_told_to(&self, smarthost: &Smarthost) -> Self {
        let name = smarthost.ehlo.clone().unwrap_or_else(|| self.name.clone());
        Self { name, ..self.clone() }
    }

    /// The limit for each reply of a server that may take `timeout` for it.
    pub(super) fn limit(&self, timeout: Duration) -> Duration {
        self.patience.map_or(timeout, |patience| patience.min(timeout))
    }
}
