//! Where a mail goes that cannot be accepted: `failed/` of the spool, else the caller's `~/dead.letter`, else a file in
//! `/var/tmp`. It is not lost, and the caller is told that it was not sent.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::error::Error;
use crate::message::Message;
use crate::spool::{self, Spill, Spool};
use crate::system;

/// What is held in memory, so that it can be offered to one place after the other.
const IN_MEMORY: u64 = 4 << 20;

/// Keeps `input` in `spool` if that takes it, because of `reason`, and returns the error that tells both.
pub(crate) fn rescue(reason: Error, spool: &Spool, input: &mut dyn Read) -> Error {
    rescue_with(reason, spool, &[], input)
}

/// The same with `heading` before it.
pub(crate) fn rescue_with(reason: Error, spool: &Spool, heading: &[u8], input: &mut dyn Read) -> Error {
    match keep(spool, heading, input) {
        Ok(Some(place)) => Error::Saved { reason: Box::new(reason), place },
        Ok(None) => reason,
        Err(_) => Error::Unsaved(Box::new(reason)),
    }
}

/// As [`rescue`], for a message that has been read: all of it can be offered to one place after the other.
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

/// Returns where it is now; nothing if it is empty.
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
        // What was read past the memory is gone from here.
        Err(error) if !is_whole && !is_untouched(&error) => Err(io::Error::other(error)),
        Err(_) => system::dead_letter(&system::caller(), &mut heading.chain(&start[..]).chain(&mut input)).map(Some),
    }
}

/// The spool refused before it had taken a byte.
fn is_untouched(error: &spool::Error) -> bool {
    matches!(error, spool::Error::Create { .. })
}
