//! A message as it will leave: its header section in full, and how its body gets there.

use std::io::{self, Read, Write};

use super::plan::Plan;
use super::repair::Repair;
use super::set_aside::Wrapping;

/// A message ready for the wire, except for its body, which [`Rewritten::write`] adds.
#[derive(Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The header section with CRLF line ends and the blank line.
    pub head: Vec<u8>,
    /// The value of its Message-ID field.
    pub(crate) message_id: String,
    /// The text in place of the body, if the body itself was empty.
    pub(crate) body: Option<Vec<u8>>,
    /// The treatment of the body on its way.
    pub(crate) plan: Plan,
    /// The wrapping of the body, if fields had to be attached.
    pub(crate) wrapping: Option<Wrapping>,
    /// The repairs made, each once, by name.
    pub(crate) repairs: Vec<Repair>,
}

impl Rewritten {
    /// Writes the whole mail in wire form: the head, then the body as the plan says. `body` is the one that came with
    /// the message, from its start; memory stays the same whatever its length.
    ///
    /// # Errors
    /// Those of `body` and `to`.
    pub fn write(&self, body: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&self.head)?;
        if let Some(wrapping) = &self.wrapping {
            to.write_all(&wrapping.before)?;
        }
        match &self.body {
            Some(own) => self.plan.write(&mut own.as_slice(), to)?,
            None => self.plan.write(body, to)?,
        }
        self.wrapping.as_ref().map_or(Ok(()), |wrapping| to.write_all(&wrapping.after))
    }
}
