//! A body within a multipart that holds no other: it is inspected while it is small, then treated like a body of its
//! own.

use super::filter::Filter;
use super::part_head::Head;
use super::treatment::{Demand, Treatment};
use crate::message::Shape;

/// A body up to this size is treated for its own content, a larger one for the worst that it may hold.
const LOOK_AHEAD: usize = 256 << 10;

/// A body on its way.
#[derive(Debug)]
pub(super) struct Leaf {
    head: Head,
    /// The octets that came before it was decided how to treat the body.
    begun: Vec<u8>,
    shape: Shape,
    filter: Option<Box<dyn Filter>>,
    /// A line end that belongs to the delimiter if one comes next.
    line_end: Vec<u8>,
}

impl Leaf {
    pub(super) fn new(head: Head) -> Self {
        Self { head, begun: Vec::new(), shape: Shape::default(), filter: None, line_end: Vec::new() }
    }

    /// Takes a line, or a piece of one that is too long for a delimiter.
    pub(super) fn push(&mut self, line: &[u8], eight_bit: bool, out: &mut Vec<u8>) {
        let line_end = std::mem::take(&mut self.line_end);
        let text = without_end(line);
        self.line_end.extend_from_slice(&line[text.len()..]);
        self.pass(&line_end, out);
        self.pass(text, out);
        if self.filter.is_none() && self.begun.len() > LOOK_AHEAD {
            self.shape.longest_line = u64::MAX;
            self.shape.eight_bit |= !self.head.labels.is_encoded();
            self.decide(eight_bit, out);
        }
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.filter {
            Some(filter) => filter.push(bytes, out),
            None => {
                self.shape.learn(bytes);
                self.begun.extend_from_slice(bytes);
            }
        }
    }

    fn decide(&mut self, eight_bit: bool, out: &mut Vec<u8>) {
        let demand = Demand { eight_bit, strip: false, fallback: self.head.fallback.as_deref() };
        let treatment = Treatment::of(&self.head.labels, &self.shape, &demand);
        self.head.write(&treatment, out);
        let mut filter = treatment.filter();
        filter.push(&std::mem::take(&mut self.begun), out);
        self.filter = Some(filter);
    }

    /// A delimiter, or the end of all, has come.
    pub(super) fn end(&mut self, eight_bit: bool, out: &mut Vec<u8>) {
        if self.filter.is_none() {
            self.shape.finish();
            self.decide(eight_bit, out);
        }
        if let Some(filter) = &mut self.filter {
            filter.end(out);
        }
        if !self.line_end.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The line without CRLF or LF.
pub(super) fn without_end(line: &[u8]) -> &[u8] {
    match line.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => line,
    }
}
