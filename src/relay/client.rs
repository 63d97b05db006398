//! The SMTP client that this program is (RFC 5321 section 2.1): what a session needs and no setting of a smarthost
//! says.

use std::path::PathBuf;
use std::time::Duration;

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
        Self { name: name.to_owned(), patience: None, dialogue: Dialogue::Hidden, tokens: None }
    }

    /// The limit for each reply of a server that may take `timeout` for it.
    pub(super) fn limit(&self, timeout: Duration) -> Duration {
        self.patience.map_or(timeout, |patience| patience.min(timeout))
    }
}
