//! The sender of a mail: the account for the provider, the display name for the reader, and the original in a place
//! where neither loses it.

use super::facts::Facts;
use crate::message::{Mailbox, Message, with_ascii_domain};

/// The From field to be, and the fields that keep the original.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Originator {
    /// The From field already is the account's.
    Fits,
    /// From becomes the account under this display name.
    Replaced {
        /// The display name that tells the real sender.
        name: String,
        /// Real addresses an answer can reach; empty for a local sender.
        reply_to: Vec<Mailbox>,
    },
}

/// Decides on the From field. `is_local` tells names of this machine.
pub(super) fn originator(message: &Message, facts: &Facts<'_>, is_local: &dyn Fn(&str) -> bool) -> Originator {
    let written = message.named("From").next().map(|field| field.mailboxes()).unwrap_or_default();
    if let [only] = written.as_slice()
        && with_ascii_domain(&only.address).eq_ignore_ascii_case(facts.account.as_ref())
    {
        return Originator::Fits;
    }
    let mut from = if written.is_empty() { vec![asked(facts)] } else { written };
    for mailbox in &mut from {
        let name = mailbox.name.as_deref().map(without_brackets).filter(|name| !name.is_empty());
        mailbox.name = name.map(str::to_string);
    }
    let reply_to: Vec<Mailbox> = from.iter().filter(|m| is_real(m, is_local)).cloned().map(Mailbox::in_ascii).collect();
    Originator::Replaced { name: display_name(&from[0], facts, is_local), reply_to }
}

/// The sender of the command line, for a message that has none: `-F name -f address`, else the user, under the full
/// name, as Sendmail and Postfix do it.
fn asked(facts: &Facts<'_>) -> Mailbox {
    let address = facts.sender.map_or_else(|| facts.user.to_string(), |mailbox| mailbox.address.clone());
    let cleaned = |name: Option<&str>| name.map(crate::outcome::clean).filter(|name| !name.is_empty());
    let own = cleaned(facts.own_name).filter(|_| address == facts.user);
    let given = cleaned(facts.full_name).or_else(|| facts.sender.and_then(|mailbox| mailbox.name.clone()));
    Mailbox { name: given.or(own), address }
}

/// The From field, as it was handed in, names the user who did that.
pub(super) fn names_the_user(message: &Message, facts: &Facts<'_>, is_local: &dyn Fn(&str) -> bool) -> bool {
    let written = message.named("From").next().and_then(|field| field.mailboxes().into_iter().next());
    let from = written.unwrap_or_else(|| asked(facts));
    is_local(&from.address) && from.parts().0 == facts.user
}

fn is_real(mailbox: &Mailbox, is_local: &dyn Fn(&str) -> bool) -> bool {
    !is_local(&mailbox.address) && mailbox.address.parse::<lettre::Address>().is_ok()
}

/// `Cron Daemon (root on web1)` for a local sender, the given name or else the address in words for a real one.
fn display_name(from: &Mailbox, facts: &Facts<'_>, is_local: &dyn Fn(&str) -> bool) -> String {
    let (user, domain) = from.parts();
    if !is_local(&from.address) {
        let spoken = || crate::outcome::clean(&[user, domain.unwrap_or_default()].join(" at "));
        return from.name.as_deref().map_or_else(spoken, unlike_an_address);
    }
    let user = crate::outcome::clean(user);
    let who = format!("{user} on {}", facts.host);
    // A mail out of drop/ got its name when it was left there.
    let told = format!("({who})");
    let addressed = format!("{user}@{}", facts.host);
    let name = from.name.as_deref().map(|name| unlike_an_address(&name.replace(&addressed, &who)));
    match name.filter(|name| *name != user && *name != who) {
        Some(name) if name.ends_with(&told) => name,
        Some(name) => format!("{name} {told}"),
        None => who,
    }
}

/// Filters take an address in a display name for a forgery where another stands behind it, as the account does here.
fn unlike_an_address(name: &str) -> String {
    let words = name.split(' ').map(|word| match word.split_once('@') {
        Some((before, after)) if !before.is_empty() && !after.is_empty() => word.replace('@', " at "),
        _ => word.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// cron writes its name as a comment within the quotes: `"(Cron Daemon)"`.
fn without_brackets(name: &str) -> &str {
    let name = name.trim();
    name.strip_prefix('(').and_then(|n| n.strip_suffix(')')).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;

    fn of(fields: &str, full_name: Option<&str>, sender: Option<&str>) -> Originator {
        let account = "account@x.org".parse().unwrap();
        let settings = Settings::default();
        let sender = sender.and_then(|text| Mailbox::list(text.as_bytes()).pop());
        let facts = Facts {
            settings: &settings,
            account: &account,
            host: "web1",
            user: "root",
            is_from_cron: false,
            traced: None,
            own_name: Some("Alice\tSmith"),
            full_name,
            sender: sender.as_ref(),
            date: "",
            local_zone: || jiff::tz::TimeZone::UTC,
            id: "",
            unique: "",
        };
        let message = Message::read(&mut format!("{fields}\n").as_bytes(), &mut Vec::new()).unwrap();
        originator(&message, &facts, &|a| !a.contains('@') || a.ends_with("@web1"))
    }

    fn name(fields: &str) -> String {
        match of(fields, Some("CronDaemon"), None) {
            Originator::Fits => "fits".to_string(),
            Originator::Replaced { name, .. } => name,
        }
    }

    #[test]
    fn local_senders_are_named_with_their_host() {
        assert_eq!(name("From: \"(Cron Daemon)\" <root>\n"), "Cron Daemon (root on web1)");
        assert_eq!(name("From: root (Cron Daemon)\n"), "Cron Daemon (root on web1)");
        assert_eq!(name("From: root@web1\n"), "root on web1");
        assert_eq!(name("From: root <root@web1>\n"), "root on web1");
        assert_eq!(name("Subject: no from\n"), "CronDaemon (root on web1)");
    }

    #[test]
    fn local_sender_who_is_named_with_the_host_already_is_so_once() {
        assert_eq!(name("From: \"Alice (alice@web1)\" <alice@web1>\n"), "Alice (alice on web1)");
        assert_eq!(name("From: \"alice@web1\" <alice@web1>\n"), "alice on web1");
        assert_eq!(name("From: \"Alice (bob@web1)\" <alice@web1>\n"), "Alice (bob at web1) (alice on web1)");
    }

    #[test]
    fn user_who_says_nothing_is_named_by_the_user_database() {
        let name = |fields: &str, full_name: Option<&str>, sender: Option<&str>| match of(fields, full_name, sender) {
            Originator::Fits => "fits".to_string(),
            Originator::Replaced { name, .. } => name,
        };
        let none = "Subject: no from\n";
        assert_eq!(name(none, None, None), "Alice Smith (root on web1)");
        assert_eq!(name(none, None, Some("root")), "Alice Smith (root on web1)");
        assert_eq!(name(none, Some("CronDaemon"), None), "CronDaemon (root on web1)");
        assert_eq!(name(none, None, Some("backup")), "backup on web1");
        assert_eq!(name(none, None, Some("bob@corp.org")), "bob at corp.org");
        assert_eq!(name("From: root\n", None, None), "root on web1");
    }

    #[test]
    fn real_senders_keep_name_and_address() {
        let alice = Mailbox { name: Some("Alice".into()), address: "alice@corp.org".into() };
        let expected = Originator::Replaced { name: "Alice".into(), reply_to: vec![alice] };
        assert_eq!(of("From: Alice <alice@corp.org>\n", None, None), expected);
        assert_eq!(name("From: alice@corp.org\n"), "alice at corp.org");
        assert_eq!(name("From: \"alerts@corp.org\" <alerts@corp.org>\n"), "alerts at corp.org");
        assert_eq!(name("From: \"Shop @ Corp via a@b.c\" <alerts@corp.org>\n"), "Shop @ Corp via a at b.c");
        let Originator::Replaced { name, reply_to } = of("Subject: x\n", Some("Bob"), Some("bob@corp.org")) else {
            panic!("not replaced")
        };
        assert_eq!((name.as_str(), reply_to[0].address.as_str()), ("Bob", "bob@corp.org"));
    }

    #[test]
    fn brackets_of_cron_are_in_no_name() {
        let Originator::Replaced { name, reply_to } = of("From: \"(Cron Daemon)\" <cron@corp.org>\n", None, None)
        else {
            panic!("not replaced")
        };
        assert_eq!((name.as_str(), reply_to[0].name.as_deref()), ("Cron Daemon", Some("Cron Daemon")));
    }

    #[test]
    fn account_itself_fits() {
        assert_eq!(of("From: Me <Account@X.org>\n", None, None), Originator::Fits);
    }
}
