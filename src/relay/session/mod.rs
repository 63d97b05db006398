//! A session: an open, verified and logged-in connection to a smarthost, which takes one mail after another.
//!
//! `opening` makes it, `reach` and `greeting` its first steps. `offer_mail` says to the server what a mail needs, and
//! `await_answer` reads the server's replies. Mails are under way in a `window`, each of them in a `transaction`, and
//! are answered in the order in which they were offered. `probe` only asks whether a mail would be taken.

mod await_answer;
mod chunk_proof;
mod greeting;
mod offer_mail;
mod opening;
mod probe;
mod reach;
mod transaction;
mod window;

use std::time::Duration;

use lettre::transport::smtp::commands::Quit;

pub(crate) use transaction::{Lesson, Offered};

use super::channel::Channel;
use super::{Capabilities, Certificate, ChunkProof};
use crate::outcome::Stage;
use window::Window;

/// An open connection to the smarthost, ready to take a mail.
pub(crate) struct Session {
    channel: Channel,
    capabilities: Capabilities,
    window: Window,
    /// The proof that the server reads the chunks that it refuses.
    chunk_proof: ChunkProof,
}

impl Session {
    /// The server's capabilities.
    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The server as it was reached, `host[ip]:port`, for the log.
    pub(crate) fn relay(&self) -> &str {
        self.channel.peer().relay()
    }

    /// The server's certificate, where there is TLS.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        self.channel.certificate()
    }

    /// The version of TLS and the cipher suite, such as `TLSv1.3, TLS_AES_256_GCM_SHA384`, where there is TLS.
    pub(crate) fn tls_agreed(&self) -> Option<String> {
        self.channel.tls_agreed()
    }

    /// Another mail may follow.
    pub(crate) fn is_usable(&self) -> bool {
        self.channel.is_usable()
    }

    /// The number of mails that may be under way at once.
    pub(crate) fn most_under_way(&self) -> usize {
        self.window.capacity()
    }

    /// Says good-bye. The answer is not waited for: that would cost a round trip and change nothing.
    pub(crate) fn quit(mut self) {
        if self.is_usable() {
            self.channel.set_limit(Duration::from_secs(1));
            // Every mail has its outcome already.
            let _ = self.channel.send(Stage::Content, Quit.to_string().as_bytes());
        }
    }
}
