//! Who may write and read a configuration file: it names commands, and may hold a password.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::system;

/// A configuration names commands. It has to be root's or the caller's own, and for nobody else to write.
pub(super) fn is_foreign(path: &Path) -> bool {
    let ours = [0, system::caller().uid, system::effective_uid()];
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o002 != 0 || !ours.contains(&found.uid()))
}

/// Others than its owner may use the file, but for reading by the one group that may.
pub(super) fn is_exposed(path: &Path, readers: Option<u32>) -> bool {
    fs::metadata(path).is_ok_and(|found| is_open(found.mode(), found.gid(), readers))
}

fn is_open(mode: u32, group: u32, readers: Option<u32>) -> bool {
    let closed = if readers == Some(group) { 0o037 } else { 0o077 };
    mode & closed != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_file_with_a_password_may_be_read_by_the_group_of_the_service() {
        for (mode, group, is_exposed) in [
            (0o640, 997, false),
            (0o440, 997, false),
            (0o640, 100, true),
            (0o660, 997, true),
            (0o670, 997, true),
            (0o644, 997, true),
        ] {
            assert_eq!(is_open(mode, group, Some(997)), is_exposed, "{mode:o} {group}");
        }
        assert!(is_open(0o640, 997, None));
    }
}
