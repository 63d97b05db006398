//! The order in which users of the machine are served: one mail of each in turn, so that nobody waits behind all the
//! mail of another.

use std::collections::HashMap;

/// Puts the works of several users in turn: the first of each, then the second of each, and so on. Those of a user whom
/// `is_first` names come before all others. The order of each user's own stays.
pub(super) fn in_turn<T>(works: Vec<T>, uid_of: impl Fn(&T) -> u32, is_first: impl Fn(u32) -> bool) -> Vec<T> {
    let mut had: HashMap<u32, u64> = HashMap::new();
    let mut placed: Vec<(u64, T)> = Vec::with_capacity(works.len());
    for work in works {
        let uid = uid_of(&work);
        let turn = had.entry(uid).or_default();
        *turn += 1;
        placed.push((if is_first(uid) { 0 } else { *turn }, work));
    }
    placed.sort_by_key(|(turn, _)| *turn);
    placed.into_iter().map(|(_, work)| work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_served_in_turn_and_root_first() {
        let works = [(7, "a1"), (7, "a2"), (7, "a3"), (8, "b1"), (0, "r1"), (8, "b2"), (0, "r2")];
        let served = in_turn(works.to_vec(), |work| work.0, |uid| uid == 0);
        assert_eq!(served.iter().map(|work| work.1).collect::<Vec<_>>(), ["r1", "r2", "a1", "b1", "a2", "b2", "a3"]);
    }
}
