//! Requests of a command line that nobody can fulfil.

use crate::relay::discovery;

/// The reason why a command line is malformed.
#[derive(Debug, thiserror::Error)]
pub enum Usage {
    /// `--config` stands last.
    #[error("--config needs a file")]
    ConfigWithoutFile,
    /// The arguments ask for nothing, and stdin is empty.
    #[error("there is no mail on stdin and nothing was asked: try mailx-t --help, or mailx-t -s SUBJECT ADDRESS")]
    NothingAsked,
    /// A verb of administration without the word `ctl` before it.
    #[error("nothing is sent to {words}: did you mean mailx-t ctl {words}?")]
    ControlMeant {
        /// The words of the command line.
        words: String,
    },
    /// `--dry-run` with a request that sends no mail.
    #[error("--dry-run shows the mail that would leave, but this command sends none")]
    NothingToRehearse,
    /// `-bv` without an address.
    #[error("-bv needs an address, or -t and a message on stdin")]
    NothingToVerify,
    /// A mode of sendmail's that has no meaning here.
    #[error("{option} is not served by mailx-t{instead}")]
    NotServed {
        /// The option that asks for it.
        option: String,
        /// The way out, after its punctuation; empty if there is none.
        instead: &'static str,
    },
    /// An option that the grammar of the options refuses, in the grammar's own words.
    #[error(transparent)]
    Option(Box<dyn std::error::Error + Send + Sync>),
    /// A word that is neither a provider nor a domain.
    #[error("no provider {name} is known: name a domain, or one of {}", .known.join(", "))]
    ProviderUnknown {
        /// The word as it was written.
        name: String,
        /// The names in the table of providers that may be meant, or all of them.
        known: Vec<&'static str>,
    },
    /// postqueue without a letter that asks for something.
    #[error("postqueue needs one of -p, -j, -f, -i ID and -s SITE: it sends no mail from stdin")]
    PostqueueUnasked,
    /// mail(1) is called to read mail.
    #[error("mailx-t only sends mail, it reads none: give a recipient to send to")]
    Reading,
    /// mail(1) is called with options and without a recipient.
    #[error("no recipient{}: mailx-t -s SUBJECT ADDRESS... < BODY", taken_for_sender(.sender.as_deref()))]
    Recipientless {
        /// The value of `-r`, which may have been meant as the recipient.
        sender: Option<String>,
    },
    /// A provider has servers by region, and none is named.
    #[error("{provider} needs a region: --provider {provider}:eu-west-1")]
    RegionMissing {
        /// Its name in the table of providers.
        provider: &'static str,
    },
    /// A region is named, and the provider has one server for all.
    #[error("{provider} has no regions: --provider {provider}")]
    Regionless {
        /// Its name in the table of providers.
        provider: &'static str,
    },
    /// A domain whose DNS names no server to submit mail to.
    #[error("{0}: run mailx-t ctl init without --provider, and fill in host by hand")]
    ServerUnknown(#[from] discovery::Error),
}

fn taken_for_sender(sender: Option<&str>) -> String {
    sender.map_or_else(String::new, |sender| format!(" ({sender} is the sender: -r takes a value)"))
}
