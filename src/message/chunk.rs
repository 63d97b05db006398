//! The pieces of an address list: text between blanks, with the quoted strings and address literals in it whole.

/// Text without blanks outside of quotes and square brackets.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// As it was written.
    pub(super) text: String,
    /// An `@` stands outside of quotes.
    pub(super) has_at: bool,
    /// It is one quoted string.
    pub(super) is_quoted: bool,
    /// A bracket without its other half stands before it.
    pub(super) is_apart: bool,
}

impl Chunk {
    /// As a part of a display name.
    pub(super) fn spoken(&self) -> String {
        if self.is_quoted { unquoted(&self.text) } else { self.text.clone() }
    }
}

/// RFC 5322 section 4.4 lets blanks stand around the `@`.
pub(super) fn joined(chunks: Vec<Chunk>, is_irregular: &mut bool) -> Vec<Chunk> {
    let mut joined: Vec<Chunk> = Vec::new();
    for chunk in chunks {
        let is_half = |chunk: &Chunk| chunk.text.ends_with('@') && chunk.text.matches('@').count() == 1;
        match joined.last_mut() {
            Some(last) if !last.has_at && !chunk.is_apart && chunk.text.starts_with('@') => {
                last.text.push_str(&chunk.text);
                (last.has_at, last.is_quoted, *is_irregular) = (true, false, true);
            }
            Some(last) if is_half(last) && !chunk.is_apart && !chunk.has_at => {
                last.text.push_str(&chunk.text);
                *is_irregular = true;
            }
            _ => joined.push(chunk),
        }
    }
    joined
}

/// `'a@x'` out of a script whose quotes were taken for text. An apostrophe within a local part stays.
fn without_shell_quotes<'t>(text: &'t str) -> &'t str {
    const QUOTES: [(char, char); 4] = [('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];
    let inner = |text: &'t str| {
        QUOTES.iter().find_map(|(open, close)| text.strip_prefix(*open).and_then(|text| text.strip_suffix(*close)))
    };
    let mut text = text;
    while let Some(within) = inner(text) {
        text = within;
    }
    text
}

/// The word or address that is meant, without what scripts, languages and people leave around it: quotes of shells, the
/// brackets of a list or an object, the dot of a sentence or of a whole domain name, an escape that `echo` printed, and
/// characters that cannot be seen.
pub(super) fn bare(written: &str) -> String {
    let is_quoted = written.starts_with('"');
    let seen: String = written.chars().filter(|c| is_quoted || crate::lookalike::of(*c) != Some('\0')).collect();
    let mut text = seen.as_str();
    // Each round costs the length of the text: nobody nests them deeper.
    for _ in 0..4 {
        text = without_shell_quotes(text).trim_start_matches('[');
        text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let extra = text.matches(']').count().saturating_sub(text.matches('[').count());
        let ends = text.bytes().rev().take(extra).take_while(|byte| *byte == b']').count();
        text = &text[..text.len() - ends];
        let without_escape = ["\\r\\n", "\\n", "\\r", "\\t", "\\"].iter().find_map(|escape| text.strip_suffix(escape));
        text = without_escape.unwrap_or(text).trim_end_matches('.');
    }
    // Sendmail takes the backslash for one that keeps an alias away. Of a bare name it is told as it was written.
    if text.contains('@') { text.trim_start_matches('\\') } else { text }.to_owned()
}

/// The octets up to and with the quote that ends the string at the start.
pub(super) fn end_of_quotes(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The octets up to and with the bracket that ends the comment at the start.
pub(super) fn end_of_comment(text: &str) -> Option<usize> {
    let mut depth = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The content of a quoted string, RFC 5322 section 3.2.4; other text as it is.
pub(crate) fn unquoted(text: &str) -> String {
    let content = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    content.map_or_else(|| text.to_string(), unescaped)
}

pub(super) fn unescaped(text: &str) -> String {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}
