//! The door links no TLS: it starts ten times faster for it, and OpenSSL stays away from its callers.

use std::path::Path;
use std::process::Command;

use crate::support::machine::{door_path, relay_path};

/// The shared libraries a program is linked with.
fn libraries(program: &Path) -> Vec<String> {
    let output = Command::new("readelf").arg("-d").arg(program).env("LC_ALL", "C").output();
    let output = output.expect("readelf is there: it comes with binutils, and so with the compiler");
    assert!(output.status.success(), "readelf -d {}: {output:?}", program.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let needed = text.lines().filter(|line| line.contains("(NEEDED)"));
    needed.filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned())).collect()
}

fn has_tls(libraries: &[String]) -> bool {
    libraries.iter().any(|name| name.starts_with("libssl") || name.starts_with("libcrypto"))
}

#[test]
fn door_links_no_tls_and_the_relay_does() {
    let (door, relay) = (libraries(&door_path()), libraries(&relay_path()));
    assert!(door.iter().any(|name| name.starts_with("libc.")), "{door:?}");
    assert!(!has_tls(&door), "{door:?}");
    assert!(has_tls(&relay), "{relay:?}");
}
