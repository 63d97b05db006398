//! OpenWrt's UCI files for msmtp: `config msmtp 'NAME'`, and below it `option KEY 'VALUE'` with the keys of msmtp. They
//! are read as the msmtprc that they stand for.

use super::files::Files;
use super::imported::Imported;
use super::msmtp;
use super::words::words;

pub(super) fn read(files: &Files, imported: &mut Imported) {
    // Each line stays in its place, so that a note names the line of the file.
    let lines = files.text.lines().map(as_msmtp);
    let text: Vec<String> = lines.collect();
    msmtp::read(&files.of_text(&text.join("\n")), imported);
}

/// A line of msmtprc; one that is none of UCI's stays as it is.
fn as_msmtp(line: &str) -> String {
    let words = words(line);
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
    match word(0) {
        "config" if matches!(word(2), "" | "default") => "account default".to_string(),
        "config" => format!("account {}", word(2)),
        // msmtp reads quotes around a value only, so a value that has them itself keeps them in another pair.
        "option" | "list" => format!("{} \"{}\"", word(1), as_switch(word(2))),
        "package" | "" => String::new(),
        _ => line.to_string(),
    }
}

/// UCI's switches are numbers.
fn as_switch(value: &str) -> &str {
    match value {
        "0" => "off",
        "1" => "on",
        value => value,
    }
}
