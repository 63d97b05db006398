//! The Subject of a mail that came without one. RFC 5322 section 3.6.5 lets it be absent; a list of mails then shows
//! nothing at all.

use super::facts::Facts;
use super::filter::Filter;
use super::terminal::Terminal;
use super::treatment::Labels;
use crate::message::{MediaType, Message, charset, cron};
use crate::outcome::clean;

/// The most characters that are taken from the text: as many as a list of mails shows.
const LONGEST: usize = 70;

/// The subject that is made for a mail without one. A mail of cron gets the one of the shell script that gave mailx-t
/// its name. Any other mail gets the first words of its text. A mail without readable text gets the name of its sender.
pub(super) fn made(message: &Message, facts: &Facts<'_>) -> String {
    let user = cron::user(message).unwrap_or_else(|| facts.user.to_string());
    if facts.is_from_cron || message.has(cron::FIELD) {
        return format!("[cron error] <{user}@{}>", facts.host);
    }
    first_words(message).unwrap_or_else(|| format!("mail from {user} on {}", facts.host))
}

/// The first words of the first line that has a letter or a digit; `None` if the body is no plain text.
fn first_words(message: &Message) -> Option<String> {
    let value = |name| message.named(name).next().map(|field| field.value);
    let labels = Labels::read(value("Content-Type"), value("Content-Transfer-Encoding"));
    let is_binary = message.shape.is_binary() && !message.shape.is_utf16();
    if !labels.is_plain_text() || is_binary {
        return None;
    }
    let text = opening(message, labels.kind.as_ref().and_then(MediaType::charset));
    text.lines().map(clean).find(|line| line.contains(char::is_alphanumeric)).map(shortened)
}

/// The beginning of the body as it would stand on a terminal.
fn opening(message: &Message, label: Option<&str>) -> String {
    let shape = &message.shape;
    if shape.is_utf16() || shape.is_iso_2022_jp() {
        // The decoder goes by the byte order mark of UTF-16 first.
        return charset::decode("iso-2022-jp", shape.opening());
    }
    let mut shown = Vec::new();
    let mut terminal = Terminal::default();
    terminal.push(shape.opening(), &mut shown);
    terminal.end(&mut shown);
    if !shape.is_utf8() && !shape.is_mostly_utf8() {
        return charset::text(&shown, label);
    }
    // The end may have been cut within a character.
    let text = String::from_utf8_lossy(&shown);
    text.trim_start_matches('\u{feff}').trim_end_matches(char::REPLACEMENT_CHARACTER).to_string()
}

/// Cut between words where there are some.
fn shortened(line: String) -> String {
    let Some((end, _)) = line.char_indices().nth(LONGEST) else { return line };
    let text = &line[..end];
    let text = text.rfind(' ').filter(|at| *at > end / 2).map_or(text, |at| &text[..at]);
    format!("{text}…")
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;

    fn of(message: &[u8], is_from_cron: bool) -> String {
        let account = "account@x.org".parse().unwrap();
        let settings = Settings::default();
        let facts = Facts {
            settings: &settings,
            account: &account,
            host: "web1",
            user: "root",
            is_from_cron,
            traced: None,
            own_name: None,
            full_name: None,
            sender: None,
            date: "",
            local_zone: || jiff::tz::TimeZone::UTC,
            id: "",
            unique: "",
        };
        made(&Message::read(&mut &message[..], &mut Vec::new()).unwrap(), &facts)
    }

    #[test]
    fn only_cron_fails_by_its_subject() {
        assert_eq!(of(b"X-Cron-Env: <USER=alice>\n\nwent well\n", false), "[cron error] <alice@web1>");
        assert_eq!(of(b"\nwent well\n", true), "[cron error] <root@web1>");
        assert_eq!(of(b"\nwent well\n", false), "went well");
    }

    #[test]
    fn first_line_that_says_something_counts() {
        for (body, subject) in [
            (&b"\n\n=====\n  The backup\tran. \nmore\n"[..], "The backup ran."),
            (b"\x1b[31mdisk\x1b[0m full\n", "disk full"),
            ("备份完成\n".as_bytes(), "备份完成"),
            ("\u{feff}all is well\n".as_bytes(), "all is well"),
            (b"\xff\xfea\0l\0l\0\n\0", "all"),
            (b"\x1b$B%P%C%/\x1b(B up\n", "バック up"),
            (b"caf\xe9 au lait\n", "café au lait"),
            (&[b"one two ".repeat(20).as_slice()].concat(), &format!("{}one…", "one two ".repeat(8))),
            ("备份".repeat(600).as_bytes(), &format!("{}…", "备份".repeat(35))),
        ] {
            assert_eq!(of(&[b"To: a\n\n", body].concat(), false), subject);
        }
    }

    #[test]
    fn body_that_is_no_plain_text_is_named_by_its_sender() {
        let binary: Vec<u8> = (0..200).map(|n| n % 7).collect();
        for message in [
            &b"To: a\n\n"[..],
            b"To: a\n\n-----\n",
            b"Content-Type: text/html\n\n<p>x</p>\n",
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
            b"Content-Transfer-Encoding: base64\n\naGk=\n",
            &[b"To: a\n\n", binary.as_slice()].concat(),
        ] {
            assert_eq!(of(message, false), "mail from root on web1", "{}", String::from_utf8_lossy(message));
        }
    }
}
