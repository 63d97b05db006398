//! One line when a mail is accepted, one line for each recipient and attempt, and sentences about what else there is:
//! in Postfix's words (smtp(8)), which log analysers read, or as JSON.
//!
//! The `log` crate carries the lines; env_logger takes them to the system log's socket, a file or stderr. The
//! configuration alone decides what is logged, never the caller's environment.

mod defect;
mod event;
mod line;
mod settings;
mod target;

use ::log::Level;

pub(crate) use defect::defect;
pub(crate) use event::{Accepted, Attempt, attempts};
pub(crate) use line::{Part, address};
pub(crate) use settings::{Settings, Target};
pub(crate) use target::open;

use crate::outcome::Scope;

/// Says what is wrong and has to be mended by a person.
pub(crate) fn error(sentence: &str) {
    About(None).error(sentence);
}

/// Says what was done.
pub(crate) fn info(sentence: &str) {
    About(None).info(sentence);
}

/// Says what trouble there is with a smarthost.
pub(crate) fn trouble(scope: Scope, sentence: &str) {
    About(None).trouble(scope, sentence);
}

/// The mail that a sentence is about, by its queue id.
pub(crate) fn mail(id: &str) -> About<'_> {
    About(Some(id))
}

/// The subject of a sentence: one mail, or no mail in particular.
#[derive(Clone, Copy)]
pub(crate) struct About<'a>(Option<&'a str>);

impl About<'_> {
    /// A sentence about trouble that a person has to mend.
    pub(crate) fn error(self, sentence: &str) {
        self.note(Level::Error, sentence);
    }

    /// A sentence about an act of ours.
    pub(crate) fn info(self, sentence: &str) {
        self.note(Level::Info, sentence);
    }

    /// A sentence about trouble with a smarthost: an error if a person has to mend it, else for information.
    pub(crate) fn trouble(self, scope: Scope, sentence: &str) {
        match scope {
            Scope::Configuration => self.error(sentence),
            Scope::Host | Scope::Message | Scope::Recipient => self.info(sentence),
        }
    }

    /// A sentence that is worth a person's look.
    pub(crate) fn warn(self, sentence: &str) {
        self.note(Level::Warn, sentence);
    }

    /// The mail's sender gets a notification.
    pub(crate) fn notified(self, sentence: &str) {
        line::log(&[event::note(Level::Info, Part::Bounce, self.0, sentence)]);
    }

    /// The mail has left the queue.
    pub(crate) fn removed(self) {
        line::log(self.0.map(event::removed).as_slice());
    }

    fn note(self, level: Level, sentence: &str) {
        line::log(&[event::note(level, event::part_of_note(level), self.0, sentence)]);
    }
}
