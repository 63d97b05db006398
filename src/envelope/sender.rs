//! The sender of a mail as it was handed in: a user of this machine, or an address elsewhere. The text is parsed once,
//! and nobody else judges it: two readers of one text would differ, and a user could be one person to the first and
//! another to the second.

use crate::message::{Mailbox, ascii_domain, unquoted};

/// The sender of a mail, the originator of RFC 5598 section 2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The sender as it was written, comments left out.
    pub(crate) mailbox: Mailbox,
    /// The bare name of a user of this machine; `None` for an address elsewhere.
    pub(crate) local: Option<String>,
}

impl Sender {
    /// The sender that the text names: one mailbox, in any form that people and programs write. `None` if it names
    /// nobody, or several.
    pub(crate) fn of(text: &[u8], hosts: &[String]) -> Option<Self> {
        let mut mailboxes = Mailbox::list(text);
        let only = mailboxes.pop().filter(|_| mailboxes.is_empty())?;
        Some(Self::of_mailbox(only, hosts))
    }

    /// The sender in that mailbox.
    pub(crate) fn of_mailbox(mailbox: Mailbox, hosts: &[String]) -> Self {
        Self { local: local_name(mailbox.address.trim(), hosts), mailbox }
    }
}

/// The bare name, if the address is one of this machine. A dot after the domain, quotes around the local part (RFC 5321
/// section 4.1.2) and sendmail's backslash before it change nothing.
pub(crate) fn local_name(address: &str, hosts: &[String]) -> Option<String> {
    let local = match address.rsplit_once('@') {
        None => address,
        Some((local, domain)) if is_here(domain, hosts) => local,
        Some(_) => return None,
    };
    // There is no local delivery that could go on without an alias: the backslash means nothing.
    let local = unquoted(local.trim()).trim_start_matches('\\').to_owned();
    (!local.is_empty()).then_some(local)
}

/// Names of every machine for itself.
const LOOPBACK: [&str; 4] = ["127.0.0.1", "[127.0.0.1]", "[IPv6:::1]", "ip6-localhost"];

/// The domain is compared in the form in which the mail goes to it, see [`ascii_domain`]: a name that is only drawn in
/// another way would else be a stranger here, and this machine at the server.
fn is_here(domain: &str, hosts: &[String]) -> bool {
    // IDNA takes these for dots (RFC 3490 section 3.1).
    let domain = domain.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    let domain = ascii_domain(domain.trim().trim_end_matches('.'));
    let domain = domain.trim_end_matches('.');
    let is_it = |host: &str| ascii_domain(host.trim_end_matches('.')).eq_ignore_ascii_case(domain);
    domain.is_empty() || LOOPBACK.iter().any(|name| is_it(name)) || hosts.iter().any(|host| is_it(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(text: &str) -> Option<Sender> {
        Sender::of(text.as_bytes(), &["vm.example", "vm", "büro"].map(str::to_owned))
    }

    #[test]
    fn local_user_is_one_in_every_form() {
        for text in [
            "root",
            "root@vm",
            "root@VM.Example",
            "root@vm.",
            "root@vm.example.",
            "root@vm\u{3002}",
            "root@vm\u{ff0e}example",
            "root@\u{ff56}\u{ff4d}",
            "root@\u{ff56}m",
            "root@v\u{ad}m",
            "root@v\u{200b}m.Ex\u{ff41}mple.",
            "root@\u{ff11}27.0.0.1",
            "root@b\u{fc}ro",
            "root@xn--bro-hoa",
            "Root Admin <root@\u{1d42f}m>",
            "root@127.0.0.1",
            "root@[127.0.0.1]",
            "root@[IPv6:::1]",
            "<root@vm>",
            "root (a@b.c)",
            "Root Admin <root@vm>",
            "\"root\"@vm",
            "\"ro\\ot\"@vm",
            "\"root@vm\" <root>",
            "@corp.test:root",
            "<@corp.test:root@vm>",
            "\\root",
            "root@",
        ] {
            assert_eq!(sender(text).unwrap().local.as_deref(), Some("root"), "{text}");
        }
    }

    #[test]
    fn address_elsewhere_stays_as_it_is() {
        for (text, address) in [
            ("ann@corp.test", "ann@corp.test"),
            ("Ann <ann@corp.test>", "ann@corp.test"),
            ("\"root@vm\" <ann@corp.test>", "ann@corp.test"),
            ("ann@corp.test (root@vm)", "ann@corp.test"),
        ] {
            let sender = sender(text).unwrap();
            assert_eq!((sender.mailbox.address.as_str(), sender.local), (address, None), "{text}");
        }
    }

    #[test]
    fn several_senders_are_none() {
        for text in ["root, ann@corp.test", "ann@corp.test, root", "", " ", "<>"] {
            assert_eq!(sender(text), None, "{text}");
        }
    }
}
