//! An address list (RFC 5322 section 3.4) as people and programs write it: without commas, with names before an address
//! and no brackets around it, with brackets that have no end, with a comment of a shell behind it. Whoever is plainly
//! meant is found, and nobody else: no address is made of two, or of a word.
//!
//! `reader` divides the text into chunks, `item` says who is meant by those between two commas. `wide` knows marks of
//! another width, `mailto` the URL.

mod display_name;
mod item;
mod mailto;
mod reader;
mod wide;

pub(crate) use self::reader::AddressList;
use super::mailbox::{Mailbox, may_be_addresses};

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
            ("\"a@x\" \"b@y\"", &["a@x", "b@y"]),
            ("\"a@x, b@y\" root", &["a@x", "b@y"]),
            ("root \"a@x\"", &["a@x"]),
            ("<a@x> \"b@y\"", &["a@x", "b@y"]),
            ("b@y \"a@x\"", &["b@y", "a@x"]),
            ("\"b@y\" a@x", &["a@x"]),
            ("\"b@y\" <a@x>", &["a@x"]),
            ("\"b@y\" \"c@z\" <a@x>", &["a@x"]),
            ("mailto:a@x,b@y?cc=c@z", &["a@x", "b@y", "c@z"]),
            ("mailto:a@x?cc=c@z, b?c@y", &["a@x", "c@z", "b?c@y"]),
            ("<mailto:a@x?bcc=c@z&body=d,e@z>, b@y", &["a@x", "b@y"]),
            ("http://x/a@b, c@z", &["c@z"]),
            ("a@x\u{ff1b}b\u{ff20}y\u{3001}root", &["a@x", "b@y", "root"]),
            ("root\u{ff0c}a@x", &["root", "a@x"]),
            ("\u{5f20}\u{4e09}\u{ff1a}a@x", &["a@x"]),
            ("\u{5f20}\u{ff1c}a@x\u{ff1e}\u{ff0c}\u{674e}\u{ff08}b@y\u{ff09}", &["a@x", "b@y"]),
            ("\u{feff}a@x\u{200b}, \u{200b}root", &["a@x", "root"]),
            ("'a@x, b@y'", &["a@x", "b@y"]),
            ("['a@x', 'b@y']", &["a@x", "b@y"]),
            ("[\"a@x\",\"b@y\"]", &["a@x", "b@y"]),
            ("{a@x}, [b@y], c@[1.2.3.4]", &["a@x", "b@y", "c@[1.2.3.4]"]),
            ("a@x., b@y.., root., .", &["a@x", "b@y", "root"]),
            ("a@x\\n, b@y\\, \\c@z, \\root", &["a@x", "b@y", "c@z", "\\root"]),
            ("Smith, John j@x", &["j@x"]),
            ("/dev/null # note", &["/dev/null"]),
            ("root # the team", &["root"]),
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
            ("<a@x> root", &["root"]),
            ("<a@x>root, b@y", &["root"]),
            ("<a@x> Smith <b@y> Jones", &["Jones"]),
            ("<a@x> root c@z", &["root"]),
            ("\"a@x\" root", &["root"]),
            ("\"a@x\" \"b@y\" c@z", &["a@x"]),
            ("(a@x)", &["(a@x)"]),
            ("b@y, (a@x),", &["(a@x)"]),
            ("(nobody)", &[]),
            ("root (a@x)", &["(a@x)"]),
            ("=?utf-8?q?a=40x?=", &["=?utf-8?q?a=40x?="]),
            ("Smith, John j@x", &["Smith", "John"]),
            ("http://x/a@b", &["//x/a@b"]),
            ("root # the team", &[]),
            ("root, .", &["."]),
            ("=?utf-8?q?a@x, b@y", &["=?utf-8?q?a@x, b@y"]),
            ("=?utf-8?q?a@x, b@y <c@z>", &["=?utf-8?q?a@x, b@y"]),
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
        for value in ["a@x.", "mailto:a@x", "To: a@x", "[a@x]", "a@x\u{ff1b}b@y", "root \u{3001}a@x"] {
            assert!(AddressList::read(value.as_bytes()).is_irregular, "{value}");
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
            let written: Vec<String> = list.iter().map(|(name, local, domain)| {
                if name.is_empty() { format!("{local}@{domain}") } else { format!("{name} <{local}@{domain}>") }
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
