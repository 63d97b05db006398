//! What is missing of a configuration for a provider is asked of a person at a terminal: the account, the sender, who
//! gets root's mail, the password.

use lettre::Address;

use super::provider::Chosen;

/// A person who is asked a question, which may be about a secret. `None` if there is no answer.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&str, bool) -> Option<String>;

/// Three wrong answers are enough.
const TRIES: usize = 3;
/// The lines of the template about the default recipient.
const NO_DEFAULT: &str = "# [recipients]\n# default = \"ops@example.com\"";

/// Fills in the lines of `text` that `ctl init` has left to a person. The text is `None` if there was no answer to what
/// it cannot do without.
pub(super) fn fill(text: &str, chosen: &Chosen, ask: Ask<'_>) -> Option<String> {
    let mut filled = Vec::new();
    for line in text.lines() {
        let name = line.split(" = ").next().unwrap_or_default();
        let answer = match line {
            _ if line.starts_with("user = \"mail@example.com\"  ") => address(&chosen.question(), ask)?.to_string(),
            _ if line.starts_with("user = \"USER\"  ") => word(&chosen.question(), ask)?,
            _ if line.starts_with("client-id = \"CLIENT-ID\"  ") => word("The client ID of the application", ask)?,
            _ if line.starts_with("from = \"mail@example.com\"  ") => {
                address("The address that mail leaves as", ask)?.to_string()
            }
            _ => {
                filled.push(line.to_string());
                continue;
            }
        };
        filled.push(format!("{name} = \"{answer}\""));
    }
    let text = filled.join("\n") + "\n";
    if !text.contains(NO_DEFAULT) {
        return Some(text);
    }
    match address("Who gets the mail of root and of other local names (an address; empty: the account itself)", ask) {
        Some(to) => Some(text.replacen(NO_DEFAULT, &format!("[recipients]\ndefault = \"{to}\""), 1)),
        None => Some(text),
    }
}

/// The secret that lets the account in, if one is given.
pub(super) fn secret(chosen: &Chosen, ask: Ask<'_>) -> Option<String> {
    // Most providers want something in place of the password.
    let question = match (chosen.secret(), chosen.wants()) {
        ("password", None) => "The password".to_string(),
        ("password", Some(wants)) => format!("What logs in ({wants})"),
        (other, wants) => format!("The {} ({})", other.replace('-', " "), wants.unwrap_or_default()),
    };
    word_of(ask(&question, true)?)
}

fn address(question: &str, ask: Ask<'_>) -> Option<Address> {
    let mut answer = word(question, ask)?;
    for _ in 1..TRIES {
        if let Ok(address) = answer.parse() {
            return Some(address);
        }
        answer = word(&format!("That is no address, name@domain is wanted. {question}"), ask)?;
    }
    answer.parse().ok()
}

fn word(question: &str, ask: Ask<'_>) -> Option<String> {
    word_of(ask(question, false)?).map(|word| word.replace('\u{ff20}', "@").replace(['"', '\\'], ""))
}

/// The answer without what is around it; `None` if nothing is left.
fn word_of(answer: String) -> Option<String> {
    let word = answer.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    (!word.is_empty()).then(|| word.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{TEMPLATE, provider};
    use super::*;
    use crate::config::{Config, Source};

    fn filled(name: &str, answers: &[&str]) -> Option<String> {
        let chosen = provider::find(name).unwrap();
        let mut answers = answers.iter();
        let mut ask = |_: &str, _: bool| answers.next().map(|answer| answer.to_string());
        fill(&chosen.fill(TEMPLATE), &chosen, &mut ask)
    }

    #[test]
    fn answers_make_a_configuration_that_is_filled_in() {
        let text = filled("qq", &["me", " 12345\u{ff20}qq.com ", "ops@example.org"]).unwrap();
        let path = Path::new("/c");
        let config = Config::of(path, &text, Source::System(path.to_path_buf())).unwrap();
        assert_eq!(config.account.to_string(), "12345@qq.com");
        assert!(text.contains("[recipients]\ndefault = \"ops@example.org\""), "{text}");
        let text = filled("sendgrid", &["me@example.org", ""]).unwrap();
        let config = Config::of(path, &text, Source::System(path.to_path_buf())).unwrap();
        assert_eq!(config.account.to_string(), "me@example.org");
        assert!(text.contains("# default = "), "{text}");
        let text = filled("office365", &["me@example.org", "6f1a", ""]).unwrap();
        assert!(text.contains("\nclient-id = \"6f1a\"\nrefresh-token-file = "), "{text}");
        assert_eq!(filled("qq", &[]), None);
        assert_eq!(filled("qq", &["me", "me", "me"]), None);
    }
}
