//! The users who have had their share of a limit of the settings. Their mail waits in the queue, and nobody waits
//! behind it.

use std::collections::HashMap;

use jiff::Timestamp;
use lettre::Address;

use crate::pace::Rate;
use crate::spool::{Remark, Spool};
use crate::{log, system};

/// The knowledge of this term about them.
pub(super) struct Shares<'a> {
    spool: &'a Spool,
    /// The account, the uid, and the sentence that says why.
    spent: HashMap<(Address, u32), String>,
}

impl<'a> Shares<'a> {
    pub(super) fn new(spool: &'a Spool) -> Self {
        Self { spool, spent: HashMap::new() }
    }

    /// The reason why mail of that user does not leave from that account for the rest of this term.
    pub(super) fn spent(&self, account: &Address, uid: u32) -> Option<&str> {
        self.spent.get(&(account.clone(), uid)).map(String::as_str)
    }

    /// The user has had a share of that limit, and gets more at `until`. The log says so once for each such time, and
    /// mailq until then.
    pub(super) fn spend(&mut self, account: &Address, uid: u32, until: Timestamp, rate: Rate) {
        let sentence = format!(
            "user {} has had a share of what the settings allow, {rate}: the next mail of this user may leave at {until:.0}",
            system::user(uid).name
        );
        let about = Spool::share_of(uid);
        let is_told = self.spool.remarks(system::now()).iter().any(|remark| remark.about == about);
        if !is_told {
            log::info(&sentence);
            let remark = Remark { about, says: sentence.clone(), until };
            self.spool.remark(&remark).unwrap_or_else(|error| log::error(&error.to_string()));
        }
        self.spent.insert((account.clone(), uid), sentence);
    }
}
