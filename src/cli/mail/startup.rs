//! The start-up files of mail(1): variables, which say who a mail is from and where answers go in heirloom, s-nail,
//! bsd-mailx and mailutils, and aliases. A variable that no file sets may be set in the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::import::mailrc;
use crate::message::{AddressList, may_be_addresses};
use crate::system;
use crate::trust::plain;

/// No start-up file is larger, in octets.
const MOST: u64 = 1 << 20;

/// The system's start-up file. Its variables are for another mailer.
const OF_SYSTEM: &str = "/etc/mail.rc";

/// What the start-up files say.
pub(in crate::cli) struct Startup {
    variables: BTreeMap<String, String>,
    aliases: BTreeMap<String, Vec<String>>,
}

impl Startup {
    /// That of `$MAILRC`, or of `~/.mailrc`, and the system's aliases of other names; the flags say which of the two
    /// are read.
    pub(in crate::cli) fn of_caller(is_own_read: bool, is_system_read: bool) -> Self {
        let path = std::env::var_os("MAILRC").filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = path.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".mailrc")));
        let text = path.filter(|_| is_own_read).and_then(|path| read(&path)).unwrap_or_default();
        let of_system = is_system_read.then(|| read(Path::new(OF_SYSTEM))).flatten().unwrap_or_default();
        Self::of_texts(&text, &of_system)
    }

    fn of_texts(own: &str, of_system: &str) -> Self {
        let (own, system) = (mailrc::startup(own), mailrc::startup(of_system));
        let mut aliases = system.aliases;
        aliases.extend(own.aliases);
        Self { variables: own.variables, aliases }
    }

    /// The value of a variable; `None` for one that is not set, or is empty.
    pub(in crate::cli) fn variable(&self, name: &str) -> Option<OsString> {
        let of_file = self.variables.get(name).map(OsString::from);
        of_file.or_else(|| std::env::var_os(name)).filter(|value| !value.is_empty())
    }

    /// The recipients of an argument, with the members of an alias in its place; as it was given, if no alias is in it.
    pub(in crate::cli) fn unaliased(&self, argument: OsString) -> OsString {
        if self.aliases.is_empty() || !may_be_addresses(argument.as_bytes()) {
            return argument;
        }
        let mut expansion = Expansion { aliases: &self.aliases, seen: BTreeSet::new(), found: vec![], unread: vec![] };
        if expansion.take_list(argument.as_bytes(), &[]) { expansion.written().into() } else { argument }
    }
}

/// Those whom a list names, with the members of aliases in their place.
struct Expansion<'a> {
    aliases: &'a BTreeMap<String, Vec<String>>,
    /// The aliases that were followed: met again, one names nobody else.
    seen: BTreeSet<String>,
    found: Vec<String>,
    /// Words beside addresses, and a comment: the list's reader judges them, as those of any list.
    unread: Vec<String>,
}

impl Expansion<'_> {
    /// Takes in a list that stands in those aliases. Returns whether an alias is in it.
    fn take_list(&mut self, list: &[u8], within: &[&str]) -> bool {
        let list = AddressList::read(list);
        let mut has_alias = false;
        for mailbox in list.mailboxes {
            if !self.take_alias(&mailbox.address, within, &mut has_alias) {
                self.found.push(mailbox.to_string());
            }
        }
        for word in list.words {
            if !self.take_alias(&word, within, &mut has_alias) {
                self.unread.push(word);
            }
        }
        self.unread.extend(list.remark);
        has_alias
    }

    /// A name that stands in its own list is a user.
    fn take_alias(&mut self, name: &str, within: &[&str], has_alias: &mut bool) -> bool {
        let aliases = self.aliases;
        let Some(members) = aliases.get(name).filter(|_| !within.contains(&name)) else { return false };
        *has_alias = true;
        if self.seen.insert(name.to_string()) {
            let within = [within, &[name]].concat();
            for member in members {
                self.take_list(member.as_bytes(), &within);
            }
        }
        true
    }

    fn written(&self) -> String {
        let unread: String = self.unread.iter().map(|word| format!(" {word}")).collect();
        format!("{}{unread}", self.found.join(", "))
    }
}

/// The text of a file that is the caller's own, or root's: nobody else says who a mail is from.
fn read(path: &Path) -> Option<String> {
    let file = plain::open(path, OpenOptions::new().read(true)).ok()?;
    let owner = file.metadata().ok()?.uid();
    if owner != 0 && owner != system::effective_uid() {
        return None;
    }
    let mut octets = Vec::new();
    file.take(MOST).read_to_end(&mut octets).ok()?;
    Some(crate::message::text(&octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_stand_for_their_members() {
        let own = "alias boss \"The Boss <b@x>\"\nalias team boss, c@x d@x\ngroup team e@x\nalias loop loop f@x\nalias all team boss\nalias odd \"root z@x\"\nunalias gone\n";
        let startup = Startup::of_texts(own, "alias boss wrong@x\nalias gone g@x\n");
        for (argument, found) in [
            ("boss", "\"The Boss\" <b@x>"),
            ("team", "\"The Boss\" <b@x>, c@x, d@x, e@x"),
            ("boss, z@x", "\"The Boss\" <b@x>, z@x"),
            ("z@x boss", "z@x, \"The Boss\" <b@x>"),
            ("loop", "loop, f@x"),
            ("all", "\"The Boss\" <b@x>, c@x, d@x, e@x"),
            ("team, boss", "\"The Boss\" <b@x>, c@x, d@x, e@x"),
            ("odd", "z@x root"),
            ("John Doe k@x, boss", "k@x, \"The Boss\" <b@x> John Doe"),
            ("boss # the chief", "\"The Boss\" <b@x> # the chief"),
            ("gone", "g@x"),
            ("root, z@x", "root, z@x"),
            ("boss@x", "boss@x"),
            ("boss\nCc: z@x", "boss\nCc: z@x"),
        ] {
            assert_eq!(startup.unaliased(argument.into()), found, "{argument}");
        }
    }
}
