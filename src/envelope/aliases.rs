//! aliases(5): local names and the addresses they stand for, from the configuration and from the system's alias file in
//! sendmail's syntax.

use std::collections::BTreeMap;

use crate::message::AddressList;

/// The target that throws a mail away, as it does with every other mailer.
pub(crate) const NOWHERE: &str = "/dev/null";

/// Names, in lower case, and the addresses or further names they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    names: BTreeMap<String, Vec<String>>,
}

impl Aliases {
    /// Reads an alias file. Commands, files and inclusions are refused; the second value says which, one sentence each.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let (mut aliases, mut warnings) = (Self::default(), Vec::new());
        // Editors of other systems leave a byte order mark, which would be part of the first name.
        for (line, entry) in logical_lines(text.trim_start_matches('\u{feff}')) {
            let Some((name, value)) = split(&entry) else {
                warnings.push(format!("line {line} is no alias"));
                continue;
            };
            let (nowhere, targets): (Vec<_>, Vec<_>) =
                values(without_remark(value)).into_iter().partition(|v| is_nowhere(v));
            let (refused, plain): (Vec<_>, Vec<_>) = targets.into_iter().partition(|v| is_refused(v));
            if let Some(first) = refused.first() {
                let (name, what) = (crate::outcome::clean(&name), crate::outcome::clean(first));
                warnings.push(format!("line {line}: alias {name}: {what} is a command, a file or a list: ignored"));
            }
            let mut targets = Vec::new();
            for AddressList { mailboxes, words, .. } in plain.iter().map(|v| AddressList::read(v.as_bytes())) {
                targets.extend(mailboxes.into_iter().map(|mailbox| mailbox.address));
                for word in words {
                    let (name, word) = (crate::outcome::clean(&name), crate::outcome::clean(&word));
                    warnings.push(format!("line {line}: alias {name}: \"{word}\" is no address: ignored"));
                }
            }
            targets.extend(nowhere.first().map(|_| NOWHERE.to_string()));
            if !targets.is_empty() {
                aliases.insert(&name, targets);
            }
        }
        (aliases, warnings)
    }

    /// Adds an alias; one of the same name is replaced.
    pub(crate) fn insert(&mut self, name: &str, targets: Vec<String>) {
        self.names.insert(name.to_lowercase(), targets);
    }

    /// The targets of a name, one step.
    pub(crate) fn get(&self, name: &str) -> Option<&[String]> {
        self.names.get(&name.to_lowercase()).map(Vec::as_slice)
    }

    /// The targets of a name, or those of `*`, which stands for all names without an alias, as in dma and OpenSMTPD.
    pub(crate) fn of(&self, name: &str) -> Option<&[String]> {
        self.get(name).or_else(|| self.get("*"))
    }

    /// These aliases, and those of `other` for names that are not here.
    pub(crate) fn or(mut self, other: Self) -> Self {
        for (name, targets) in other.names {
            self.names.entry(name).or_insert(targets);
        }
        self
    }
}

/// Lines with their continuations, numbered by their first; comments and empty lines left out.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push((number + 1, line.to_string())),
        }
    }
    lines
}

/// The value without a comment behind it, which aliases(5) does not know and people write. No address is in one.
fn without_remark(value: &str) -> &str {
    let behind_blank = |(at, _): &(usize, &str)| value[..*at].ends_with(char::is_whitespace);
    let remark =
        value.rmatch_indices('#').take_while(|(at, _)| !value[*at..].contains('@')).filter(behind_blank).last();
    remark.map_or(value, |(at, _)| &value[..at])
}

/// Name and value of an entry; the name may stand in quotes.
fn split(entry: &str) -> Option<(String, &str)> {
    let entry = entry.trim();
    let (name, value) = match entry.strip_prefix('"') {
        Some(rest) => {
            rest.split_once('"').and_then(|(name, rest)| Some((name, rest.trim_start().strip_prefix(':')?)))?
        }
        None => entry.split_once([':', '\u{ff1a}'])?,
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_string(), value))
}

/// The values of a list by commas, which do not count within quotes.
fn values(list: &str) -> Vec<String> {
    let (mut values, mut quoted) = (vec![String::new()], false);
    for c in list.chars() {
        quoted ^= c == '"';
        match values.last_mut() {
            Some(last) if c != ',' || quoted => last.push(c),
            _ => values.push(String::new()),
        }
    }
    values.iter().map(|v| v.trim().to_string()).filter(|v| !v.is_empty()).collect()
}

/// `/dev/null`, perhaps in quotes, or Exim's own word for it.
fn is_nowhere(value: &str) -> bool {
    [NOWHERE, ":blackhole:"].contains(&value.trim_matches(['"', '\'']).trim())
}

fn is_refused(value: &str) -> bool {
    let value = value.trim_start_matches('"');
    value.starts_with(['|', '/']) || value.starts_with(":include:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_every_legal_oddity() {
        let text = "# comment\n\nRoot: ops@x.org,\n\tdev@x.org\n  # inner\n\"odd name\": al\npostmaster:\troot\n";
        let (aliases, warnings) = Aliases::parse(text);
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(aliases.get("ROOT").unwrap(), ["ops@x.org", "dev@x.org"]);
        assert_eq!(aliases.get("odd name").unwrap(), ["al"]);
        assert_eq!(aliases.get("postmaster").unwrap(), ["root"]);
    }

    #[test]
    fn byte_order_mark_is_part_of_no_name() {
        assert_eq!(Aliases::parse("\u{feff}root: a@x.org\n").0.get("root").unwrap(), ["a@x.org"]);
    }

    #[test]
    fn commands_files_and_lists_are_refused_and_named() {
        let text = "a: |/bin/x, b@x.org\nc: /var/mail/c\nd: \"|prog, -x\"\ne: :include:/etc/list\nnonsense\n";
        let (aliases, warnings) = Aliases::parse(text);
        assert_eq!(aliases.get("a").unwrap(), ["b@x.org"]);
        assert!(["c", "d", "e"].iter().all(|name| aliases.get(name).is_none()));
        assert_eq!(warnings.len(), 5, "{warnings:?}");
        assert!(warnings[4].contains("line 5"));
        let warning = &Aliases::parse("a\u{1b}[2J: /x\n").1[0];
        assert!(!warning.contains(char::is_control), "{warning:?}");
    }

    #[test]
    fn target_that_throws_away_is_one() {
        let text = "a: /dev/null\nb: \"/dev/null\", b@x.org\nc: :blackhole:\nd: /dev/nullx\n";
        let (aliases, warnings) = Aliases::parse(text);
        assert_eq!(
            (aliases.get("a").unwrap(), aliases.get("c").unwrap()),
            (&[NOWHERE.into()][..], &[NOWHERE.into()][..])
        );
        assert_eq!(aliases.get("b").unwrap(), ["b@x.org", NOWHERE]);
        assert_eq!((aliases.get("d"), warnings.len()), (None, 1), "{warnings:?}");
    }

    #[test]
    fn words_that_are_nobody_are_named_and_comments_left_out() {
        let text = "a: a@x.org b@x.org al\nb: b@x.org # the team, all\nc: /dev/null # note\nd\u{ff1a}d@x.org\ne: #1 <e@x.org>\n";
        let (aliases, warnings) = Aliases::parse(text);
        assert_eq!(aliases.get("a").unwrap(), ["a@x.org", "b@x.org"]);
        assert_eq!(warnings, ["line 1: alias a: \"al\" is no address: ignored"]);
        for (name, target) in [("b", "b@x.org"), ("c", NOWHERE), ("d", "d@x.org"), ("e", "e@x.org")] {
            assert_eq!(aliases.get(name).unwrap(), [target], "{name}");
        }
    }

    #[test]
    fn configuration_wins_over_the_file() {
        let mut own = Aliases::default();
        own.insert("root", vec!["a@x.org".into()]);
        let both = own.or(Aliases::parse("root: b@x.org\nbin: c@x.org\n").0);
        assert_eq!(both.get("root").unwrap(), ["a@x.org"]);
        assert_eq!(both.get("bin").unwrap(), ["c@x.org"]);
    }
}
