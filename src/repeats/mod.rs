//! The fingerprint of a job's mail: whether it tells something that no earlier mail of this job told.
//!
//! Whether a number is a fact or noise does not stand in the text: "503" may be either. It stands in the job's past. So
//! nothing is masked. All that may vary is a **place** of its line: numbers, names with digits and their parts, times,
//! durations, random letters; and for the whole mail the order of its lines, and how often each stands. What is left of
//! a line is its **form**, and the set of its forms is the mail's **shape**. A place that brought something new in
//! three mails (words: in eight) is noise from then on, but for a number that has more or fewer digits than ever.
//!
//! A mail is a repeat if its shape is known and each of its places is noise or shows what it showed before.
//!
//! Pure: text in, verdict out. The memory of a job knows hashes only, and is bounded. What is forgotten is new again,
//! so that all that a job's output can spoil is its own folding.

mod digest;
mod form;
mod hash;
mod kinds;
mod memory;
mod octets;
mod place;
mod print;
mod scan;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod verdict;

pub use digest::{Job, Occasion, digest, span};
pub use kinds::Member;
pub use memory::{Learnt, Memory};
pub use print::Print;
pub use verdict::{News, Verdict};
