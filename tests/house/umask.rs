//! The umask of the tests: the files that they make have to be such as the programs trust.

use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn others_may_not_write_the_files_that_tests_make() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [place.path(), &file] {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o022, 0, "a new file has mode {mode:o}: umask 022, as in .cargo/config.toml, comes first");
    }
}
