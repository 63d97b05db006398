//! The mails that are under way over one session, and how many of them there may be.
//!
//! No bytes are moved here: `offer_mail` and `await_answer` do that.

use std::collections::VecDeque;

use super::super::login::LoginInGroup;
use super::super::trouble::Trouble;
use super::transaction::{Awaited, Offered, Transaction};
use crate::outcome::Reply;

/// The mails under way, in the order in which they were offered and will be answered.
pub(super) struct Window {
    /// Commands go out in groups, RFC 2920.
    pub(super) groups: bool,
    /// The content goes out in BDAT, in the group of its envelope, RFC 3030.
    pub(super) chunks: bool,
    /// Content goes out in BDAT once the server has taken a mail.
    chunks_follow: bool,
    /// The login that goes out with the first mail. It is kept until it is answered.
    pub(super) login: Option<LoginInGroup>,
    /// As far as is known, a transaction is open at the server.
    pub(super) is_open: bool,
    under_way: VecDeque<Transaction>,
    /// The number of mails that the server has taken over this connection.
    taken: usize,
}

impl Window {
    pub(super) fn new(groups: bool, chunks: bool) -> Self {
        let chunks = groups && chunks;
        let under_way = VecDeque::new();
        Self { groups, chunks, chunks_follow: false, login: None, is_open: false, under_way, taken: 0 }
    }

    /// Holds the content of the first mail back until its envelope is answered. A server that the question about chunks
    /// has confused shows it before it can have the mail.
    pub(super) fn hold_first_content(&mut self) {
        self.chunks = false;
        self.chunks_follow = true;
    }

    /// Has the login go out with the first mail.
    pub(super) fn log_in_with_first(&mut self, login: LoginInGroup) {
        self.login = Some(login);
    }

    /// The number of mails that may be under way at once: one until the server has taken one, then one more for each
    /// that it takes. A server that wants to be asked for each content gets the mail that it is asked for, and the one
    /// before it.
    pub(super) fn capacity(&self) -> usize {
        match (self.groups, self.chunks) {
            (false, _) => 1,
            (true, false) => 2.min(1 + self.taken),
            (true, true) => 1 + self.taken,
        }
    }

    /// The server has taken no mail so far, so that whatever it does may be about the first group of commands.
    pub(super) fn is_first_group(&self) -> bool {
        self.taken == 0
    }

    pub(super) fn push(&mut self, mail: Transaction) {
        self.under_way.push_back(mail);
    }

    /// The mail that was offered last.
    pub(super) fn newest(&mut self) -> &mut Transaction {
        // `Session::offer` has put it there.
        let last = self.under_way.len() - 1;
        &mut self.under_way[last]
    }

    /// The mail that was offered first.
    pub(super) fn oldest(&self) -> Option<&Transaction> {
        self.under_way.front()
    }

    /// The outcomes of the mail that was offered first, which is no longer under way.
    pub(super) fn conclude_oldest(&mut self) -> Option<Offered> {
        self.under_way.pop_front().map(Transaction::conclude)
    }

    /// The place of a mail, as [`next_awaited`](Self::next_awaited) gives it.
    pub(super) fn mail(&mut self, at: usize) -> &mut Transaction {
        &mut self.under_way[at]
    }

    /// The place of the first mail that awaits a reply, and the command that the reply is to.
    pub(super) fn next_awaited(&self) -> Option<(usize, Awaited)> {
        self.under_way.iter().enumerate().find_map(|(at, mail)| Some((at, mail.next_awaited()?)))
    }

    /// Applies a reply to the mail at that place, and notes what it means for the mails behind it.
    pub(super) fn note_reply(&mut self, at: usize, awaited: Awaited, reply: &Reply) {
        self.under_way[at].apply_reply(reply);
        let is_taken = reply.is_positive();
        if is_taken && awaited.is_end() {
            self.taken += 1;
            self.chunks |= std::mem::take(&mut self.chunks_follow);
        }
        match (awaited, is_taken) {
            (Awaited::Mail, true) => self.is_open = true,
            (Awaited::Dot | Awaited::LoneDot, _) | (Awaited::Reset | Awaited::LastChunk, true) => self.is_open = false,
            // RFC 3030 does not say whether that ends the transaction.
            (Awaited::LastChunk | Awaited::Data, false) => {
                if let Some(next) = self.under_way.get_mut(at + 1) {
                    next.mark_behind_open();
                }
            }
            _ => {}
        }
    }

    /// The server closes the channel in reply to the mail at that place.
    pub(super) fn close_from(&mut self, at: usize, reply: &Reply) {
        let is_late = self.taken > 0;
        let outcome = self.under_way[at].close(reply, is_late);
        for later in self.under_way.range_mut(at + 1..) {
            later.drop_unanswered(&outcome, is_late);
        }
    }

    /// The link is lost with all these mails under way.
    pub(super) fn abandon_all(&mut self, trouble: &Trouble, is_first_group: bool) {
        for mail in &mut self.under_way {
            mail.abandon(trouble, is_first_group);
        }
    }
}
