//! Takes a mail: reads stdin once, into a header section in memory and a body that can be read again.

use std::io::{self, Read};

use super::compose::{self, Unsent};
use super::request::{Input, Request};
use super::rescue;
use crate::error::Error;
use crate::message::Message;
use crate::message::dots::{Dots, Undoubled};
use crate::spool::{Spill, Spool};

/// A mail as it was handed in.
pub(crate) struct Taken {
    /// Its fields, and facts about its body.
    pub(crate) message: Message,
    /// Its body.
    pub(crate) body: Spill,
}

impl Taken {
    /// It has not an octet.
    pub(crate) fn is_empty(&self) -> bool {
        self.message.octets().is_empty() && self.message.shape.bytes == 0
    }

    /// Its body is empty, and the caller wants no mail then.
    pub(crate) fn is_no_mail(&self, request: &Request) -> bool {
        matches!(&request.input, Input::Body(given) if given.skip_empty) && self.message.shape.bytes == 0
    }
}

/// As [`take`], for a caller who has no copy: their own text is rescued if a file that goes with it cannot be read.
pub(crate) fn take_or_rescue(
    request: &Request,
    spill: &dyn Fn() -> Spill,
    input: &mut dyn Read,
    spool: &Spool,
) -> Result<Taken, Error> {
    take_input(request, spill, input).map_err(|error| match error.downcast::<Unsent>() {
        Ok(Unsent { text, source }) => rescue::rescue(Error::Input(source), spool, &mut text.as_slice().chain(input)),
        Err(error) => not_taken(error),
    })
}

/// Reads stdin to its end. `spill` makes the place for a body.
///
/// # Errors
/// [`Error::Input`], or [`Error::Spool`] if the body cannot be held.
pub(crate) fn take(request: &Request, spill: &dyn Fn() -> Spill, input: &mut dyn Read) -> Result<Taken, Error> {
    take_input(request, spill, input).map_err(not_taken)
}

fn not_taken(error: io::Error) -> Error {
    match error.downcast() {
        Ok(spool) => Error::Spool(spool),
        Err(input) => Error::Input(input),
    }
}

fn take_input(request: &Request, spill: &dyn Fn() -> Spill, input: &mut dyn Read) -> io::Result<Taken> {
    let mut dots = Dots::new(spill());
    let message = read(&request.input, input, &mut dots)?;
    let are_doubled = dots.are_doubled() && request.dots_may_be_doubled;
    let mut body = dots.into_inner();
    // Only the ends of a body that has overflowed are at hand.
    if are_doubled && !body.has_overflowed() {
        let mut single = spill();
        io::copy(&mut Undoubled::new(body.reader()?), &mut single)?;
        body = single;
    }
    Ok(Taken { message, body })
}

/// Reads stdin as the kind of input that it is. The body goes to `body`.
///
/// # Errors
/// The errors of `input` and `body`.
pub fn read(kind: &Input, input: &mut dyn Read, body: &mut dyn io::Write) -> io::Result<Message> {
    match kind {
        Input::Formatted => Message::read(input, body),
        Input::Body(given) => compose::body(given, input, body),
        Input::FormattedWith(given) => compose::formatted(given, input, body),
    }
}
