//! Full-width marks, as an input method types them for `<`, `>`, `(` and `)`. They stand in names too, so they are
//! read as marks only where a pair of them has one reading.

use std::borrow::Cow;

/// Marks that open and close, in each width.
const OPENING: [char; 4] = ['<', '\u{ff1c}', '(', '\u{ff08}'];
const CLOSING: [char; 4] = ['>', '\u{ff1e}', ')', '\u{ff09}'];

/// The text with the brackets of ASCII in place of full-width ones: around an address, and around a remark in
/// `\u{ff08}\u{ff09}`. Text in quotes stays.
pub(super) fn with_plain_brackets(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{ff1c}', '\u{ff1e}', '\u{ff08}', '\u{ff09}']) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest, mut is_quoted) = (String::with_capacity(text.len()), text, false);
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        is_quoted ^= c == '"';
        let is_opening = !is_quoted && OPENING.contains(&c);
        let is_mark = |c: char| OPENING.contains(&c) || CLOSING.contains(&c);
        let inner = is_opening.then(|| behind.split(is_mark).next().unwrap_or_default());
        let close = inner.and_then(|inner| behind[inner.len()..].chars().next());
        match inner.and_then(|inner| Some((inner, pair(c, inner, close)?))) {
            Some((inner, (open, Some(plain)))) => {
                out.push(open);
                out.push_str(inner);
                out.push(plain);
                rest = &behind[inner.len() + close.map_or(0, char::len_utf8)..];
            }
            Some((_, (open, None))) => {
                out.push(open);
                rest = behind;
            }
            None => {
                out.push(c);
                rest = behind;
            }
        }
    }
    Cow::Owned(out)
}

/// The marks of ASCII for those around `inner`; `None` if they stand for themselves. A bracket may lack its other half.
fn pair(open: char, inner: &str, close: Option<char>) -> Option<(char, Option<char>)> {
    let has_address = inner.contains(['@', '\u{ff20}']);
    let is_wide = !open.is_ascii() || close.is_some_and(|close| !close.is_ascii());
    match (open, close) {
        _ if !is_wide => None,
        ('<' | '\u{ff1c}', Some('>' | '\u{ff1e}')) if has_address => Some(('<', Some('>'))),
        ('\u{ff1c}', _) if has_address => Some(('<', None)),
        // `(a@x)` is a comment by the standard. No standard says that of the wide ones, and people mean the address.
        ('\u{ff08}', Some(')' | '\u{ff09}')) if has_address => Some(('<', Some('>'))),
        ('(' | '\u{ff08}', Some(')' | '\u{ff09}')) => Some(('(', Some(')'))),
        _ => None,
    }
}

/// A comma or a semicolon of another width.
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, '\u{ff0c}' | '\u{3001}' | '\u{ff1b}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_is_plain_where_it_has_one_reading() {
        for (text, plain) in [
            ("＜a@x＞", "<a@x>"),
            ("张三<a@x＞，李四＜b＠y>", "张三<a@x>，李四<b＠y>"),
            ("张三（a@x）", "张三<a@x>"),
            ("张三（运维）<a@x>", "张三(运维)<a@x>"),
            ("＜重要＞ <a@x>", "＜重要＞ <a@x>"),
            ("\"＜a@x＞\" <b@y>", "\"＜a@x＞\" <b@y>"),
            ("张三＜a@x, b@y", "张三<a@x, b@y"),
            ("a@x＞", "a@x＞"),
        ] {
            assert_eq!(with_plain_brackets(text), plain);
        }
    }
}
