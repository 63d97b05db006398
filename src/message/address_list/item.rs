//! The text between two commas of a list, and who is meant by it: one address, several, or a word.

use super::super::chunk::{Chunk, joined, unquoted, without_shell_quotes};
use super::super::encoded_word::SetAside;
use super::super::mailbox::Mailbox;
use super::display_name;
use super::reader::{Depth, Reader};

impl Reader<'_> {
    /// A comma, or the end of all.
    pub(super) fn end_item(&mut self) {
        let chunks = joined(self.take_chunks(), &mut self.list.is_irregular);
        let has_bracketed = std::mem::take(&mut self.has_bracketed);
        let is_odd = std::mem::take(&mut self.is_odd);
        let comment = self.comment.take();
        let is_empty = chunks.is_empty() && !has_bracketed;
        self.follows_bare_name &= is_empty;
        match chunks.as_slice() {
            [] if has_bracketed => {}
            // The writer of `(a@x)` alone meant somebody.
            [] => self.list.words.extend(comment.filter(|text| text.contains('@')).map(|text| format!("({text})"))),
            [only] if only.has_at => {
                self.list.is_irregular |= has_bracketed;
                self.address(&only.text, comment);
            }
            [only] if !has_bracketed && !is_odd => self.single(only, comment),
            _ => self.several(&chunks, has_bracketed),
        }
        // RFC 6068 section 2: a mailto URL may hold several addresses, and no blanks.
        self.is_url &= self.rest.starts_with(|c: char| !c.is_whitespace());
    }

    /// A word alone: the name of a user, or a list that stands in quotes.
    fn single(&mut self, only: &Chunk, comment: Option<String>) {
        if only.is_quoted && self.depth == Depth::Outside {
            return self.list_in_quotes(only);
        }
        let bare = without_shell_quotes(&only.text);
        if !only.is_quoted && !SetAside::is_in(&only.text) && !bare.is_empty() {
            self.list.is_irregular |= bare != only.text;
            let name = comment.and_then(|comment| display_name::read(comment, self.aside));
            self.follows_bare_name = name.is_none() && bare.starts_with(char::is_uppercase);
            self.list.mailboxes.push(Mailbox { name, address: bare.to_string() });
        }
    }

    /// A list that stands in quotes as a whole.
    fn list_in_quotes(&mut self, quoted: &Chunk) {
        let found = Reader::new(&unquoted(&quoted.text), self.aside, Depth::Inside).read();
        self.list.is_irregular = true;
        self.list.words.extend(found.words);
        self.list.mailboxes.extend(found.mailboxes);
    }

    /// Addresses without commas between them, and perhaps names before them. A name in quotes is one, and so is an
    /// address in quotes right before another; any other word may name a user too.
    fn several(&mut self, chunks: &[Chunk], has_bracketed: bool) {
        self.list.is_irregular = true;
        let last_address = chunks.iter().rposition(|chunk| chunk.has_at);
        let is_all_quoted = !has_bracketed && chunks.iter().all(|chunk| chunk.is_quoted);
        let mut name: Option<&Chunk> = None;
        for (place, chunk) in chunks.iter().enumerate() {
            if chunk.has_at {
                self.address(&chunk.text, name.take().map(Chunk::spoken));
            } else if chunk.is_quoted && self.depth == Depth::Outside && last_address.is_none_or(|last| last < place) {
                if chunk.text.contains('@') {
                    self.list_in_quotes(chunk);
                } else if is_all_quoted {
                    self.list.words.push(self.aside.restored(&chunk.spoken()));
                }
            } else if chunk.is_quoted || SetAside::is_in(&chunk.text) {
                self.unused(name.replace(chunk));
            } else {
                let word = without_shell_quotes(&chunk.text);
                self.list.words.extend((!word.is_empty()).then(|| word.to_string()));
            }
        }
        self.unused(name);
    }

    /// A name that stands before no address, though it is one itself.
    fn unused(&mut self, name: Option<&Chunk>) {
        let written = name.map(|name| self.aside.restored(&name.spoken()));
        self.list.words.extend(written.filter(|_| name.is_some_and(|name| name.text.contains('@'))));
    }

    fn address(&mut self, written: &str, comment: Option<String>) {
        let mut address = without_shell_quotes(written);
        if self.is_url {
            address = address.split_once('?').map_or(address, |(address, _)| address);
        }
        self.list.is_irregular |= address != written;
        let name = comment.and_then(|comment| display_name::read(comment, self.aside));
        self.list.mailboxes.push(Mailbox { name, address: self.aside.restored(address) });
    }
}
