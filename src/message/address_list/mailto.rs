//! `mailto:` URLs (RFC 6068) in a list: people copy them out of pages, and pages out of templates.

use super::super::mailbox::Mailbox;

/// A URL in a list.
#[derive(Debug, Default)]
pub(super) struct Url {
    /// Those whom it names.
    pub(super) people: Vec<Mailbox>,
    /// Its parts that should be addresses and are not, and those of its `bcc`: a link must not name somebody whom the
    /// others do not see (RFC 6068 section 7).
    pub(super) words: Vec<String>,
    /// Its octets.
    pub(super) length: usize,
}

/// The URL at the start of the text, behind `mailto:`. It ends at a blank, a quote or a bracket, and does not hold the
/// separator that stands there.
pub(super) fn read(text: &str) -> Url {
    let is_end = |c: char| c.is_whitespace() || "<>\"()".contains(c);
    let url = text.split(is_end).next().unwrap_or_default().trim_end_matches([',', ';', '\'', '.']);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut found = Url { length: url.len(), ..Url::default() };
    for each in path.trim_start_matches('/').split([',', ';']) {
        take(each, &mut found.people, &mut found.words);
    }
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let name = name.trim_start_matches("amp;").to_ascii_lowercase();
        match name.as_str() {
            // Programs encode the whole value, its commas too.
            "to" | "cc" => {
                decoded(value).split([',', ';']).for_each(|each| take(each, &mut found.people, &mut found.words));
            }
            "bcc" => found.words.push(format!("bcc={value}")),
            _ => {}
        }
    }
    found
}

/// One address, or a word if it is not one in plain letters: an encoded character must not end a field or a list.
fn take(written: &str, people: &mut Vec<Mailbox>, words: &mut Vec<String>) {
    let written = written.trim();
    let bare = if written.len() > 7 && written.is_char_boundary(7) && written[..7].eq_ignore_ascii_case("mailto:") {
        &written[7..]
    } else {
        written
    };
    let address = decoded(bare);
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || ",;:<>()[]\\\"".contains(c);
    if address.contains(is_odd) {
        words.push(written.to_string());
    } else if !address.is_empty() {
        people.push(Mailbox { name: None, address });
    }
}

/// RFC 3986 section 2.1; a percent sign that encodes nothing stays.
fn decoded(text: &str) -> String {
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                octets.extend(u8::try_from(high * 16 + low));
                rest = &tail[2..];
            }
            _ => {
                octets.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(octets).unwrap_or_else(|_| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_whom_a_url_names_in_sight_are_found() {
        for (url, people, words) in [
            ("a@x", "a@x", ""),
            ("//a@x?subject=Re:%20b@y,c", "a@x", ""),
            ("a@x,b%2Bc@y;d@z", "a@x b+c@y d@z", ""),
            ("a%40x?CC=b@y%2Cc@z&amp;bcc=d@z&body=e@z", "a@x b@y c@z", "bcc=d@z"),
            ("?to=a@x", "a@x", ""),
            ("a@x,mailto:b@y?cc=mailto:c@z", "a@x b@y c@z", ""),
            ("a%0D%0ABcc:b@y", "", "a%0D%0ABcc:b@y"),
            ("a@x?cc=b%3Cc@y%3E", "a@x", "b<c@y>"),
            ("100%@x", "100%@x", ""),
            ("a%ff@x", "a%ff@x", ""),
        ] {
            let Url { people: shown, words: others, length } = read(&format!("{url}, other@x"));
            let joined = |all: &[Mailbox]| all.iter().map(|one| one.address.clone()).collect::<Vec<_>>().join(" ");
            let found = (joined(&shown), others.join(" "), length);
            assert_eq!(found, (people.into(), words.into(), url.len()), "{url}");
        }
    }
}
