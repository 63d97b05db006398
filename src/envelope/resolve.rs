//! From names as people write them to addresses that a smarthost takes: aliases, the default recipient, the domain, in
//! that order. The order is the design's, not sendmail's: a bare name must never become a stranger's address at the
//! provider.

use std::collections::{BTreeSet, HashMap, HashSet};

use lettre::Address;

use super::Recipient;
use super::aliases::{Aliases, NOWHERE};
use super::sender::local_name;
use crate::dsn::OfRecipient;
use crate::message::{AddressList, Mailbox, with_ascii_domain};
use crate::outcome::clean;

/// The most words of a mail that may name a user; more are text.
const MOST_ASKED: usize = 100;

/// The rules for names, and the facts noticed while following them.
#[derive(Debug)]
pub struct Resolver<'a> {
    aliases: &'a Aliases,
    hosts: &'a [String],
    domain: Option<&'a str>,
    default: Option<&'a [String]>,
    account: &'a Address,
    is_user: fn(&str) -> bool,
    /// The words that the user database was asked about, and its answers: each may be a question on the network.
    asked: HashMap<String, bool>,
    warnings: Vec<String>,
    steps: Vec<Step>,
    /// The names, as they were written, that lead to [`NOWHERE`].
    thrown_away: Vec<String>,
    /// A recipient was named, and nobody knows who that is.
    pub(super) has_unreadable: bool,
    /// The entries of those two: a mail may have very many recipients.
    known: HashSet<Noticed>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Noticed {
    Step(Step),
    ThrownAway(String),
    Warning(String),
}

/// One step from a name to what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    /// The name that was looked up.
    pub(crate) name: String,
    /// Its targets.
    pub(crate) targets: Vec<String>,
    /// The reason: `aliased to`, in Sendmail's words.
    pub(crate) rule: &'static str,
}

/// The ends of the aliases of a name.
#[derive(Debug, Default)]
struct Ends {
    /// Addresses.
    found: Vec<Address>,
    /// Bare names that no alias knows.
    unaliased: Vec<String>,
    /// One of them is [`NOWHERE`].
    is_thrown_away: bool,
}

impl<'a> Resolver<'a> {
    /// `hosts` are the names of this machine: `root@host` is the same as `root`.
    pub fn new(
        aliases: &'a Aliases,
        hosts: &'a [String],
        domain: Option<&'a str>,
        default: Option<&'a [String]>,
        account: &'a Address,
    ) -> Self {
        Self {
            aliases,
            hosts,
            domain,
            default,
            account,
            is_user: |_| false,
            asked: HashMap::new(),
            warnings: Vec::new(),
            steps: Vec::new(),
            thrown_away: Vec::new(),
            has_unreadable: false,
            known: HashSet::new(),
        }
    }

    /// `is_user` tells whether a name is that of a user of this machine.
    pub(crate) fn with_users(self, is_user: fn(&str) -> bool) -> Self {
        Self { is_user, ..self }
    }

    /// Those whom a list names. A word beside addresses is meant if somebody has that name, else it is text.
    pub(crate) fn meant(&mut self, list: AddressList) -> Vec<Mailbox> {
        let mut meant = list.mailboxes;
        if let Some(remark) = list.remark {
            self.no_address(&remark);
        }
        for word in list.words {
            if self.is_name(&word) {
                meant.push(Mailbox { name: None, address: word });
            } else {
                self.unreadable(&word);
            }
        }
        meant
    }

    /// An alias or a user has that name.
    fn is_name(&mut self, word: &str) -> bool {
        if word == NOWHERE || self.aliases.get(word).is_some() {
            return true;
        }
        if let Some(known) = self.asked.get(word) {
            return *known;
        }
        let is_user = self.asked.len() < MOST_ASKED && (self.is_user)(word);
        if self.asked.len() < MOST_ASKED {
            self.asked.insert(word.to_string(), is_user);
        }
        is_user
    }

    /// The warnings on the way, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The steps taken on the way, in order.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The names that lead to `/dev/null`, each once, as they were written: for them the mail is thrown away.
    pub(crate) fn thrown_away(&self) -> &[String] {
        &self.thrown_away
    }

    pub(super) fn step(&mut self, name: &str, rule: &'static str, targets: Vec<String>) {
        let step = Step { name: name.to_string(), targets, rule };
        if self.known.insert(Noticed::Step(step.clone())) {
            self.steps.push(step);
        }
    }

    /// A recipient that is named and cannot be read is told to the caller.
    pub(super) fn unreadable(&mut self, written: &str) {
        self.has_unreadable = true;
        self.no_address(written);
    }

    fn no_address(&mut self, written: &str) {
        self.warn(format!("recipient \"{}\" is no address", clean(written)));
    }

    fn warn(&mut self, sentence: String) {
        if self.known.insert(Noticed::Warning(sentence.clone())) {
            self.warnings.push(sentence);
        }
    }

    /// The recipients that these mailboxes stand for, each address once, whatever its case. A request about a mailbox
    /// goes to all that it stands for.
    pub(super) fn resolve(&mut self, mailboxes: &[(Mailbox, OfRecipient)]) -> Vec<Recipient> {
        let (mut names, mut seen, mut found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for (mailbox, dsn) in mailboxes {
            // The name of a long list may stand here a hundred thousand times, and leads to the same each time.
            if self.key_of_local(&mailbox.address).is_some_and(|name| !names.insert(name)) {
                continue;
            }
            let recipients = self.one(&mailbox.address).into_iter();
            let new = recipients.filter(|recipient| seen.insert(recipient.address.to_string().to_lowercase()));
            found.extend(new.map(|recipient| Recipient { dsn: dsn.clone(), ..recipient }));
        }
        found
    }

    /// The default recipient, else the account itself.
    pub(super) fn fall_back(&mut self) -> Vec<Recipient> {
        let addresses = self.last_resort();
        if self.has_unreadable {
            let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
            self.warn(format!("nobody else is named: the mail goes to {}", names.join(", ")));
        }
        let of = |address| Recipient { address, original: None, dsn: OfRecipient::default() };
        addresses.into_iter().map(of).collect()
    }

    /// The recipients that one address or name stands for; empty if it is no address at all.
    pub fn one(&mut self, name: &str) -> Vec<Recipient> {
        let written = name.trim();
        let addresses = match self.local_name(written) {
            Some(local) => self.local(&local, written),
            None => self.checked(written).into_iter().collect(),
        };
        let original = |a: &Address| (a.to_string() != written).then(|| written.to_string());
        let dsn = OfRecipient::default;
        addresses.into_iter().map(|a| Recipient { original: original(&a), address: a, dsn: dsn() }).collect()
    }

    /// The address is a bare name, or one of this machine.
    pub(crate) fn is_local(&self, address: &str) -> bool {
        self.local_name(address.trim()).is_some()
    }

    /// The name of this machine that the address means, in the one form that all its spellings have.
    pub(crate) fn key_of_local(&self, address: &str) -> Option<String> {
        self.local_name(address.trim()).map(|name| name.to_lowercase())
    }

    fn local_name(&self, address: &str) -> Option<String> {
        local_name(address, self.hosts)
    }

    fn local(&mut self, name: &str, written: &str) -> Vec<Address> {
        let Ends { mut found, unaliased, is_thrown_away } = self.follow(name);
        for name in unaliased {
            found.extend(self.without_alias(&name));
        }
        if is_thrown_away {
            if self.known.insert(Noticed::ThrownAway(written.to_string())) {
                self.thrown_away.push(written.to_string());
            }
            return found;
        }
        // A loop leads to nobody: as good as no alias.
        if found.is_empty() { self.without_alias(name) } else { found }
    }

    /// Follows the aliases of a name to the end.
    fn follow(&mut self, name: &str) -> Ends {
        let mut ends = Ends::default();
        let (mut open, mut seen) = (vec![name.to_string()], BTreeSet::new());
        while let Some(name) = open.pop() {
            if !seen.insert(name.to_lowercase()) {
                continue;
            }
            match self.local_name(&name) {
                _ if name == NOWHERE => {
                    ends.is_thrown_away = true;
                    self.step(NOWHERE, "throws it away", Vec::new());
                }
                None => ends.found.extend(self.checked(&name)),
                Some(local) => match self.aliases.of(&local) {
                    Some(targets) => {
                        let targets = targets.to_vec();
                        open.extend(targets.iter().rev().cloned());
                        self.step(&local, "aliased to", targets);
                    }
                    // A target that a person wrote as an address is one, also if this machine is named like the domain.
                    None if name.contains('@') && seen.len() > 1 => ends.found.extend(self.checked(&name)),
                    None => ends.unaliased.push(local),
                },
            }
        }
        ends
    }

    /// A bare name that no alias knows: the default recipient, else the name at the domain, else the account.
    fn without_alias(&mut self, name: &str) -> Vec<Address> {
        let at_domain = match (self.default, self.domain) {
            (None, Some(domain)) => self.checked(&format!("{}@{domain}", crate::message::quoted(name))),
            _ => None,
        };
        let (rule, found) = match at_domain {
            Some(address) => ("is at the domain of [rewrite]:", vec![address]),
            None => ("has no alias, goes to the default:", self.last_resort()),
        };
        self.step(name, rule, found.iter().map(Address::to_string).collect());
        found
    }

    /// The default recipient, which may be an alias, else the account.
    fn last_resort(&mut self) -> Vec<Address> {
        let names = self.default.unwrap_or_default();
        let mut is_thrown_away = false;
        let target = |name: &String| {
            let Ends { found, unaliased, is_thrown_away: is_nowhere } = self.follow(name);
            is_thrown_away |= is_nowhere;
            // As in an alias, a configured address is taken as it is written.
            if unaliased.iter().any(|local| name != local) && found.is_empty() {
                return self.checked(name).into_iter().collect();
            }
            found
        };
        let found: Vec<Address> = names.iter().flat_map(target).collect();
        if is_thrown_away && self.known.insert(Noticed::ThrownAway(NOWHERE.to_string())) {
            self.thrown_away.push(NOWHERE.to_string());
        }
        if found.is_empty() && !is_thrown_away { vec![self.account.clone()] } else { found }
    }

    /// The address, if it is one by RFC 5321 section 4.1.2. lettre's parser is too strict for some addresses (`a..b@x`,
    /// which phone carriers hand out); those mean the same in quotes. Quotes around anything else, as `a@x|b@y`, would
    /// make an address that nobody wrote.
    fn checked(&mut self, address: &str) -> Option<Address> {
        let ascii = with_ascii_domain(address);
        let (local, domain) = ascii.rsplit_once('@')?;
        let domain = domain.trim_end_matches('.');
        let quoted = crate::message::has_odd_dots(local).then(|| format!("\"{local}\""));
        let found = Address::new(local, domain).ok().or_else(|| Address::new(quoted?, domain).ok());
        let found = found.filter(|_| is_plain(domain) && !holds_encoded_word(local));
        if found.is_none() {
            self.unreadable(address);
        }
        found
    }
}

/// RFC 2047 section 5 (3) forbids an encoded word in an address. There are servers that decode it, and find another
/// domain.
fn holds_encoded_word(local: &str) -> bool {
    local.split_once("=?").is_some_and(|(_, rest)| rest.contains("?="))
}

/// A name, or an address literal of RFC 5321 section 4.1.3 without its odd characters: `[>]` is a literal by the
/// letter, and ends RCPT's path early in the eyes of some servers.
fn is_plain(domain: &str) -> bool {
    domain.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.:[]".contains(c))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const ALIASES: &str = "root: ops, dev@x.org\nops: ops@x.org\na: b\nb: a\nmixed: root, nobody\n";

    fn resolve(names: &[&str], domain: Option<&str>, default: Option<&str>) -> Vec<String> {
        let aliases = Aliases::parse(ALIASES).0;
        let hosts = ["web1".to_string(), "web1.example.org".to_string()];
        let account: Address = "account@x.org".parse().unwrap();
        let default: Option<Vec<String>> = default.map(|d| vec![d.to_string()]);
        let mut resolver = Resolver::new(&aliases, &hosts, domain, default.as_deref(), &account);
        let asked = |name: &&str| (Mailbox { name: None, address: name.to_string() }, OfRecipient::default());
        let boxes: Vec<_> = names.iter().map(asked).collect();
        resolver.resolve(&boxes).into_iter().map(|r| r.address.to_string()).collect()
    }

    #[test]
    fn user_database_is_asked_about_few_words_and_each_once() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let (aliases, account) = (Aliases::default(), "account@x.org".parse().unwrap());
        let is_user = |name: &str| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            name == "w7"
        };
        let mut resolver = Resolver::new(&aliases, &[], None, None, &account).with_users(is_user);
        let words: Vec<String> = (0..10_000).map(|n| format!("w{n}")).collect();
        for _ in 0..2 {
            let list = AddressList::read(format!("a@x.org {}", words.join(" ")).as_bytes());
            let meant: Vec<String> = resolver.meant(list).into_iter().map(|mailbox| mailbox.address).collect();
            assert_eq!(meant, ["a@x.org", "w7"]);
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), MOST_ASKED);
    }

    #[test]
    fn aliases_are_followed_to_the_end() {
        assert_eq!(resolve(&["root"], None, None), ["ops@x.org", "dev@x.org"]);
        assert_eq!(resolve(&["ROOT@Web1.example.org."], None, None), ["ops@x.org", "dev@x.org"]);
        assert_eq!(resolve(&["\\root@web1"], None, None), ["ops@x.org", "dev@x.org"]);
        assert_eq!(resolve(&["mixed"], Some("y.org"), None), ["ops@x.org", "dev@x.org", "nobody@y.org"]);
    }

    #[test]
    fn star_is_the_alias_of_all_who_have_no_other() {
        let aliases = Aliases::parse("root: ops@x.org\n*: all@x.org\nloop: nobody\n").0;
        let (account, default) = ("account@x.org".parse().unwrap(), ["default@x.org".to_string()]);
        let mut resolver = Resolver::new(&aliases, &[], None, Some(&default), &account);
        let mut of = |name: &str| resolver.one(name).remove(0).address.to_string();
        assert_eq!((of("root"), of("pi"), of("loop")), ("ops@x.org".into(), "all@x.org".into(), "all@x.org".into()));
        assert_eq!(of("*@y.org"), "*@y.org");
    }

    #[test]
    fn long_list_is_taken_whole() {
        let text = format!("staff: {}\n", (0..120).map(|n| format!("u{n}@x.org")).collect::<Vec<_>>().join(", "));
        let aliases = Aliases::parse(&text).0;
        let account: Address = "account@x.org".parse().unwrap();
        let mut resolver = Resolver::new(&aliases, &[], None, None, &account);
        assert_eq!(resolver.one("staff").len(), 120);
    }

    #[test]
    fn very_many_names_take_no_time_worth_speaking_of() {
        let names: Vec<String> = (0..200_000).map(|n| format!("u{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(resolve(&names, Some("y.org"), None).len(), names.len());
    }

    #[test]
    fn configured_address_is_taken_as_written_on_a_host_named_like_the_domain() {
        let aliases = Aliases::parse("root: ops@x.org\n").0;
        let account: Address = "account@x.org".parse().unwrap();
        let (hosts, default) = (["x.org".to_string()], ["boss@x.org".to_string()]);
        let mut resolver = Resolver::new(&aliases, &hosts, None, Some(&default), &account);
        let mut to = |name: &str| resolver.one(name).into_iter().map(|r| r.address.to_string()).collect::<Vec<_>>();
        assert_eq!(to("root"), ["ops@x.org"]);
        assert_eq!(to("joe"), ["boss@x.org"]);
    }

    #[test]
    fn loops_are_cut_and_fall_through() {
        assert_eq!(resolve(&["a"], Some("y.org"), None), ["a@y.org"]);
        assert_eq!(resolve(&["a"], None, None), ["account@x.org"]);
    }

    #[test]
    fn default_comes_before_the_domain() {
        assert_eq!(resolve(&["alice"], Some("y.org"), Some("boss@x.org")), ["boss@x.org"]);
        assert_eq!(resolve(&["alice"], Some("y.org"), None), ["alice@y.org"]);
        assert_eq!(resolve(&["alice@web1"], None, None), ["account@x.org"]);
        assert_eq!(resolve(&["alice"], None, Some("root")), ["ops@x.org", "dev@x.org"]);
        assert_eq!(resolve(&["alice"], None, Some("a")), ["account@x.org"]);
    }

    #[test]
    fn name_that_leads_to_dev_null_leads_to_nobody_else() {
        let aliases = Aliases::parse("noreply: /dev/null\nteam: noreply, ops@x.org\n").0;
        let account: Address = "account@x.org".parse().unwrap();
        let to = |default: &str, name: &str| {
            let default = [default.to_string()];
            let mut resolver = Resolver::new(&aliases, &[], None, Some(&default), &account);
            let found: Vec<String> = resolver.one(name).into_iter().map(|r| r.address.to_string()).collect();
            (found.join(" "), resolver.thrown_away().join(" "))
        };
        for (default, name, found, thrown) in [
            ("boss@x.org", "noreply", "", "noreply"),
            ("boss@x.org", NOWHERE, "", NOWHERE),
            ("boss@x.org", "team", "ops@x.org", "team"),
            ("boss@x.org", "joe", "boss@x.org", ""),
            ("noreply", "joe", "", NOWHERE),
            (NOWHERE, "joe", "", NOWHERE),
        ] {
            assert_eq!(to(default, name), (found.into(), thrown.into()), "{default} {name}");
        }
    }

    #[test]
    fn each_address_goes_once() {
        assert_eq!(resolve(&["dev@x.org", "root", "DEV@X.org"], None, None), ["dev@x.org", "ops@x.org"]);
    }

    #[test]
    fn real_addresses_stay_as_they_are() {
        assert_eq!(resolve(&["b@elsewhere.org", "a..b@x.org"], None, None), ["b@elsewhere.org", "\"a..b\"@x.org"]);
        assert!(resolve(&["a b@", "x@y z", "@x.org"], None, None).len() <= 1);
    }

    #[test]
    fn quotes_are_put_around_odd_dots_alone() {
        assert_eq!(resolve(&[".a@x.org", "a.@x.org"], None, None), ["\".a\"@x.org", "\"a.\"@x.org"]);
        assert_eq!(resolve(&["\"a|b@y.org\"@x.org"], None, None), ["\"a|b@y.org\"@x.org"], "quoted by its writer");
        for two in ["|", "/", "&", "\\n", "?cc=", "..", "\\", ";", " ", "\"", "]", "\u{b}"] {
            let name = format!("a@x.org{two}b@x.org");
            assert!(resolve(&[&name], None, None).is_empty(), "{name}");
        }
        assert!(resolve(&["a\\nb@x.org"], None, None).is_empty());
    }

    #[test]
    fn encoded_word_is_no_part_of_an_address() {
        for name in ["=?utf-8?q?=40evil.example=00?=@x.org", "a=?utf-8?b?QGV2aWw=?=b@x.org", "=?x?q?=41=3F?=@x.org"] {
            assert!(resolve(&[name], None, None).is_empty(), "{name}");
        }
        assert_eq!(resolve(&["a=?b@x.org", "a?=b@x.org"], None, None), ["a=?b@x.org", "a?=b@x.org"]);
    }

    #[test]
    fn address_literal_cannot_end_a_path_early() {
        assert_eq!(resolve(&["a@[192.0.2.1]", "a@[IPv6:2001:db8::1]"], None, None).len(), 2);
        assert!(resolve(&["a@[192>0.2.1]"], None, None).is_empty());
    }
}
