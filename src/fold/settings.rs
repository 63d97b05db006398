//! `[fold]`: which mails are folded, and when their digests leave.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use crate::interval;
use crate::pattern;

/// The shortest time between two digests: a digest is due at a full five minutes.
const SHORTEST: Duration = Duration::from_secs(5 * 60);

/// `[fold]`. Without the table nothing is folded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The time after which the first digest of a trouble is due.
    #[serde(deserialize_with = "time")]
    pub(crate) every: Duration,
    /// The longest time between two digests of one job. The time doubles with each digest up to it; `None` is `every`.
    #[serde(deserialize_with = "some_time")]
    at_most: Option<Duration>,
    /// So many mails of a job leave by themselves within an hour before the next repeat is folded.
    #[serde(deserialize_with = "count")]
    pub(crate) after: usize,
    /// Jobs and recipients whose mail is never folded; a `*` stands for anything.
    never: Vec<String>,
    /// Subjects of mail that is of a job although no cron says so; a `*` stands for anything.
    subjects: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { every: Duration::from_secs(3600), at_most: None, after: 3, never: Vec::new(), subjects: Vec::new() }
    }
}

impl Settings {
    /// The longest time between two digests.
    pub(crate) fn at_most(&self) -> Duration {
        self.at_most.unwrap_or_default().max(self.every)
    }

    /// Mail of that job, or to one of those recipients, is never folded.
    pub(crate) fn excepts<'a>(&self, job: &'a str, recipients: impl Iterator<Item = &'a str>) -> bool {
        let mut names = recipients.chain([job]);
        names.any(|name| self.never.iter().any(|pattern| pattern::fits(pattern, name)))
    }

    /// The pattern that a Subject fits: it is the name of the job.
    pub(crate) fn job_by_subject(&self, subject: &str) -> Option<&str> {
        self.subjects.iter().find(|pattern| pattern::fits(pattern, subject.trim())).map(String::as_str)
    }
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    match interval::deserialize(from)? {
        short if short < SHORTEST => {
            Err(D::Error::custom("expected \"5m\" or more: a digest is due at a full five minutes"))
        }
        time => Ok(time),
    }
}

fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from).map(Some)
}

fn count<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match u8::deserialize(from)? {
        0 => Err(D::Error::custom("expected a number from 1 to 255")),
        count => Ok(usize::from(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn time_between_digests_is_never_shorter_than_the_first() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(read("").unwrap().at_most(), hours(1));
        assert_eq!(read("every = \"2h\"\nat-most = \"1h\"").unwrap().at_most(), hours(2));
        assert_eq!(read("at-most = \"1d\"").unwrap().at_most(), hours(24));
        assert!(read("every = \"4m\"").unwrap_err().contains("5m"));
        assert!(read("after = 0").is_err() && read("after = 256").is_err());
    }

    #[test]
    fn jobs_and_recipients_can_be_excepted() {
        let settings =
            read("never = [\"/opt/payroll*\", \"*@ping.example.test\"]\nsubjects = [\"[Fail2Ban]*\"]").unwrap();
        assert!(settings.excepts("/opt/payroll --all", ["a@x.org"].into_iter()));
        assert!(settings.excepts("/opt/x", ["a@x.org", "b@Ping.example.test"].into_iter()));
        assert!(!settings.excepts("/opt/x", ["a@x.org"].into_iter()));
        assert_eq!(settings.job_by_subject(" [Fail2Ban] sshd: banned"), Some("[Fail2Ban]*"));
        assert_eq!(settings.job_by_subject("Fail2Ban"), None);
    }
}
