//! The smarthosts of the settings: at least one, in the order they are tried, and which of them a mail leaves over.

use std::ops::Index;

use lettre::Address;

use crate::relay::Smarthost;

/// The smarthosts in the order they are tried; at least one.
#[derive(Clone, Debug)]
pub struct Smarthosts(Vec<Smarthost>);

/// One smarthost of the settings, by its place among them. It means nothing to the smarthosts of other settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmarthostId(usize);

impl Smarthosts {
    /// The smarthost that is written first.
    pub(crate) const FIRST: SmarthostId = SmarthostId(0);

    /// These smarthosts, in this order; `None` if there are none.
    pub(super) fn new(smarthosts: Vec<Smarthost>) -> Option<Self> {
        if smarthosts.is_empty() { None } else { Some(Self(smarthosts)) }
    }

    /// The settings of the smarthost that is written first.
    pub fn first(&self) -> &Smarthost {
        &self[Self::FIRST]
    }

    /// The settings of every smarthost.
    pub fn iter(&self) -> impl Iterator<Item = &Smarthost> {
        self.0.iter()
    }

    /// The id of every smarthost.
    pub(crate) fn ids(&self) -> impl Iterator<Item = SmarthostId> + use<> {
        (0..self.0.len()).map(SmarthostId)
    }

    /// There is more than one.
    pub(crate) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// The first smarthost that is for all mail; the first of all if each is for some senders.
    pub(crate) fn general(&self) -> SmarthostId {
        self.ids().find(|id| self[*id].is_for_all()).unwrap_or(Self::FIRST)
    }

    /// The smarthosts for mail that leaves as that account: its own, else those for all mail, else every one. A report
    /// leaves as no account, and no smarthost is its own.
    pub fn of(&self, account: Option<&Address>) -> Vec<SmarthostId> {
        let is_own = |id: &SmarthostId| account.is_some_and(|account| is_own(&self[*id], account));
        let own: Vec<_> = self.ids().filter(is_own).collect();
        if !own.is_empty() {
            return own;
        }
        let for_all: Vec<_> = self.ids().filter(|id| self[*id].is_for_all()).collect();
        if for_all.is_empty() { self.ids().collect() } else { for_all }
    }

    /// The same server with the same login: who is refused by one of them need not ask the other. Their settings may
    /// differ in all else, as where two senders share a login.
    pub(crate) fn share_login(&self, one: SmarthostId, other: SmarthostId) -> bool {
        let (one, other) = (&self[one], &self[other]);
        one.user == other.user && one.to_string() == other.to_string()
    }

    /// The account has smarthosts that are for its mail alone.
    pub(crate) fn has_own(&self, account: &Address) -> bool {
        self.iter().any(|smarthost| is_own(smarthost, account))
    }

    /// The account of the smarthost that names this sender, an address or the name of a user.
    pub(super) fn account_of(&self, sender: &str) -> Option<Address> {
        self.iter().find(|smarthost| smarthost.matches(sender)).and_then(Smarthost::account)
    }
}

fn is_own(smarthost: &Smarthost, account: &Address) -> bool {
    !smarthost.is_for_all() && smarthost.account().as_ref() == Some(account)
}

impl Index<SmarthostId> for Smarthosts {
    type Output = Smarthost;

    fn index(&self, id: SmarthostId) -> &Smarthost {
        &self.0[id.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::SenderPattern;

    fn smarthost(host: &str, user: &str, match_from: &[&str]) -> Smarthost {
        let match_from = match_from.iter().map(|text| SenderPattern::from(*text)).collect();
        Smarthost { user: Some(user.to_string()), match_from, ..Smarthost::new(host) }
    }

    fn of(smarthosts: Vec<Smarthost>) -> (Smarthosts, Vec<SmarthostId>) {
        let smarthosts = Smarthosts::new(smarthosts).unwrap();
        let ids = smarthosts.ids().collect();
        (smarthosts, ids)
    }

    #[test]
    fn there_is_at_least_one() {
        assert!(Smarthosts::new(Vec::new()).is_none());
        let (smarthosts, ids) = of(vec![smarthost("a.org", "x@a.org", &["*"])]);
        assert_eq!((ids.as_slice(), smarthosts.general()), (&[Smarthosts::FIRST][..], Smarthosts::FIRST));
        assert_eq!(smarthosts.of(None), ids, "a report too leaves over the only one there is");
    }

    #[test]
    fn mail_of_an_account_leaves_over_its_own_and_all_other_over_those_for_all() {
        let (smarthosts, ids) = of(vec![
            smarthost("a.org", "x@a.org", &["joe"]),
            smarthost("b.org", "y@b.org", &[]),
            smarthost("c.org", "x@a.org", &["ann"]),
        ]);
        assert_eq!(smarthosts.general(), ids[1]);
        assert_eq!(smarthosts.of(smarthosts[ids[0]].account().as_ref()), [ids[0], ids[2]]);
        assert_eq!(smarthosts.of(smarthosts[ids[1]].account().as_ref()), [ids[1]]);
        assert_eq!(smarthosts.of(None), [ids[1]]);
        assert_eq!(smarthosts.account_of("ann").unwrap().to_string(), "x@a.org");
        assert!(smarthosts.has_own(&"x@a.org".parse().unwrap()) && !smarthosts.has_own(&"y@b.org".parse().unwrap()));
    }

    #[test]
    fn smarthosts_with_one_login_on_one_server_are_told_from_others() {
        let (smarthosts, ids) = of(vec![
            smarthost("a.org", "x@a.org", &["joe"]),
            smarthost("a.org", "x@a.org", &["ann"]),
            smarthost("a.org", "y@a.org", &[]),
            Smarthost { port: Some(587), ..smarthost("a.org", "x@a.org", &[]) },
        ]);
        let shared: Vec<bool> = ids.iter().map(|id| smarthosts.share_login(ids[0], *id)).collect();
        assert_eq!(shared, [true, true, false, false]);
    }
}
