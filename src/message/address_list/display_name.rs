//! The display name of a mailbox in a list: the words before its brackets, or a comment behind it.

use super::super::chunk::Chunk;
use super::super::encoded_word::SetAside;
use super::super::value::decoded;

/// The chunks before a bracket, or the comment, as a display name.
pub(super) fn before_bracket(chunks: &[Chunk], comment: Option<String>, aside: &SetAside) -> Option<String> {
    let words: Vec<String> = chunks.iter().map(Chunk::spoken).collect();
    let written = match (words.is_empty(), comment) {
        (true, comment) => comment?,
        (false, Some(comment)) => format!("{} ({comment})", words.join(" ")),
        (false, None) => words.join(" "),
    };
    read(written, aside)
}

/// A display name as people read it; `None` if nothing of it is left.
pub(super) fn read(written: String, aside: &SetAside) -> Option<String> {
    let restored = aside.restored(&written);
    let name = if SetAside::is_in(&written) { decoded(restored.as_bytes()) } else { restored };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}
