//! cron's words about the job: one `X-Cron-Env: <NAME=value>` field for each variable of the crontab (Vixie cron and
//! all its heirs). The fields carry whatever the crontab holds, secrets too, so we look only at the few names that we
//! ask for.

use super::{Message, text};

pub(crate) use super::scan::CRON_ENV as FIELD;

/// The value of a variable: the text between the first `<` and the last `>`, after `NAME=`. `None` if it is absent or
/// empty.
pub(crate) fn variable(message: &Message, name: &str) -> Option<String> {
    message.named(FIELD).find_map(|field| {
        let value = text(field.value);
        let (start, end) = (value.find('<')?, value.rfind('>')?);
        let (found, value) = value.get(start + 1..end)?.split_once('=')?;
        (found == name && !value.trim().is_empty()).then(|| value.to_string())
    })
}

/// The user the job ran as.
pub(crate) fn user(message: &Message) -> Option<String> {
    variable(message, "USER").or_else(|| variable(message, "LOGNAME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(fields: &str) -> Message {
        Message::read(&mut format!("{fields}\n").as_bytes(), &mut Vec::new()).unwrap()
    }

    #[test]
    fn value_stands_between_the_first_and_the_last_bracket() {
        let m = message("X-Cron-Env: <FOO=a=b <c> 'd'>\nX-Cron-Env: <MAILTO=a@x,b@x>\n");
        assert_eq!(variable(&m, "FOO").as_deref(), Some("a=b <c> 'd'"));
        assert_eq!(variable(&m, "MAILTO").as_deref(), Some("a@x,b@x"));
    }

    #[test]
    fn broken_and_empty_fields_are_no_variables() {
        let m =
            message("X-Cron-Env: >MAILTO=a<\nX-Cron-Env: <MAILTO>\nX-Cron-Env: <MAILTO=>\nX-Cron-Env: <LOGNAME=al>\n");
        assert_eq!(variable(&m, "MAILTO"), None);
        assert_eq!(user(&m).as_deref(), Some("al"));
    }
}
