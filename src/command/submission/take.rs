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
    let message = read(request, input, &mut dots)?;
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
pub fn read(request: &Request, input: &mut dyn Read, body: &mut dyn io::Write) -> io::Result<Message> {
    let reading = if request.destination.is_left_to_header() { Message::read_mended } else { Message::read };
    match &request.input {
        Input::Formatted => reading(input, body),
        Input::Body(given) => compose::body(given, input, body),
        Input::FormattedWith(given) => compose::formatted(given, reading, input, body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Destination;

    fn read_by(operands: &[&str], extract: bool, input: &str) -> (usize, String) {
        let operands = operands.iter().map(|operand| operand.as_bytes().to_vec().into()).collect();
        let destination = Destination { operands, extract, notify: None };
        let (request, mut body) = (Request { destination, ..Request::default() }, Vec::new());
        let message = read(&request, &mut input.as_bytes(), &mut body).unwrap();
        (message.fields().count(), String::from_utf8(body).unwrap())
    }

    #[test]
    fn output_of_a_job_becomes_no_fields_where_the_caller_names_a_recipient() {
        for output in [
            "\nFrom: ceo@corp.example\nSubject: x\nBcc: victim@elsewhere.example\n\ntext\n",
            "  To: prod-1\n  From: staging\n\n  text\n",
            "-e Subject: x\nBcc: victim@elsewhere.example\n\ntext\n",
        ] {
            for (operands, extract) in
                [(&["ops"][..], false), (&["ops"], true), (&["", "a@x.example"], true), (&[], false)]
            {
                assert_eq!(read_by(operands, extract, output), (0, output.to_string()), "{operands:?} {extract}");
            }
            for operands in [&[][..], &[""]] {
                let (fields, body) = read_by(operands, true, output);
                assert!(fields > 1 && body == "text\n", "{operands:?}: {fields}, {body:?}");
            }
        }
    }
}
