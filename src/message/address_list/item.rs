//! The text between two commas of a list, and who is meant by it: one address, several, or a word.

use super::super::chunk::{Chunk, bare, joined, unquoted};
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
        let surname = std::mem::take(&mut self.follows_bare_name);
        match chunks.as_slice() {
            [] if has_bracketed => {}
            // The writer of `(a@x)` alone meant somebody.
            [] => {
                self.follows_bare_name = surname && is_empty;
                self.list.words.extend(comment.filter(|text| text.contains('@')).map(|text| format!("({text})")));
            }
            [only] if only.has_at => {
                self.list.is_irregular |= has_bracketed;
                self.address(&only.text, comment);
            }
            [only] if !has_bracketed && !is_odd => self.single(only, comment),
            [first, ..] => {
                if surname && !has_bracketed && !first.has_at && !first.is_quoted && chunks.iter().any(|c| c.has_at) {
                    self.no_user();
                }
                self.several(&chunks, has_bracketed);
            }
        }
    }

    /// `Smith, John <a@x>` without its quotes, more likely than a user before a person.
    pub(super) fn no_user(&mut self) {
        self.list.is_irregular = true;
        self.list.words.extend(self.list.mailboxes.pop().map(|bare| bare.address));
    }

    /// A word alone: the name of a user, or a list that stands in quotes.
    fn single(&mut self, only: &Chunk, comment: Option<String>) {
        if only.is_quoted && self.depth == Depth::Outside {
            return self.list_in_quotes(only);
        }
        if SetAside::is_in(&only.text) {
            // RFC 2047 section 5 (3): it is no address, and no name of a user.
            let word = Some(self.aside.restored(&only.text)).filter(|word| !self.aside.broken.contains(word));
            return self.list.words.extend(word);
        }
        let bare = bare(&only.text);
        self.list.is_irregular |= bare != only.text;
        if bare.len() > 1 && bare.starts_with('"') && bare.ends_with('"') && self.depth == Depth::Outside {
            return self.list_in_quotes(&Chunk { text: bare, ..Chunk::default() });
        }
        if bare.is_empty() || only.is_quoted {
            return self.list.words.extend(Some(only.text.clone()).filter(|text| text.chars().all(|c| c == '.')));
        }
        let (name, address) = match comment {
            Some(text) if text.contains('@') => (None, Some(format!("({text})"))),
            comment => (comment.and_then(|comment| display_name::read(comment, self.aside)), None),
        };
        self.list.words.extend(address);
        self.follows_bare_name = name.is_none() && bare.starts_with(char::is_uppercase);
        self.list.mailboxes.push(Mailbox { name, address: bare });
    }

    /// A list that stands in quotes as a whole.
    fn list_in_quotes(&mut self, quoted: &Chunk) {
        let found = Reader::new(&unquoted(&quoted.text), self.aside, Depth::Inside).read();
        self.list.is_irregular = true;
        self.take_in(found);
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
                self.list.words.extend(Some(bare(&chunk.text)).filter(|word| !word.is_empty()));
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
        let address = bare(written);
        self.list.is_irregular |= address != written;
        if address.starts_with("//") {
            // The rest of a URL: `http://x/a@y` names a page.
            return self.list.words.push(self.aside.restored(&address));
        }
        let name = comment.and_then(|comment| display_name::read(comment, self.aside));
        self.list.mailboxes.push(Mailbox { name, address: self.aside.restored(&address) });
    }
}
