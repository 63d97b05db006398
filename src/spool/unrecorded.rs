//! Mails that somebody has, and of which no disk takes the record: this process does not try them again.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::QueueId;

static SET_ASIDE: Mutex<BTreeSet<QueueId>> = Mutex::new(BTreeSet::new());

/// Keeps this process from trying that mail again.
pub(super) fn set_aside(id: QueueId) {
    SET_ASIDE.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
}

/// The mail was taken, and that could not be recorded.
pub(super) fn is_set_aside(id: &QueueId) -> bool {
    SET_ASIDE.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
}
