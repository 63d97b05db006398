//! The order in which users of the machine are served: one mail of each in turn, so that nobody waits behind all the
//! mail of another.

use std::collections::HashMap;
use std::hash::Hash;

/// Puts the works of several users in turn: the first of each, then the second of each, and so on. Those that
/// `is_first` names come before all others. Within a turn, and for each user, the order stays.
pub(super) fn in_turn<T, U: Eq + Hash>(
    works: Vec<T>,
    user_of: impl Fn(&T) -> U,
    is_first: impl Fn(&T) -> bool,
) -> Vec<T> {
    let mut had: HashMap<U, u64> = HashMap::new();
    let mut placed: Vec<(u64, T)> = Vec::with_capacity(works.len());
    for work in works {
        let place = if is_first(&work) {
            0
        } else {
            let turn = had.entry(user_of(&work)).or_default();
            *turn += 1;
            *turn
        };
        placed.push((place, work));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, work)| work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_served_in_turn_and_root_first() {
        let works = [(7, "a1"), (7, "a2"), (7, "a3"), (8, "b1"), (0, "r1"), (8, "b2"), (0, "r2")];
        let served = in_turn(works.to_vec(), |work| work.0, |work| work.0 == 0);
        assert_eq!(served.iter().map(|work| work.1).collect::<Vec<_>>(), ["r1", "r2", "a1", "b1", "a2", "b2", "a3"]);
    }
}
