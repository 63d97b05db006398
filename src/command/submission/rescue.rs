//! Where a mail goes that cannot be accepted: `failed/` of the spool, else the caller's `~/dead.letter`, else a file in
//! `/var/tmp`. It is not lost, and the caller is told that it was not sent.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::error::Error;
use crate::spool::{self, Spool};
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

/// As [`rescue`], for input that can be had again: `offer` gives all of it to the place it is called with.
pub(crate) fn again(reason: Error, spool: &Spool, offer: &mut dyn FnMut(Place<'_>) -> io::Result<PathBuf>) -> Error {
    let in_spool = offer(&mut |input| spool.rescue(input).map_err(io::Error::other));
    let kept = in_spool.or_else(|_| offer(&mut |input| system::dead_letter(&system::caller(), input)));
    match kept {
        Ok(place) => Error::Saved { reason: Box::new(reason), place },
        Err(_) => Error::Unsaved(Box::new(reason)),
    }
}

/// Takes input and says where it is now.
pub(crate) type Place<'p> = &'p mut dyn FnMut(&mut dyn Read) -> io::Result<PathBuf>;

/// Where it is now; none of what is empty.
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
