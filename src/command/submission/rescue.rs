//! Saves a mail that cannot be accepted: in `failed/` of the spool, else in the caller's `~/dead.letter`, else in a
//! file in `/var/tmp`. The caller is told that it was not sent.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::error::Error;
use crate::message::Message;
use crate::spool::{self, Spill, Spool};
use crate::system;

/// The octets that are held in memory, so that one place after the other can be tried.
const IN_MEMORY: u64 = 4 << 20;

/// Saves `input` because of `reason`. Returns the error that tells the reason and the place.
pub(crate) fn rescue(reason: Error, spool: &Spool, input: &mut dyn Read) -> Error {
    rescue_with(reason, spool, &[], input)
}

/// As [`rescue`], with `heading` before the input.
pub(crate) fn rescue_with(reason: Error, spool: &Spool, heading: &[u8], input: &mut dyn Read) -> Error {
    match keep(spool, heading, input) {
        Ok(Some(place)) => Error::Saved { reason: Box::new(reason), place },
        Ok(None) => reason,
        Err(_) => Error::Unsaved(Box::new(reason)),
    }
}

/// As [`rescue`], for a message that has been read: one place after the other can be tried with all of it.
pub(crate) fn rescue_taken(reason: Error, spool: &Spool, message: &Message, body: &mut Spill) -> Error {
    match keep_taken(spool, message, body) {
        Ok(place) => Error::Saved { reason: Box::new(reason), place },
        Err(_) => Error::Unsaved(Box::new(reason)),
    }
}

fn keep_taken(spool: &Spool, message: &Message, body: &mut Spill) -> io::Result<PathBuf> {
    if let Ok(whole) = body.reader()
        && let Ok(place) = spool.rescue(&mut message.octets().chain(whole))
    {
        return Ok(place);
    }
    system::dead_letter(&system::caller(), &mut message.octets().chain(body.reader()?))
}

/// Saves the input. Returns its place; `None` if it is empty.
fn keep(spool: &Spool, heading: &[u8], input: &mut dyn Read) -> io::Result<Option<PathBuf>> {
    let mut start = Vec::new();
    let mut input = input;
    (&mut input).take(IN_MEMORY).read_to_end(&mut start)?;
    if start.is_empty() {
        return Ok(None);
    }
    let is_whole = (start.len() as u64) < IN_MEMORY;
    let in_spool = spool.rescue(&mut heading.chain(start.as_slice()).chain(&mut input));
    match in_spool {
        Ok(place) => Ok(Some(place)),
        // The octets behind those in memory are gone.
        Err(error) if !is_whole && !is_untouched(&error) => Err(io::Error::other(error)),
        Err(_) => system::dead_letter(&system::caller(), &mut heading.chain(&start[..]).chain(&mut input)).map(Some),
    }
}

/// The spool refused before it had taken an octet.
fn is_untouched(error: &spool::Error) -> bool {
    matches!(error, spool::Error::Create { .. })
}
