//! A trouble keeps mail from being offered at all: a sentence, its stage and its scope.
//!
//! It never bounces a mail. It becomes the outcome "deferred" of every mail that waits for the smarthost.

use std::fmt;
use std::net::SocketAddr;

use super::{CredentialsError, Smarthost};
use crate::outcome::{EnhancedStatus, Outcome, Reply, Scope, Stage, Status};
use crate::verdict;

/// Why there is no session, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The stage of the dialogue where it came up.
    pub(crate) stage: Stage,
    /// Its scope.
    pub(crate) scope: Scope,
    /// The server's reply, if it gave one.
    pub(crate) reply: Option<Reply>,
    /// The sentence for people: it says what failed, on what, why, and what to do.
    pub(crate) sentence: String,
    /// The server that was reached, `host[ip]:port`.
    pub(crate) relay: Option<String>,
    /// The issuer of the server's certificate is not among the root certificates that were looked at.
    pub(super) is_issuer_unknown: bool,
    /// The server's certificate is for another name.
    pub(super) is_name_wrong: bool,
}

impl Trouble {
    /// The server's certificate is nobody's that is known here; it may be the right one all the same.
    pub(crate) fn is_about_issuer(&self) -> bool {
        let words = ["the issuer of the server's certificate is unknown", "the server's certificate is self-signed"];
        words.iter().any(|words| self.sentence.contains(words))
    }

    pub(super) fn new(stage: Stage, scope: Scope, sentence: String) -> Self {
        Self { stage, scope, reply: None, sentence, relay: None, is_issuer_unknown: false, is_name_wrong: false }
    }

    /// The outcome of a mail that meets this trouble.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome {
            status: Status::Deferred,
            stage: self.stage,
            scope: self.scope,
            enhanced: self.enhanced(),
            reason: self.sentence.clone(),
        }
    }

    /// The server's status made transient, or the nearest one of RFC 3463 section 3.
    fn enhanced(&self) -> EnhancedStatus {
        if let Some(reply) = self.reply.as_ref().filter(|reply| reply.enhanced.is_some()) {
            return verdict::enhanced(Status::Deferred, reply);
        }
        let (subject, detail) = match (self.stage, self.scope) {
            (Stage::Auth, _) => (7, 8),
            (Stage::Connect, _) => (4, 1),
            (Stage::Resolve, _) => (4, 3),
            // RFC 3463 section 3.5: unable to route.
            (Stage::Setup, Scope::Host) => (4, 4),
            (Stage::Setup, _) => (3, 5),
            (Stage::Tls, Scope::Configuration) => (7, 5),
            (Stage::Content, Scope::Message) => (3, 0),
            _ => (4, 2),
        };
        EnhancedStatus::new(4, subject, detail)
    }
}

/// The server as sentences and logs name it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// As configured: `host:port`.
    name: String,
    /// As reached: `host[ip]:port`.
    relay: Option<String>,
}

impl Peer {
    /// A server that has not been reached yet.
    pub(super) fn named(smarthost: &Smarthost) -> Self {
        Self { name: smarthost.to_string(), relay: None }
    }

    /// The same server, reached at `address`.
    pub(super) fn reached(smarthost: &Smarthost, address: SocketAddr) -> Self {
        let relay = format!("{}[{}]:{}", smarthost.bare_host(), address.ip(), address.port());
        Self { name: smarthost.to_string(), relay: Some(relay) }
    }

    pub(super) fn relay(&self) -> &str {
        self.relay.as_deref().unwrap_or(&self.name)
    }

    pub(super) fn trouble(&self, stage: Stage, scope: Scope, why: impl fmt::Display) -> Trouble {
        let sentence = format!("smarthost {}: {why}", self.name);
        Trouble { relay: self.relay.clone(), ..Trouble::new(stage, scope, sentence) }
    }

    /// The trouble with a reply of the server.
    pub(super) fn refusal(&self, stage: Stage, reply: Reply, why: impl fmt::Display) -> Trouble {
        let scope = verdict::scope(stage, &reply);
        Trouble { reply: Some(reply), ..self.trouble(stage, scope, why) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Trouble {}

impl From<&Trouble> for Outcome {
    fn from(trouble: &Trouble) -> Self {
        trouble.outcome()
    }
}

impl From<CredentialsError> for Trouble {
    fn from(error: CredentialsError) -> Self {
        match error {
            // The endpoint may be well again at the next attempt.
            CredentialsError::TokenEndpoint { .. } => Trouble::new(Stage::Auth, Scope::Host, error.to_string()),
            _ => Trouble::new(Stage::Setup, Scope::Configuration, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_defers_with_the_servers_status_made_transient() {
        let mut trouble = Trouble::new(Stage::Auth, Scope::Configuration, "login refused".to_owned());
        assert_eq!(trouble.outcome().enhanced.to_string(), "4.7.8");
        trouble.reply = Some(Reply::new(535, "5.7.3 no"));
        let outcome = Outcome::from(&trouble);
        assert_eq!((outcome.status, outcome.reason.as_str()), (Status::Deferred, "login refused"));
        assert_eq!(outcome.enhanced.to_string(), "4.7.3");
    }

    #[test]
    fn each_stage_has_its_status() {
        for (stage, scope, status) in [
            (Stage::Setup, Scope::Configuration, "4.3.5"),
            (Stage::Resolve, Scope::Host, "4.4.3"),
            (Stage::Connect, Scope::Host, "4.4.1"),
            (Stage::Tls, Scope::Host, "4.4.2"),
            (Stage::Tls, Scope::Configuration, "4.7.5"),
            (Stage::Greeting, Scope::Host, "4.4.2"),
        ] {
            assert_eq!(Trouble::new(stage, scope, "x".to_owned()).outcome().enhanced.to_string(), status);
        }
    }
}
