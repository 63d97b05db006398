//! A spool for the tests.

use super::Spool;

/// A spool without mail, in a directory that is gone when the first value is dropped.
pub(crate) fn empty_spool() -> (tempfile::TempDir, Spool) {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::new(directory.path());
    spool.create(None).unwrap();
    (directory, spool)
}
