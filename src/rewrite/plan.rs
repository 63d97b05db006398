//! The plan for a body: decided, as data, from the facts that one pass over it has learnt; then carried out while the
//! body streams.

use std::io::{self, Read, Write};

use super::base64::{Base64, Refold};
use super::decoding::Decoding;
use super::filter::{Chain, Filter, Lines};
use super::parts::Parts;
use super::quoted_printable::QuotedPrintable;
use super::terminal::Terminal;
use super::treatment::Coding;

/// The treatment of a body on its way to the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The body has bytes over 127 when it leaves: BODY=8BITMIME, RFC 6152.
    pub(crate) eight_bit: bool,
    /// The decoding that a text passes first.
    pub(super) decoding: Decoding,
    /// The coding it passes.
    pub(crate) coding: Coding,
    /// The charset of text in its parts that is not UTF-8 and has no label that can be right.
    pub(super) fallback: Option<String>,
    /// Codes for a terminal are folded to the text that it would show.
    pub(crate) strip: bool,
}

impl Plan {
    /// Writes the body in wire form, its last line with its end.
    ///
    /// # Errors
    /// Those of `body` and `to`.
    pub(super) fn write(&self, body: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
        let coding = if self.strip {
            Box::new(Chain::new(Terminal::default(), self.coding.filter(self.fallback.as_deref())))
        } else {
            self.coding.filter(self.fallback.as_deref())
        };
        let mut filter = self.decoding.before(coding);
        let (mut piece, mut out) = (vec![0; 64 << 10], Vec::new());
        let mut end = *b"\r\n";
        loop {
            let count = match body.read(&mut piece) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            match count {
                0 => filter.end(&mut out),
                _ => filter.push(&piece[..count], &mut out),
            }
            for byte in &out[out.len().saturating_sub(2)..] {
                end = [end[1], *byte];
            }
            if count == 0 && end != *b"\r\n" {
                out.extend_from_slice(b"\r\n");
            }
            to.write_all(&out)?;
            out.clear();
            if count == 0 {
                return Ok(());
            }
        }
    }
}

impl Coding {
    /// The filter that carries the plan out; `fallback` is the charset of text in parts that no label fits.
    pub(super) fn filter(&self, fallback: Option<&str>) -> Box<dyn Filter> {
        match self {
            Coding::AsItIs => Box::new(Lines::default()),
            Coding::Base64 => Box::new(Base64::default()),
            Coding::FoldBase64 => Box::new(Refold::default()),
            Coding::MendQuotedPrintable => Box::new(QuotedPrintable::mend()),
            Coding::Message => Box::new(Parts::of_message(fallback)),
            Coding::Parts(boundary) => Box::new(Parts::within(boundary, fallback)),
            Coding::QuotedPrintable => Box::new(QuotedPrintable::encode()),
        }
    }
}
