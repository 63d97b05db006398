//! Commands that print a password, as other mailers have them (`passwordeval`). Everybody reads our configuration, and
//! the relay runs as a user of its own. So a command is copied only if no part of it can be a secret and it needs
//! nothing that a person has: a keyring, an agent, a home, an environment.

use super::account::{Account, ByHand, Password};
use super::imported::Imported;
use super::words::words;

/// Programs that print what they are told.
const PRINTERS: [&str; 2] = ["echo", "printf"];
/// Programs that unlock what is a person's. No argument of theirs is the password, but for one that says so.
const KEEPERS: [&str; 9] =
    ["gopass", "gpg", "gpg2", "keyring", "kwallet-query", "pass", "secret-tool", "security", "systemd-ask-password"];
/// Programs that print files.
const READERS: [&str; 3] = ["cat", "head", "tail"];
/// Programs that run what they are told, and so may print a secret among their words.
const RUNNERS: [&str; 12] =
    ["awk", "base64", "bash", "dash", "env", "openssl", "perl", "python", "python3", "sed", "sh", "sudo"];

/// What becomes of a command.
enum Fate {
    /// It only prints this.
    Printed(String),
    /// It can run as it is.
    Copied,
    /// A person has to run it. It may be shown, or it may hold the secret.
    ByHand { is_shown: bool },
}

/// Takes the command for the password. `elsewhere` is a line for a shell that runs the command out of the file that it
/// stands in, so that it need not be shown.
pub(super) fn take(
    imported: &mut Imported,
    account: &mut Account,
    (line, setting, command): (usize, &'static str, &str),
    elsewhere: Option<String>,
) {
    match fate(command, &[account.user.as_deref(), Some(&account.host)]) {
        Fate::Printed(password) => {
            account.password = Some(Password::from(password.as_str()));
            imported.note(line, &format!("{setting} only prints the password: it goes to the password file"));
        }
        Fate::Copied => {
            account.password_command = Some(command.to_string());
            let sentence = format!(
                "{setting} becomes password-command: everybody can read it, and it runs as the user who sends \
                 (mailx-t where there is one)"
            );
            imported.note(line, &sentence);
        }
        Fate::ByHand { is_shown } => {
            let run = if is_shown { Some(command.to_string()) } else { elsewhere };
            account.by_hand = Some(ByHand { line, setting, run });
        }
    }
}

fn fate(command: &str, known: &[Option<&str>]) -> Fate {
    let words = words(command);
    let Some((program, rest)) = words.split_first() else { return Fate::ByHand { is_shown: false } };
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let name = program.rsplit('/').next().unwrap_or_default();
    let is_one = !command.contains(['|', ';', '&', '$', '`', '<', '>', '(', ')', '{', '}', '*', '?', '[', '\n']);
    if PRINTERS.contains(&name) {
        let printed = printed(name, &rest).filter(|_| is_one);
        return printed.map_or(Fate::ByHand { is_shown: is_variable(&rest) }, Fate::Printed);
    }
    let is_keeper = KEEPERS.contains(&name);
    let is_plain = !command.contains(['|', ';', '&', '`', '<', '>', '(', '\n']);
    let tells = |word: &&str| ["phrase", "passwd", "token", "secret=", "pin="].iter().any(|part| word.contains(part));
    if is_keeper || RUNNERS.contains(&name) {
        return Fate::ByHand { is_shown: is_keeper && is_plain && !rest.iter().any(tells) };
    }
    let is_reader = READERS.contains(&name);
    let is_known = |word: &str| known.contains(&Some(word)) && !word.is_empty();
    let is_path = |word: &str| word.starts_with('/') && !is_at_home(word);
    let is_count = |word: &str| is_reader && word.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit());
    let is_innocent = |word: &&str| is_path(word) || is_option(word) || is_known(word) || is_count(word);
    let is_file = is_reader || is_path(program);
    if is_one && is_file && !command.contains('~') && rest.iter().all(is_innocent) {
        return Fate::Copied;
    }
    let names_files = |word: &&str| is_option(word) || is_count(word) || word.contains('/');
    let is_file_of_person = is_plain && is_reader && rest.iter().all(names_files);
    Fate::ByHand { is_shown: is_file_of_person || is_reader && is_variable(&rest) }
}

/// The text that echo or printf prints; `None` if the shell or the program would change it on the way.
fn printed(name: &str, rest: &[&str]) -> Option<String> {
    let plain = |text: &str| (!text.is_empty() && !text.contains('\\')).then(|| text.to_string());
    match (name, rest) {
        ("printf", ["%s" | "%s\\n", text]) => Some(text.to_string()),
        ("printf", [text]) => plain(text.trim_end_matches("\\n")).filter(|text| !text.contains('%')),
        ("echo", rest) => {
            let is_switch = |word: &&&str| ["-n", "-e", "-E", "-ne", "-en"].contains(*word);
            let words: Vec<&str> = rest.iter().skip_while(is_switch).copied().collect();
            plain(&words.join(" "))
        }
        _ => None,
    }
}

/// The words are variables only, so no secret.
fn is_variable(words: &[&str]) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_variable = |word: &str| {
        let inner = word.strip_prefix('$').map(|rest| rest.trim_start_matches('{').trim_end_matches('}'));
        inner.is_some_and(is_name)
    };
    !words.is_empty()
        && words.iter().all(|word| is_option(word) || matches!(*word, "%s" | "%s\\n") || is_variable(word))
}

fn is_option(word: &str) -> bool {
    let name = word.strip_prefix("--").unwrap_or_else(|| word.get(1..).filter(|rest| rest.len() == 1).unwrap_or(""));
    word.starts_with('-') && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
}

/// The file is a person's, and closed to the user that serves.
fn is_at_home(path: &str) -> bool {
    ["/home/", "/root/", "/Users/"].iter().any(|home| path.starts_with(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a command, in a word.
    fn told(command: &str) -> String {
        match fate(command, &[Some("me@a.example"), Some("a.example")]) {
            Fate::Printed(text) => format!("printed {text}"),
            Fate::Copied => "copied".to_string(),
            Fate::ByHand { is_shown: true } => "shown".to_string(),
            Fate::ByHand { is_shown: false } => "hidden".to_string(),
        }
    }

    #[test]
    fn command_is_copied_only_if_it_holds_no_secret_and_needs_no_person() {
        for (command, expected) in [
            ("cat /run/secrets/mail", "copied"),
            ("head -n 1 /etc/mail.pw", "copied"),
            ("head -1 /etc/mail.pw", "copied"),
            ("/usr/local/bin/mail-password", "copied"),
            ("/usr/local/bin/mail-password --account me@a.example -v", "copied"),
            ("cat ~/.mail.pw", "shown"),
            ("cat /home/me/.pw", "shown"),
            ("cat $MSMTP_PWD_FILE", "shown"),
            ("pass show email/app", "shown"),
            ("gpg -dq ~/.authinfo.gpg", "shown"),
            ("gpg --no-tty -q -d /root/.msmtp-password.gpg", "shown"),
            ("secret-tool lookup host smtp.example.com", "shown"),
            ("security find-internet-password -s a.example -w", "shown"),
            ("echo $MAILER_PASSWORD", "shown"),
            ("printf %s \"$PW\"", "shown"),
            ("printf '%s\\n' ${PW}", "shown"),
            ("echo hunter2", "printed hunter2"),
            ("echo -n 'hunter2 x'", "printed hunter2 x"),
            ("/bin/echo hunter2", "printed hunter2"),
            ("printf %s hunter2", "printed hunter2"),
            ("printf 'hunter2\\n'", "printed hunter2"),
            ("printf 'hunter%%2'", "hidden"),
            ("echo 'hunter2\\n'", "hidden"),
            ("echo hunter$2", "hidden"),
            ("echo 'hunter2' | tr -d '\\n'", "hidden"),
            ("echo aHVudGVyMg== | base64 -d", "hidden"),
            ("bash -c 'echo hunter2'", "hidden"),
            ("sh -c \"printf hunter2\"", "hidden"),
            ("/bin/sh -c 'cat /etc/pw'", "hidden"),
            ("python3 -c 'print(\"hunter2\")'", "hidden"),
            ("awk 'BEGIN { print \"hunter2\" }'", "hidden"),
            ("base64 -d <<< aHVudGVyMg==", "hidden"),
            ("gpg --batch --passphrase hunter2 -d /etc/pw.gpg", "hidden"),
            ("echo hunter2 | gpg --passphrase-fd 0 -d /etc/pw.gpg", "hidden"),
            ("bw get password mail --session hunter2", "hidden"),
            ("/usr/local/bin/decrypt hunter2", "hidden"),
            ("/usr/local/bin/decrypt --key=hunter2", "hidden"),
            ("/usr/local/bin/decrypt -phunter2", "hidden"),
            ("PW=hunter2 /usr/local/bin/show", "hidden"),
            ("", "hidden"),
        ] {
            assert_eq!(told(command), expected, "{command}");
        }
    }
}
