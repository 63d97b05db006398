//! Reads a list from its first octet to its last: what divides the addresses, brackets, comments, and the text between
//! them in chunks. `item` says what the chunks mean.

use super::super::chunk::{Chunk, end_of_comment, end_of_quotes, unescaped};
use super::super::encoded_word::SetAside;
use super::super::mailbox::Mailbox;
use super::super::value::text;
use super::wide;
use super::{display_name, mailto};

/// The addresses that were found in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressList {
    /// Those who are meant, in the order they were written.
    pub(crate) mailboxes: Vec<Mailbox>,
    /// Words that stand beside addresses, or beside each other: names of users, or text.
    pub(crate) words: Vec<String>,
    /// The comment of a shell behind the list. It names nobody.
    pub(crate) remark: Option<String>,
    /// Something is not as the standard wants it.
    pub(crate) is_irregular: bool,
}

impl AddressList {
    /// Reads the value of an address field, or a list out of another place.
    pub(crate) fn read(value: &[u8]) -> Self {
        // Line ends are folds here, and no address holds them.
        let written = text(value).replace(['\r', '\n', '\0'], " ");
        let plain = wide::with_plain_brackets(without_quotes_around(&written));
        let aside = SetAside::of(&plain);
        let mut list = Reader::new(&aside.value, &aside, Depth::Outside).read();
        list.is_irregular |= !aside.broken.is_empty() || *plain != *written.trim();
        list.words.extend(aside.broken.iter().cloned());
        list
    }
}

/// A list of several that a shell's quotes stand around. Quotes around each are taken off later.
fn without_quotes_around(list: &str) -> &str {
    let list = list.trim();
    let inner = ['\'', '`'].into_iter().find_map(|quote| {
        let inner = list.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote) && inner.contains([',', ';', ' '])).then_some(inner)
    });
    inner.unwrap_or(list)
}

/// The place of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Outside,
    /// Within brackets or quotes, where no further list is opened.
    Inside,
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a str,
    pub(super) aside: &'a SetAside,
    pub(super) depth: Depth,
    pub(super) list: AddressList,
    /// The text since the last comma or address in brackets.
    chunks: Vec<Chunk>,
    /// An address is in one of them.
    has_at: bool,
    /// The comment that came since the last comma.
    pub(super) comment: Option<String>,
    /// An address came in brackets since the last comma: words after it are text.
    pub(super) has_bracketed: bool,
    /// A colon came behind an address: a single word after it is text.
    pub(super) is_odd: bool,
    is_in_group: bool,
    /// An address has to come: the last separator was a comma, or there was no separator yet.
    is_awaiting: bool,
    /// A bracket without its other half came.
    has_stray: bool,
    /// The last item was a bare name with a capital, which no user of Unix has.
    pub(super) follows_bare_name: bool,
    /// No further quote ends, no further address literal, no further comment: they are not looked for again.
    has_open_quote: bool,
    has_open_literal: bool,
    has_open_comment: bool,
    /// The octets from the last `@` to the end of all.
    last_at: usize,
    /// The octets from the next character that tells what a full-width mark means to the end of all; and that one.
    next_sign: (usize, Option<char>),
    /// The octets that may still be looked through in vain for the end of a bracket. Text between two brackets is
    /// looked through once, unless it stands within quotes for one bracket and outside for the next.
    left_to_look: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a str, aside: &'a SetAside, depth: Depth) -> Self {
        Self {
            rest,
            aside,
            depth,
            list: AddressList::default(),
            chunks: Vec::new(),
            has_at: false,
            comment: None,
            has_bracketed: false,
            is_odd: false,
            is_in_group: false,
            is_awaiting: true,
            has_stray: false,
            follows_bare_name: false,
            has_open_quote: false,
            has_open_literal: false,
            has_open_comment: false,
            last_at: rest.rfind('@').map_or(usize::MAX, |at| rest.len() - at),
            next_sign: (usize::MAX, None),
            left_to_look: 2 * rest.len(),
        }
    }

    pub(super) fn read(mut self) -> AddressList {
        while let Some(c) = self.rest.chars().next() {
            match c {
                ',' => self.separator(c, true),
                ';' => {
                    let is_regular = std::mem::take(&mut self.is_in_group);
                    self.separator(c, is_regular);
                }
                ':' => self.colon(c),
                c if self.is_wide_colon(c) => self.colon(c),
                c if self.is_wide_separator(c, false) => self.separator(c, false),
                '<' => self.bracket(),
                '(' => self.comment(),
                '>' | ')' => self.skip(c),
                c if c.is_whitespace() => self.rest = &self.rest[c.len_utf8()..],
                _ => self.chunk(),
            }
        }
        self.list.is_irregular |= self.is_in_group || (self.is_awaiting && self.is_item_empty());
        self.end_item();
        self.list
    }

    /// A character that is no part of anything.
    fn skip(&mut self, c: char) {
        self.list.is_irregular = true;
        self.has_stray = true;
        self.rest = &self.rest[c.len_utf8()..];
    }

    fn separator(&mut self, c: char, is_regular: bool) {
        self.list.is_irregular |= !is_regular || !matches!(c, ',' | ';') || (self.is_awaiting && self.is_item_empty());
        self.rest = &self.rest[c.len_utf8()..];
        self.end_item();
        self.is_awaiting = c != ';';
    }

    fn is_item_empty(&self) -> bool {
        self.chunks.is_empty() && !self.has_bracketed
    }

    /// An address has come since the last comma.
    fn has_address(&self) -> bool {
        self.has_bracketed || self.has_at
    }

    pub(super) fn take_chunks(&mut self) -> Vec<Chunk> {
        self.has_at = false;
        std::mem::take(&mut self.chunks)
    }

    /// A full-width comma or semicolon stands in names too: there a bracket comes before any `@`.
    fn is_wide_separator(&mut self, c: char, has_at: bool) -> bool {
        wide::is_separator(c) && (has_at || self.has_address() || self.sign_behind(c) != Some('<'))
    }

    /// A full-width colon stands in names too. Between a name and an address it is the end of the name.
    fn is_wide_colon(&mut self, c: char) -> bool {
        c == '\u{ff1a}' && self.sign_behind(c) == Some('@')
    }

    /// The first character behind `c` that tells what `c` means: that of an address, of a bracket, of the end.
    fn sign_behind(&mut self, c: char) -> Option<char> {
        let behind = &self.rest[c.len_utf8()..];
        if self.next_sign.0 > behind.len() {
            let at = behind.find(['@', '\u{ff20}', '<', ',', ';', ':']);
            let sign = at.and_then(|at| behind[at..].chars().next());
            let sign = sign.map(|sign| if sign == '\u{ff20}' { '@' } else { sign });
            self.next_sign = (at.map_or(0, |at| behind.len() - at), sign);
        }
        self.next_sign.1
    }

    /// The text before it is the name of a group, which is nobody; or `mailto`, or an address.
    fn colon(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
        // RFC 5321 section 4.1.1.3: a source route is ignored.
        let is_route = matches!(self.chunks.as_slice(), [only] if only.text.starts_with('@'));
        let has_address = !is_route && self.has_address();
        let is_url = matches!(self.chunks.as_slice(), [only] if only.text.eq_ignore_ascii_case("mailto"));
        self.list.is_irregular |= has_address || is_route || is_url || c != ':';
        if has_address {
            self.end_item();
            self.is_odd = true;
        } else {
            self.is_in_group = !is_url && !is_route && c == ':';
            self.is_awaiting &= !self.is_in_group;
            self.take_chunks();
        }
        if is_url {
            self.url();
        }
    }

    /// Those whom a URL names stand for themselves, whatever stands beside it.
    fn url(&mut self) {
        let url = mailto::read(self.rest);
        self.rest = &self.rest[url.length..];
        self.has_bracketed = true;
        self.list.mailboxes.extend(url.people);
        self.list.words.extend(url.words);
    }

    /// The list of a part of this one.
    pub(super) fn take_in(&mut self, found: AddressList) {
        self.list.is_irregular |= found.is_irregular;
        self.list.mailboxes.extend(found.mailboxes);
        self.list.words.extend(found.words);
        self.list.remark = self.list.remark.take().or(found.remark);
    }

    /// `<address>`, with the chunks before it for a name.
    fn bracket(&mut self) {
        let inner = &self.rest[1..];
        let Some(end) = self.end_of_bracket(inner) else {
            // It has no end: what stands behind it is an address all the same, and what stood before it its name.
            self.take_chunks();
            return self.skip('<');
        };
        self.rest = &inner[end + 1..];
        if std::mem::take(&mut self.follows_bare_name) && self.chunks.iter().any(|chunk| !chunk.is_quoted) {
            self.no_user();
        }
        let chunks = self.take_chunks();
        let name = display_name::before_bracket(&chunks, self.comment.take(), self.aside);
        let mut found = self.within(&inner[..end]);
        self.list.is_irregular |= self.has_bracketed || found.mailboxes.len() != 1;
        self.has_bracketed = true;
        if let [only] = found.mailboxes.as_mut_slice() {
            only.name = name;
        }
        self.take_in(found);
    }

    /// The place of the `>` that ends a bracket, whose quoted strings may hold some.
    fn end_of_bracket(&mut self, inner: &str) -> Option<usize> {
        let mut at = 0;
        while self.left_to_look > 0 {
            at = inner[at..].find(['<', '>', '"']).map_or(inner.len(), |next| at + next);
            match inner.as_bytes().get(at) {
                Some(b'>') => return Some(at),
                Some(b'"') => {
                    let end = if self.has_open_quote { None } else { end_of_quotes(&inner[at..]) };
                    self.has_open_quote = end.is_none();
                    at += end.unwrap_or(1);
                }
                _ => break,
            }
        }
        self.left_to_look = self.left_to_look.saturating_sub(at);
        None
    }

    /// The contents of brackets: an address, a bare name, a source route, a list.
    fn within(&self, content: &str) -> AddressList {
        let content = content.trim();
        // RFC 5321 section 4.1.1.3: a source route is ignored.
        let host = content.find('[').unwrap_or(content.len());
        let route = content[..host].rfind(':').filter(|_| content.starts_with('@'));
        let address = route.map_or(content, |end| &content[end + 1..]);
        let found = Reader::new(address, self.aside, Depth::Inside).read();
        AddressList { is_irregular: found.is_irregular || route.is_some(), ..found }
    }

    /// Comments nest, RFC 5322 section 3.2.2.
    fn comment(&mut self) {
        if self.has_open_comment {
            return self.skip('(');
        }
        let Some(end) = end_of_comment(self.rest) else {
            if self.rest.contains([')', '\\']) {
                // It was meant to be one, and nothing in it is an address.
                self.list.is_irregular = true;
                self.list.words.push(self.rest.trim().to_string());
                self.rest = "";
            } else {
                self.has_open_comment = true;
                self.skip('(');
            }
            return;
        };
        let comment = unescaped(&self.rest[1..end - 1]);
        self.rest = &self.rest[end..];
        let of_last = self.list.mailboxes.last_mut().filter(|last| self.has_bracketed && last.name.is_none());
        match of_last.filter(|_| self.chunks.is_empty()) {
            Some(last) => last.name = display_name::read(comment, self.aside),
            None => self.comment = Some(comment),
        }
    }

    /// Text up to a blank or one of the characters that have a meaning.
    fn chunk(&mut self) {
        let start = self.rest;
        let mut chunk = Chunk { is_apart: std::mem::take(&mut self.has_stray), ..Chunk::default() };
        while let Some(c) = self.rest.chars().next() {
            match c {
                '"' => match self.quoted() {
                    Some(quoted) => {
                        chunk.is_quoted = chunk.text.is_empty();
                        chunk.text.push_str(quoted);
                        continue;
                    }
                    None => self.list.is_irregular = true,
                },
                '[' if chunk.text.ends_with('@') && !self.has_open_literal => match self.rest.find(']') {
                    // RFC 5321 section 4.1.3: an address literal holds colons.
                    Some(end) => {
                        chunk.text.push_str(&self.rest[..=end]);
                        self.rest = &self.rest[end + 1..];
                        continue;
                    }
                    None => {
                        self.has_open_literal = true;
                        chunk.text.push(c);
                    }
                },
                '@' | '\u{ff20}' => {
                    chunk.has_at = true;
                    chunk.is_quoted = false;
                    self.list.is_irregular |= c != '@';
                    chunk.text.push('@');
                }
                ',' | ';' | ':' | '<' | '>' | '(' | ')' => break,
                c if self.is_wide_separator(c, chunk.has_at) || self.is_wide_colon(c) => break,
                c if c.is_whitespace() => break,
                c => {
                    chunk.is_quoted = false;
                    chunk.text.push(c);
                }
            }
            self.rest = &self.rest[c.len_utf8()..];
        }
        if self.begins_shell_comment(start) {
            self.list.is_irregular = true;
            self.list.remark = Some(start.trim().to_string());
            self.rest = "";
        } else if !chunk.text.is_empty() {
            self.has_at |= chunk.has_at;
            self.chunks.push(chunk);
        }
    }

    /// A comment as shells have it, which crontabs do not know. No address is in it.
    fn begins_shell_comment(&self, start: &str) -> bool {
        let is_behind_somebody = self.has_address() || !self.chunks.is_empty();
        start.starts_with('#') && is_behind_somebody && start.len() < self.last_at
    }

    /// A quoted string with its quotes, if it ends.
    fn quoted(&mut self) -> Option<&'a str> {
        let end = if self.has_open_quote { None } else { end_of_quotes(self.rest) };
        self.has_open_quote = end.is_none();
        let (quoted, rest) = self.rest.split_at(end?);
        self.rest = rest;
        Some(quoted)
    }
}
