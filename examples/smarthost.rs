//! A strict smarthost to try things on: TLS, a login, and the rule that MAIL FROM and the From field are the login.
//!
//!     cargo run --example smarthost -- DIRECTORY [PORT]
//!
//! It listens on this machine alone. Into DIRECTORY it writes `ca.pem`, to be named by `ca-file`, then `port`, and each
//! mail it takes as `1.eml`, `2.eml`, …, with what the envelope said in front. The account is mail@example.com, its
//! password the environment's SMARTHOST_PASSWORD. It ends with its standard input.

// The example prints.
#![allow(clippy::print_stdout)]

// Only a part of it is used here.
#[allow(dead_code, unused_imports)]
#[path = "../tests/smarthost/mod.rs"]
mod smarthost;

use std::error::Error;
use std::fs;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use smarthost::{Received, Running, Smarthost};

const ACCOUNT: &str = "mail@example.com";
/// No mail comes later than that; a mail not written by then is not waited for.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or("usage: smarthost DIRECTORY [PORT]")?);
    let password = std::env::var("SMARTHOST_PASSWORD").map_err(|_| "SMARTHOST_PASSWORD is not set")?;
    let mut smarthost =
        Smarthost::new().account(ACCOUNT, &password).mail_from_must_be_login().header_from_must_be_login();
    if let Some(port) = arguments.next() {
        smarthost = smarthost.port(port.to_string_lossy().parse()?);
    }
    let smarthost = smarthost.start();
    fs::write(directory.join("ca.pem"), smarthost.ca_pem())?;
    write_whole(&directory, "port", smarthost.port().to_string().as_bytes())?;
    println!("localhost:{}, login {ACCOUNT}, ca-file {}", smarthost.port(), directory.join("ca.pem").display());
    thread::spawn(move || keep(&smarthost, &directory));
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Writes down each mail as it comes.
fn keep(smarthost: &Running, directory: &Path) {
    let mut number = 0;
    while smarthost.wait_for(number + 1, LIMIT) {
        for mail in smarthost.mails().drain(number..) {
            number += 1;
            if let Err(error) = write_whole(directory, &format!("{number}.eml"), &told(&mail)) {
                println!("mail {number} cannot be written down: {error}");
            }
        }
    }
}

fn told(mail: &Received) -> Vec<u8> {
    let mut text = format!("MAIL FROM:<{}>\r\n", mail.reverse_path);
    mail.addresses().iter().for_each(|address| text.push_str(&format!("RCPT TO:<{address}>\r\n")));
    text.push_str("\r\n");
    [text.as_bytes(), &mail.content].concat()
}

/// A reader who sees the name sees all of the file.
fn write_whole(directory: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    let half = directory.join(format!(".{name}"));
    fs::write(&half, content)?;
    fs::rename(half, directory.join(name))
}
