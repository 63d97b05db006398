//! A mailbox of RFC 5322 section 3.4: a display name and an address, the address as people and programs really write
//! it: bare user names, source routes, lists within brackets.
//!
//! `envelope` decides later whether an address can be used; this module only tells the parts apart.

use std::fmt::{self, Write as _};

use email_encoding::headers::{quoted_string, writer::EmailWriter};

use super::value::text;

/// A display name, if there is one, and the text in the place of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The display name, decoded.
    pub(crate) name: Option<String>,
    /// `local-part@domain`, or a bare local name.
    pub address: String,
}

impl Mailbox {
    /// Local part and domain; no domain for a bare name.
    pub(crate) fn parts(&self) -> (&str, Option<&str>) {
        match self.address.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (&self.address, None),
        }
    }
}

/// In wire form: the name is quoted, or RFC 2047 encoded and folded, if it must be.
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else { return f.write_str(&self.address) };
        if name.bytes().all(|b| (32..127).contains(&b)) {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            return write!(f, "\"{name}\" <{}>", self.address);
        }
        let mut out = String::new();
        {
            let mut writer = EmailWriter::new(&mut out, 16, 0, false);
            quoted_string::encode(name, &mut writer)?;
            writer.space();
            write!(writer.folding(), "<{}>", self.address)?;
        }
        f.write_str(&out)
    }
}

/// True if an argument, whose parts may be a stranger's, can be read as addresses. It has no control character within,
/// but line ends between lines that are lists by themselves, as `mail "$(cat list)"` has them. It has no group of RFC
/// 5322 section 3.4 whose name holds an address: a reader of groups takes `a@x Foo: b@y` for b@y alone.
pub(crate) fn may_be_addresses(argument: &[u8]) -> bool {
    let text = text(argument);
    let mut lines = text.trim().lines().filter(|line| !line.trim().is_empty()).peekable();
    let Some(first) = lines.next() else { return may_be_list("") };
    if lines.peek().is_none() {
        return may_be_list(first);
    }
    let is_whole = |line: &str| outside(line).is_some_and(|outside| !outside.contains(['>', ')', ']']));
    let is_plain = |line: &str| !line.contains(':') && is_whole(line) && may_be_list(line);
    is_plain(first) && lines.all(is_plain)
}

/// As [`may_be_addresses`], for one line.
fn may_be_list(text: &str) -> bool {
    let text = text.trim();
    let outside = outside(text).unwrap_or_else(|| text.to_string());
    // The text after the last colon is in no group's name.
    let mut names: Vec<&str> = outside.split(':').collect();
    names.pop();
    !text.contains(|c: char| c.is_control() && c != '\t') && !names.into_iter().any(holds_address)
}

/// The name of a group, after the members of the one before it; a source route is no group.
fn holds_address(before_colon: &str) -> bool {
    let name = before_colon.rsplit([',', ';']).next().unwrap_or_default().trim();
    name.contains('@') && (!name.starts_with('@') || name.contains(char::is_whitespace))
}

/// The text without all that stands in quotes and brackets; `None` if one of them has no end.
fn outside(text: &str) -> Option<String> {
    let (mut out, mut until, mut chars) = (String::new(), None, text.chars());
    while let Some(c) = chars.next() {
        match (until, c) {
            (Some('"' | ')'), '\\') => drop(chars.next()),
            (Some(end), _) => until = Some(end).filter(|end| *end != c),
            (None, '"') => until = Some('"'),
            (None, '(') => until = Some(')'),
            (None, '<') => until = Some('>'),
            (None, '[') => until = Some(']'),
            (None, _) => out.push(c),
        }
    }
    until.is_none().then_some(out)
}

/// A character of an atom, RFC 5322 section 3.2.3.
fn is_atext(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// Atoms and dots, and the dots do not stand between atoms as RFC 5321 section 4.1.2 wants it.
pub(crate) fn has_odd_dots(local: &str) -> bool {
    local.chars().all(|c| c == '.' || is_atext(c)) && local.split('.').any(str::is_empty)
}

/// A local part, in quotes if it needs them, RFC 5321 section 4.1.2.
pub(crate) fn quoted(local: &str) -> String {
    let is_dot_atom = local.split('.').all(|part| !part.is_empty() && part.chars().all(is_atext));
    if is_dot_atom || (local.len() > 1 && local.starts_with('"') && local.ends_with('"')) {
        return local.to_string();
    }
    format!("\"{}\"", local.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(value: &str) -> Vec<String> {
        Mailbox::list(value.as_bytes()).into_iter().map(|m| m.address).collect()
    }

    fn first(value: &str) -> Mailbox {
        Mailbox::list(value.as_bytes()).remove(0)
    }

    #[test]
    fn bare_names_are_addresses() {
        assert_eq!(addresses("root"), ["root"]);
        assert_eq!(addresses("<root>"), ["root"]);
        assert_eq!(addresses("a@b, root"), ["a@b", "root"]);
        assert_eq!(first("root (Cron Daemon)"), Mailbox { name: Some("Cron Daemon".into()), address: "root".into() });
        assert_eq!(first("\"(Cron Daemon)\" <root>").name.as_deref(), Some("(Cron Daemon)"));
    }

    #[test]
    fn lists_in_odd_wrappings_are_opened() {
        assert_eq!(addresses("<a@x,b@x>"), ["a@x", "b@x"]);
        assert_eq!(addresses("\"a@x, b@x\""), ["a@x", "b@x"]);
        assert_eq!(addresses("\"a@x,"), ["a@x"]);
        assert_eq!(addresses("a@b; c@d"), ["a@b", "c@d"]);
        assert_eq!(addresses("a@b c@d"), ["a@b", "c@d"]);
        assert_eq!(addresses("a@x,,b@x"), ["a@x", "b@x"]);
        assert_eq!(addresses("g: a@x, b@y;, c@z"), ["a@x", "b@y", "c@z"]);
        assert_eq!(addresses("<@r1,@r2:a@x>"), ["a@x"]);
    }

    #[test]
    fn argument_leads_to_no_address_behind_another() {
        let no_address = [
            "a@x\nBcc: b@y",
            "a@x\n<b@y\nc@z>",
            "a@x\nb\u{7}@y",
            "a@x Foo: b@y",
            "a@x Foo: b@y;",
            "c@z, a@x Foo: b@y",
            "@x Foo: b@y",
            "a@x:b@y",
            "\"a@x Foo: b@y",
            "a@x (Foo: b@y",
            "<a@x Foo: b@y",
            "a@x> SIZE=1\r\nRCPT TO:<b@y",
            "a@x\u{1b}b@y",
        ];
        for argument in no_address {
            assert_eq!(Mailbox::of_argument(argument.as_bytes()), [], "{argument:?}");
        }
        let addresses = [
            "a@x\n",
            "g: a@x, b@y;",
            "g: a@x; h: b@y;",
            "<@r1,@r2:a@x>",
            "\"a: b@y\" <a@x>",
            "a@x (b@y: c)",
            "a@[IPv6:2001:db8::1]",
            "a@x,\tb@y",
            "a@x\nb@y\n\n  Al <c@z>, root\r\n",
        ];
        for argument in addresses {
            assert_eq!(Mailbox::of_argument(argument.as_bytes()), Mailbox::list(argument.as_bytes()), "{argument:?}");
            assert_ne!(Mailbox::of_argument(argument.as_bytes()), [], "{argument:?}");
        }
    }

    #[test]
    fn nothing_in_an_encoded_word_becomes_an_address() {
        for value in [
            "=?utf-8?q?x=2Cvictim=40elsewhere.example?=",
            "=?utf-8?q?victim=40elsewhere.example?=",
            "=?utf-8?b?dmljdGltQGVsc2V3aGVyZS5leGFtcGxl?=",
            "<=?utf-8?q?victim=40elsewhere.example?=>",
            "\"=?utf-8?q?victim=40elsewhere.example?=\"",
            "=?utf-8?q?x?=, =?utf-8?q?victim=40elsewhere.example?=",
            "=?utf-8?q?root?=",
            "=?utf-8?q?x,victim@elsewhere.example?=",
            "=?utf-8?q?=3Cvictim=40elsewhere.example=3E?=",
        ] {
            assert_eq!(addresses(value), [""; 0], "{value}");
        }
        for (value, address, name) in [
            ("=?utf-8?q?Smith=2C_J=C3=BCrg?= <a@x>", "a@x", "Smith, Jürg"),
            ("=?utf-8?q?a=40b=2Cc?= =?utf-8?q?_d?= <a@x>", "a@x", "a@b,c d"),
            ("a@x (=?utf-8?q?b=40y?=)", "a@x", "b@y"),
            ("\"=?utf-8?q?J=C3=BCrg?=\" <a@x>", "a@x", "Jürg"),
        ] {
            assert_eq!(Mailbox::list(value.as_bytes()), [Mailbox { name: Some(name.into()), address: address.into() }]);
        }
        let long = "A".repeat(2100);
        for broken in [
            format!("=?utf-8?Q?{long},victim@elsewhere.example,?= <a@x>"),
            format!("=?utf-8?Q?{long}<victim@elsewhere.example>?= <a@x>"),
            "=?utf-8?Q?is it ok? , victim@elsewhere.example ,?= <a@x>".into(),
            "=?utf-8?Q?is it <ok? , victim@elsewhere.example ,?= <a@x>".into(),
            "=?utf-8?Q?cut off, victim@elsewhere.example <a@x>".into(),
            "=?utf-8?Q?cut off? victim@elsewhere.example <a@x>, =?utf-8?Q?B?=".into(),
        ] {
            assert_eq!(addresses(&broken), ["a@x"], "{broken}");
        }
        assert_eq!(addresses("=?utf-8?q?victim?=@x"), ["=?utf-8?q?victim?=@x"], "an atom like any other");
    }

    #[test]
    fn quoted_local_parts_survive() {
        assert_eq!(addresses("\"odd name\"@x.y"), ["\"odd name\"@x.y"]);
        assert_eq!(addresses("\"a@evil.example x\"@x.y"), ["\"a@evil.example x\"@x.y"], "one address, at x.y");
        assert_eq!(addresses("\"<a@evil.example>\"@x.y"), ["\"<a@evil.example>\"@x.y"]);
        assert_eq!(quoted("a..b"), "\"a..b\"");
        assert_eq!(quoted("a+b.c"), "a+b.c");
    }

    #[test]
    fn nothing_yields_nothing() {
        for value in ["", "\"\"", "undisclosed-recipients:;", " , ,", "Cron Daemon"] {
            assert!(addresses(value).is_empty(), "{value}");
        }
    }

    #[test]
    fn wire_form_is_legal() {
        let cron = Mailbox { name: Some("Cron Daemon (root@web1)".into()), address: "a@x.org".into() };
        assert_eq!(cron.to_string(), "\"Cron Daemon (root@web1)\" <a@x.org>");
        let utf8 = Mailbox { name: Some("备份".into()), address: "a@x.org".into() };
        assert_eq!(utf8.to_string(), "=?utf-8?b?5aSH5Lu9?= <a@x.org>");
        assert_eq!(Mailbox { name: None, address: "a@x.org".into() }.to_string(), "a@x.org");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            for mailbox in Mailbox::list(&value) {
                proptest::prop_assert!(!mailbox.address.contains(['\r', '\n', '\0']));
                proptest::prop_assert!(!mailbox.to_string().contains('\0'));
            }
        }
    }
}
