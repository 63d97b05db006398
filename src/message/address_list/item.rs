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
            [] => {}
            [only] if only.has_at => {
                self.list.is_irregular |= has_bracketed;
                self.address(&only.text, comment);
            }
            [only] if !has_bracketed && !is_odd => self.single(only, comment),
            _ if chunks.iter().any(|chunk| chunk.has_at) => self.several(&chunks, has_bracketed),
            _ => {
                self.list.is_irregular = true;
                let words = chunks.iter().filter(|chunk| !chunk.is_quoted && !has_bracketed);
                self.list.words.extend(words.map(|chunk| chunk.text.clone()).filter(|word| !SetAside::is_in(word)));
            }
        }
        self.is_url = false;
    }

    /// A word alone: the name of a user, or a list that stands in quotes.
    fn single(&mut self, only: &Chunk, comment: Option<String>) {
        if only.is_quoted && self.depth == Depth::Outside {
            let content = unquoted(&only.text);
            let found = Reader::new(&content, self.aside, Depth::Inside).read();
            self.list.is_irregular = true;
            self.list.words.extend(found.words);
            return self.list.mailboxes.extend(found.mailboxes);
        }
        let bare = without_shell_quotes(&only.text);
        if !only.is_quoted && !SetAside::is_in(&only.text) && !bare.is_empty() {
            self.list.is_irregular |= bare != only.text;
            let name = comment.and_then(|comment| display_name::read(comment, self.aside));
            self.follows_bare_name = name.is_none() && bare.starts_with(char::is_uppercase);
            self.list.mailboxes.push(Mailbox { name, address: bare.to_string() });
        }
    }

    /// Addresses without commas between them, and perhaps names before them. A name in quotes is one; any other word
    /// may name a user too.
    fn several(&mut self, chunks: &[Chunk], has_bracketed: bool) {
        self.list.is_irregular = true;
        let mut name = None;
        for chunk in chunks {
            if chunk.has_at {
                self.address(&chunk.text, name.take());
            } else if chunk.is_quoted || SetAside::is_in(&chunk.text) {
                name = Some(chunk.spoken());
            } else if !has_bracketed {
                self.list.words.push(without_shell_quotes(&chunk.text).to_string());
            }
        }
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
