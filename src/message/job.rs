//! The job whose output a mail is, by the marks that each cron leaves (`docs/folding.md` has the table).

use super::{Message, cron, text};
use crate::outcome::clean;

/// The most characters of a name: a command in a crontab may fill a page.
const LONGEST: usize = 300;

/// The name of the job: the command, or what stands for it in the Subject of that cron. `None` if no cron has left its
/// marks.
pub(crate) fn name(message: &Message) -> Option<String> {
    let value = |name: &str| message.named(name).next().map(|field| text(field.value));
    let subject = value("Subject").unwrap_or_default();
    let marks = Marks {
        has_variables: message.has(cron::FIELD),
        is_automatic: value("Auto-Submitted").is_some_and(|value| value.trim().eq_ignore_ascii_case("auto-generated")),
        from: value("From"),
        mailer: value("X-Mailer").unwrap_or_default().trim().to_string(),
    };
    let found = FORMS.iter().find_map(|(is_theirs, name_in)| name_in(subject.trim()).filter(|_| is_theirs(&marks)));
    let name = found.or_else(|| marks.has_variables.then_some(subject.trim()))?;
    bounded(name)
}

/// A name of at most [`LONGEST`] characters in one line; `None` if nothing is left of it.
pub(crate) fn bounded(name: &str) -> Option<String> {
    let name: String = clean(name).chars().take(LONGEST).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// The fields that tell a cron from a person who writes about one.
struct Marks {
    has_variables: bool,
    is_automatic: bool,
    from: Option<String>,
    mailer: String,
}

impl Marks {
    fn is_from(&self, name: &str) -> bool {
        self.from.as_ref().is_some_and(|from| from.contains(name))
    }
}

type IsTheirs = fn(&Marks) -> bool;
type NameIn = fn(&str) -> Option<&str>;

/// The crons: their marks beside the Subject, and the name in the Subject.
const FORMS: &[(IsTheirs, NameIn)] = &[
    // Vixie cron and its heirs, Debian's cron, cronie, bcron.
    (
        |marks| marks.has_variables || marks.is_automatic || marks.is_from("Cron Daemon"),
        |subject| command_behind_user(subject.strip_prefix("Cron <")?),
    ),
    (
        |marks| marks.has_variables || marks.is_automatic || marks.is_from("Fcron Daemon"),
        |subject| command_behind_user(subject.strip_prefix("fcron <")?),
    ),
    (|marks| marks.is_from("Anacron"), |subject| Some(subject.strip_prefix("Anacron job '")?.rsplit_once("' on ")?.0)),
    // BusyBox writes no From.
    (|marks| marks.from.is_none(), |subject| subject.strip_prefix("cron: ")),
    // So does at, whose numbers differ from job to job.
    (|marks| marks.from.is_none(), |subject| subject.starts_with("Output from your job ").then_some("at")),
    (|marks| marks.mailer.starts_with("systemd-cron"), |subject| Some(subject.strip_prefix('[')?.split_once("] ")?.1)),
];

/// `USER@HOST> COMMAND`.
fn command_behind_user(text: &str) -> Option<&str> {
    Some(text.split_once("> ")?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &str) -> Option<String> {
        name(&Message::read(&mut format!("{fields}\n\nx\n").as_bytes(), &mut Vec::new()).unwrap())
    }

    #[test]
    fn each_cron_names_its_job() {
        for (capture, job) in [
            ("anacron-root", "job.one"),
            ("cronie-anacron-mailfrom", "job.three"),
            ("at-root", "at"),
            ("bcron", "echo root out"),
            ("busybox-crond", r#"echo "磁盘空间不足"; printf 'dot\n.\nend'"#),
            ("cronie-handler-root", r#"echo "root no MAILTO""#),
            ("debian-cron-utf8", r#"echo "备份失败：磁盘空间不足"; df / >/dev/null # 每日备份"#),
            ("fcron-operand-and-to", r#"echo "local dev"; exit 3"#),
            (
                "systemd-cron-two-recipients",
                r#"Failure: /var/spool/cron/crontabs/alice's crontab "0 3 * * * /usr/local/bin/backup --全部""#,
            ),
        ] {
            let path = format!("{}/fixtures/captures/{capture}/stdin", env!("CARGO_MANIFEST_DIR"));
            let stdin = std::fs::read(path).unwrap();
            let message = Message::read(&mut &stdin[..], &mut Vec::new()).unwrap();
            assert_eq!(name(&message).as_deref(), Some(job), "{capture}");
        }
    }

    #[test]
    fn what_no_cron_has_written_is_of_no_job() {
        for fields in [
            "Subject: Cron <root@web1> /opt/x",
            "From: a@x.org\nSubject: cron: what is it?",
            "From: a@x.org\nSubject: Output from your job 4",
            "Subject: Anacron job 'x' on web1",
            "Subject: [web1] Failure: x\nAuto-Submitted: auto-generated",
            "Auto-Submitted: auto-generated\nSubject: *** SECURITY information ***",
            "Subject: x",
        ] {
            assert_eq!(of(fields), None, "{fields}");
        }
    }

    #[test]
    fn name_is_one_line_of_some_length() {
        let long = "x".repeat(1000);
        assert_eq!(of(&format!("X-Cron-Env: <A=b>\nSubject: Cron <a@b> {long}")).unwrap().len(), LONGEST);
        assert_eq!(of("X-Cron-Env: <A=b>\nSubject: Cron <a@b> a\tb\x1b[m").as_deref(), Some("a b?[m"));
        assert_eq!(of("X-Cron-Env: <A=b>\nSubject: our own words").as_deref(), Some("our own words"));
        assert_eq!(of("X-Cron-Env: <A=b>"), None);
    }
}
