//! Tells a person, once, that no mail can leave: through a command of the configuration.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::outcome::clean;

/// `[alarm]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// A shell command that gets the sentence on stdin, one line.
    pub(crate) command: Option<String>,
}

/// Starts the command and leaves it to itself; it gets nothing of our environment.
///
/// # Errors
/// The command cannot be started.
pub(crate) fn raise(settings: &Settings, sentence: &str) -> std::io::Result<()> {
    let Some(command) = &settings.command else { return Ok(()) };
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One line is far below the size of a pipe, so this does not wait for the command to read.
        let _ = writeln!(stdin, "{}", clean(sentence));
    }
    Ok(())
}
