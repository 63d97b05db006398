//! The main job, shown: the output of cron jobs becomes mails that a strict provider takes, and none is lost while the
//! provider cannot be reached.
//!
//! A smarthost runs inside this program, with real TLS, a login, and the rule that both MAIL FROM and the From field
//! must be the login. `acts` shows first what it says to a mail that is submitted as it is; then it calls the real
//! programs as crond calls its mailer, with mails that cron daemons wrote, once by hand, and once while the smarthost
//! is down. It prints what went in and what arrived; the exit status is 0 only if all of it is as it should be.
//!
//! `make demo` runs it. Its one argument is the directory of the programs; without it, the one this program was built
//! into.

// A demonstration prints.
#![allow(clippy::print_stderr)]

mod acts;
// Only a part of it is used here.
#[allow(dead_code, unused_imports)]
#[path = "../../tests/smarthost/mod.rs"]
mod smarthost;

use std::error::Error;
use std::io::stdout;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match programs().and_then(|directory| acts::play(&directory, &mut stdout().lock())) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("The demonstration cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The directory of the door; the relay has to lie beside it.
fn programs() -> Result<PathBuf, Box<dyn Error>> {
    let directory = match std::env::args_os().nth(1) {
        Some(directory) => PathBuf::from(directory),
        None => {
            let own = std::env::current_exe()?;
            own.parent().and_then(Path::parent).ok_or("this program lies nowhere")?.to_path_buf()
        }
    };
    for name in ["mailx-t", "mailx-t-relay"] {
        if !directory.join(name).is_file() {
            return Err(format!("{} has no {name}: run make demo", directory.display()).into());
        }
    }
    Ok(directory.canonicalize()?)
}
