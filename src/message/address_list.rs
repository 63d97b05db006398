//! An address list (RFC 5322 section 3.4) as people and programs write it: without commas, with names before an address
//! and no brackets around it, with brackets that have no end, with a comment of a shell behind it. Whoever is plainly
//! meant is found, and nobody else: no address is made of two, or of a word.

use super::chunk::{Chunk, end_of_comment, end_of_quotes, joined, unescaped, unquoted, without_shell_quotes};
use super::encoded_word::SetAside;
use super::mailbox::{Mailbox, may_be_addresses};
use super::value::{decoded, text};

/// The addresses that were found in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressList {
    /// Those who are meant, in the order they were written.
    pub(crate) mailboxes: Vec<Mailbox>,
    /// Words that stand beside addresses, or beside each other: names of users, or text.
    pub(crate) words: Vec<String>,
    /// Something is not as the standard wants it.
    pub(crate) is_irregular: bool,
}

impl AddressList {
    /// Reads the value of an address field, or a list out of another place.
    pub(crate) fn read(value: &[u8]) -> Self {
        // Line ends are folds here, and no address holds them.
        let aside = SetAside::of(&text(value).replace(['\r', '\n', '\0'], " "));
        Reader::new(&aside.value, &aside, Depth::Outside).read()
    }
}

impl Mailbox {
    /// The mailboxes in one argument of a command; empty unless [`may_be_addresses`] accepts it.
    pub(crate) fn of_argument(argument: &[u8]) -> Vec<Self> {
        if may_be_addresses(argument) { Self::list(argument) } else { Vec::new() }
    }

    /// The mailboxes in the value of an address field.
    pub fn list(value: &[u8]) -> Vec<Self> {
        AddressList::read(value).mailboxes
    }

    /// It can stand in an address field, and whoever reads it there reads the same address. RFC 6532 section 3.2: one
    /// beyond ASCII cannot, until every server on the way is known to offer SMTPUTF8.
    pub(crate) fn is_readable(&self) -> bool {
        let read = Self::list(self.to_string().as_bytes());
        self.address.is_ascii() && matches!(read.as_slice(), [only] if only.address == self.address)
    }
}

/// The place of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Outside,
    /// Within brackets or quotes, where no further list is opened.
    Inside,
}

struct Reader<'a> {
    rest: &'a str,
    aside: &'a SetAside,
    depth: Depth,
    list: AddressList,
    /// The text since the last comma or address in brackets.
    chunks: Vec<Chunk>,
    /// The comment that came since the last comma.
    comment: Option<String>,
    /// An address came in brackets since the last comma: words after it are text.
    has_bracketed: bool,
    /// A colon came behind an address: a single word after it is text.
    is_odd: bool,
    /// `mailto:` came before the address.
    is_url: bool,
    is_in_group: bool,
    /// An address has to come: the last separator was a comma, or there was no separator yet.
    is_awaiting: bool,
    /// A bracket without its other half came.
    has_stray: bool,
    /// The last item was a bare name with a capital, which no user of Unix has.
    follows_bare_name: bool,
    /// No further quote ends, no further address literal, no further comment: they are not looked for again.
    has_open_quote: bool,
    has_open_literal: bool,
    has_open_comment: bool,
    /// The octets from the last `@` to the end of all.
    last_at: usize,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a str, aside: &'a SetAside, depth: Depth) -> Self {
        Self {
            rest,
            aside,
            depth,
            list: AddressList::default(),
            chunks: Vec::new(),
            comment: None,
            has_bracketed: false,
            is_odd: false,
            is_url: false,
            is_in_group: false,
            is_awaiting: true,
            has_stray: false,
            follows_bare_name: false,
            has_open_quote: false,
            has_open_literal: false,
            has_open_comment: false,
            last_at: rest.rfind('@').map_or(usize::MAX, |at| rest.len() - at),
        }
    }

    fn read(mut self) -> AddressList {
        while let Some(c) = self.rest.chars().next() {
            match c {
                ',' | '\u{ff0c}' if c == ',' || self.ends_at_wide_comma() => self.separator(c, true),
                ';' => {
                    let is_regular = std::mem::take(&mut self.is_in_group);
                    self.separator(c, is_regular);
                }
                ':' => self.colon(),
                '<' => self.bracket(),
                '(' => self.comment(),
                '>' | ')' => self.skip(c),
                c if c.is_whitespace() => self.rest = &self.rest[c.len_utf8()..],
                _ => self.chunk(),
            }
        }
        self.list.is_irregular |= self.is_awaiting && self.is_item_empty();
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
        self.has_bracketed || self.chunks.iter().any(|chunk| chunk.has_at)
    }

    /// A full-width comma stands in names too.
    fn ends_at_wide_comma(&self) -> bool {
        self.chunks.last().is_some_and(|chunk| chunk.has_at)
    }

    /// The text before it is the name of a group, which is nobody; or `mailto`, or an address.
    fn colon(&mut self) {
        self.rest = &self.rest[1..];
        // RFC 5321 section 4.1.1.3: a source route is ignored.
        let is_route = matches!(self.chunks.as_slice(), [only] if only.text.starts_with('@'));
        let has_address = !is_route && self.has_address();
        self.is_url = matches!(self.chunks.as_slice(), [only] if only.text.eq_ignore_ascii_case("mailto"));
        self.list.is_irregular |= has_address || is_route || self.is_url;
        if has_address {
            self.end_item();
            self.is_odd = true;
        } else {
            self.is_in_group = !self.is_url && !is_route;
            self.is_awaiting &= !self.is_in_group;
            self.chunks.clear();
        }
    }

    /// `<address>`, with the chunks before it for a name.
    fn bracket(&mut self) {
        let inner = &self.rest[1..];
        let Some(end) = self.end_of_bracket(inner) else {
            // It has no end: what stands behind it is an address all the same, and what stood before it its name.
            self.chunks.clear();
            return self.skip('<');
        };
        self.rest = &inner[end + 1..];
        if std::mem::take(&mut self.follows_bare_name) && self.chunks.iter().any(|chunk| !chunk.is_quoted) {
            // `Smith, John <a@x>` without its quotes, more likely than a user before a person.
            self.list.is_irregular = true;
            self.list.words.extend(self.list.mailboxes.pop().map(|bare| bare.address));
        }
        let name = self.taken_name();
        let (found, words, is_irregular) = self.within(&inner[..end]);
        self.list.is_irregular |= is_irregular || self.has_bracketed || found.len() != 1;
        self.has_bracketed = true;
        self.list.words.extend(words);
        match <[Mailbox; 1]>::try_from(found) {
            Ok([only]) => self.list.mailboxes.push(Mailbox { name, ..only }),
            Err(several) => self.list.mailboxes.extend(several),
        }
    }

    /// The place of the `>` that ends a bracket, whose quoted strings may hold some.
    fn end_of_bracket(&mut self, inner: &str) -> Option<usize> {
        let mut at = 0;
        loop {
            at += inner[at..].find(['<', '>', '"'])?;
            match inner.as_bytes()[at] {
                b'>' => return Some(at),
                b'<' => return None,
                _ => {
                    let end = if self.has_open_quote { None } else { end_of_quotes(&inner[at..]) };
                    self.has_open_quote = end.is_none();
                    at += end.unwrap_or(1);
                }
            }
        }
    }

    /// The contents of brackets: an address, a bare name, a source route, a list.
    fn within(&self, content: &str) -> (Vec<Mailbox>, Vec<String>, bool) {
        let content = content.trim();
        // RFC 5321 section 4.1.1.3: a source route is ignored.
        let host = content.find('[').unwrap_or(content.len());
        let route = content[..host].rfind(':').filter(|_| content.starts_with('@'));
        let address = route.map_or(content, |end| &content[end + 1..]);
        let found = Reader::new(address, self.aside, Depth::Inside).read();
        (found.mailboxes, found.words, found.is_irregular || route.is_some())
    }

    /// Comments nest, RFC 5322 section 3.2.2.
    fn comment(&mut self) {
        let end = if self.has_open_comment { None } else { end_of_comment(self.rest) };
        let Some(end) = end else {
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
            Some(last) => last.name = name(comment, self.aside),
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
                '\u{ff0c}' if chunk.has_at => break,
                c if c.is_whitespace() => break,
                c => {
                    chunk.is_quoted = false;
                    chunk.text.push(c);
                }
            }
            self.rest = &self.rest[c.len_utf8()..];
        }
        if start.starts_with('#') && self.has_address() && start.len() < self.last_at {
            // A comment as shells have it, which crontabs do not know. No address is in it.
            self.list.is_irregular = true;
            self.list.words.push(start.trim().to_string());
            self.rest = "";
        } else if !chunk.text.is_empty() {
            self.chunks.push(chunk);
        }
    }

    /// A quoted string with its quotes, if it ends.
    fn quoted(&mut self) -> Option<&'a str> {
        let end = if self.has_open_quote { None } else { end_of_quotes(self.rest) };
        self.has_open_quote = end.is_none();
        let (quoted, rest) = self.rest.split_at(end?);
        self.rest = rest;
        Some(quoted)
    }

    /// A comma, or the end of all.
    fn end_item(&mut self) {
        let chunks = joined(std::mem::take(&mut self.chunks), &mut self.list.is_irregular);
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
            let name = comment.and_then(|comment| name(comment, self.aside));
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
        let name = comment.and_then(|comment| name(comment, self.aside));
        self.list.mailboxes.push(Mailbox { name, address: self.aside.restored(address) });
    }

    /// The chunks before a bracket, or the comment, as a display name.
    fn taken_name(&mut self) -> Option<String> {
        let words: Vec<String> = std::mem::take(&mut self.chunks).iter().map(Chunk::spoken).collect();
        let comment = self.comment.take();
        let written = match (words.is_empty(), comment) {
            (true, comment) => comment?,
            (false, Some(comment)) => format!("{} ({comment})", words.join(" ")),
            (false, None) => words.join(" "),
        };
        name(written, self.aside)
    }
}

/// A display name as people read it; `None` if nothing of it is left.
fn name(written: String, aside: &SetAside) -> Option<String> {
    let restored = aside.restored(&written);
    let name = if SetAside::is_in(&written) { decoded(restored.as_bytes()) } else { restored };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(value: &str) -> Vec<String> {
        AddressList::read(value.as_bytes()).mailboxes.into_iter().map(|mailbox| mailbox.address).collect()
    }

    #[test]
    fn lists_as_people_type_them_name_those_who_are_meant() {
        for (value, expected) in [
            ("a@x, b@y ", &["a@x", "b@y"][..]),
            ("\t a@x ,b@y,", &["a@x", "b@y"]),
            ("a@x b@y", &["a@x", "b@y"]),
            ("<a@x> <b@y>", &["a@x", "b@y"]),
            ("<a@x>\r\n <b@y>", &["a@x", "b@y"]),
            ("Al <a@x> Bo <b@y>", &["a@x", "b@y"]),
            ("a @x", &["a@x"]),
            ("a@ x", &["a@x"]),
            ("a @ x, b@y", &["a@x", "b@y"]),
            ("\"A L\" a@x, \"B O\" b@y", &["a@x", "b@y"]),
            ("Al a@x", &["a@x"]),
            ("Al Pha <a@x, Bo <b@y, c@z", &["a@x", "b@y", "c@z"]),
            ("<<a@x>>", &["a@x"]),
            ("Al <mailto:a@x?subject=s>", &["a@x"]),
            ("mailto:a@x", &["a@x"]),
            ("Pat <\"a\\\"b\"@x>", &["\"a\\\"b\"@x"]),
            ("\"a,b\"@x, \"odd user\"@y", &["\"a,b\"@x", "\"odd user\"@y"]),
            ("o'neil@x, 'a@x', ''b@y''", &["o'neil@x", "a@x", "b@y"]),
            ("a@[IPv6:2001:db8::1], <b@[IPv6:::1]>", &["a@[IPv6:2001:db8::1]", "b@[IPv6:::1]"]),
            ("ops@x # the team, all of it", &["ops@x"]),
            ("ops@x # the team, and b@y", &["ops@x", "b@y"]),
            ("b@y, #1 Support <a@x>", &["b@y", "a@x"]),
            ("#1 Support <a@x>", &["a@x"]),
            ("c@x,\n # boss,\n d@x", &["c@x", "d@x"]),
            ("b@y (see (ticket, evil@z)", &["b@y"]),
            ("b@y (a \\) , evil@z (b)", &["b@y"]),
            ("=?UTF-8?Q?Really?<evil@z>?= <b@y>", &["b@y"]),
            ("<\"a>b\"@x>", &["\"a>b\"@x"]),
            ("Smith, John <j@x>", &["j@x"]),
            ("root, \"John\" <j@x>", &["root", "j@x"]),
            ("bob, John <j@x>", &["bob", "j@x"]),
            ("@[@[a@x", &["@[@[a@x"]),
            ("#x!$%&*?^_`{|}~@x", &["#x!$%&*?^_`{|}~@x"]),
            ("a@x\u{ff0c}b\u{ff20}y", &["a@x", "b@y"]),
            ("\u{5907}\u{4efd}\u{ff0c}x <a@x>", &["a@x"]),
            ("\"Visitor\" <>", &[]),
            ("<>", &[]),
            ("<a@x> Smith, b@y", &["a@x", "b@y"]),
            ("a@x (boss, b@y", &["a@x", "b@y"]),
            ("a@x:25", &["a@x"]),
            ("a@x Foo: b@y", &["a@x", "b@y"]),
            ("<@r1,@r2:a@x>", &["a@x"]),
            ("@corp.test:root", &["root"]),
            ("<odd user>", &[]),
        ] {
            assert_eq!(addresses(value), expected, "{value}");
        }
    }

    #[test]
    fn words_beside_addresses_are_told_apart() {
        for (value, words) in [
            ("root a@x", &["root"][..]),
            ("a@x b@y root", &["root"]),
            ("root alice", &["root", "alice"]),
            ("a@x, root", &[]),
            ("\"A L\" a@x", &[]),
            ("Al <a@x>", &[]),
            ("Al a@x", &["Al"]),
        ] {
            assert_eq!(AddressList::read(value.as_bytes()).words, words, "{value}");
        }
    }

    #[test]
    fn names_are_found_where_they_stand() {
        for (value, name) in [
            ("Al Pha <a@x>", Some("Al Pha")),
            ("\"Pha, \\\"Al\\\"\" <a@x>", Some("Pha, \"Al\"")),
            ("<a@x> (Robot)", Some("Robot")),
            ("a@x (Ro(b)ot)", Some("Ro(b)ot")),
            ("\"A L\" a@x", Some("A L")),
            ("a@x", None),
            ("\"\" <a@x>", None),
        ] {
            assert_eq!(AddressList::read(value.as_bytes()).mailboxes[0].name.as_deref(), name, "{value}");
        }
    }

    #[test]
    fn what_the_standard_allows_is_regular() {
        for value in ["a@x", "Al <a@x>, b@y", "g: a@x, b@y;", "undisclosed-recipients:;", "\"A, L\" <a@x> (c)", "root"]
        {
            assert!(!AddressList::read(value.as_bytes()).is_irregular, "{value}");
        }
        for value in ["<a@x> <b@y>", "a@x b@y", "a@x,", "Al <a@x", "a @x", "'a@x'", "a@x # c", "a@x; b@y", "Al a@x"] {
            assert!(AddressList::read(value.as_bytes()).is_irregular, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_address_is_made_up(
            parts in proptest::collection::vec(
                (
                    proptest::sample::select(&["a@x", "\"b>c\"@y", "d@[1:2]", "\"e,f\"@z", "Al", "\"A, L\""][..]),
                    proptest::sample::select(
                        &[", ", " ", ";", " (c@d) ", " (x ", " <", "> ", "> <", " # t ", ": ", " mailto:", ",,", "("][..],
                    ),
                ),
                0..6,
            ),
        ) {
            let value: String = parts.iter().map(|(word, between)| format!("{word}{between}")).collect();
            let written = |address: &str| parts.iter().any(|(word, _)| *word == address);
            for Mailbox { address, .. } in AddressList::read(value.as_bytes()).mailboxes {
                proptest::prop_assert!(!address.contains('@') || written(&address), "{value:?}: {address:?}");
            }
        }

        #[test]
        fn any_value_is_read(value in "[a-c@. ,;:<>()\"'\\\\#\\[\\]]{0,60}") {
            let _ = AddressList::read(value.as_bytes());
        }

        #[test]
        fn regular_lists_are_read_as_mail_parser_reads_them(
            list in proptest::collection::vec(("[A-Z][a-z]{0,5}( [A-Z][a-z]{0,5})?|\"[a-z, .@]{1,8}\"|", "[a-z]{1,5}(\\.[a-z]{1,3})?", "[a-z]{1,5}\\.[a-z]{2}"), 1..5),
        ) {
            let written: Vec<String> = list.iter().map(|(name, local, domain)| match name.is_empty() {
                true => format!("{local}@{domain}"),
                false => format!("{name} <{local}@{domain}>"),
            }).collect();
            let field = format!("To: {}\r\n\r\n", written.join(", "));
            let message = mail_parser::MessageParser::new().parse(field.as_bytes()).unwrap();
            let theirs: Vec<_> = message.to().unwrap().iter()
                .map(|each| (each.name().map(|n| n.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|n| !n.is_empty()), each.address().unwrap_or_default().to_string()))
                .collect();
            let read = AddressList::read(written.join(", ").as_bytes());
            let ours: Vec<_> = read.mailboxes.into_iter().map(|mailbox| (mailbox.name, mailbox.address)).collect();
            proptest::prop_assert!(!read.is_irregular && read.words.is_empty());
            proptest::prop_assert_eq!(ours, theirs);
        }
    }
}
