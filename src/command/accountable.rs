//! The user who answers for a uid. A user may have thousands of subordinate uids (subuid(5)), which are no users of
//! their own where turns, shares and quotas are counted.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use crate::system;

const SUBORDINATE: &str = "/etc/subuid";
/// No such file is longer, in octets; what comes behind it does not count.
const MOST: u64 = 1 << 20;

/// A line of the file: the owner, by name or uid, and the uids.
#[derive(Debug, PartialEq, Eq)]
struct Subordinate {
    owner: String,
    uids: Range<u64>,
}

/// The user as whom that one is counted. Root's subordinate uids, and those of nobody we know, count as their first.
/// The file is read once in a process, and the user database is asked once for a uid: it may be a server elsewhere.
pub(crate) fn accountable(uid: u32) -> u32 {
    static KNOWN: OnceLock<Vec<Subordinate>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| parse(&text(Path::new(SUBORDINATE))));
    let Some(own) = known.iter().find(|own| own.uids.contains(&u64::from(uid))) else { return uid };
    static ANSWERS: LazyLock<Mutex<HashMap<u32, u32>>> = LazyLock::new(Mutex::default);
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    *answers.entry(uid).or_insert_with(|| user_of(uid, own))
}

fn user_of(uid: u32, own: &Subordinate) -> u32 {
    if system::has_user(uid) {
        return uid;
    }
    let owner = own.owner.parse().ok().or_else(|| system::uid_of(&own.owner)).filter(|owner| *owner != 0);
    owner.unwrap_or_else(|| u32::try_from(own.uids.start).unwrap_or(uid))
}

/// It is root's file on each machine that has one.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
    read.map_or(String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(text: &str) -> Vec<Subordinate> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let owner = fields.next().filter(|owner| !owner.is_empty() && !owner.starts_with('#'))?.to_owned();
        let (first, count) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.trim().parse::<u32>().ok()?);
        // Root is nobody's.
        let first = u64::from(first);
        (first > 0).then_some(Subordinate { owner, uids: first..first + u64::from(count) })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let text =
            "# x:1:2\nalice:100000:65536\n\n:1:2\nbob\nbob:x:1\nroot:0:5\n1001:4294967295:4294967295\nbob:-1:2\n";
        let known = parse(text);
        let uids = |n: usize| (known[n].owner.as_str(), known[n].uids.clone());
        assert_eq!((uids(0), known.len()), (("alice", 100_000..165_536), 2));
        assert_eq!(uids(1), ("1001", 4_294_967_295..8_589_934_590));
    }
}
