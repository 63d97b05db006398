//! The pace at which a job's mails leave: what is new leaves at once, as long as there is a reserve for it; a repeat
//! leaves by itself if the job seldom mails, and else waits for the next digest.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Settings;
use crate::interval::later;
use crate::repeats::News;

/// A job that mails less often than `after` times in this time has none of its mails folded.
const OFTEN: SignedDuration = SignedDuration::from_hours(1);
/// A digest is due at a full five minutes, so that those of several jobs can leave together.
const STEP: i64 = 5 * 60;
/// So many new mails may leave at once, and one more an hour.
const RESERVE: u32 = 15;
const MORE_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// So many mails are remembered that were to leave and have not been taken yet.
const MOST_UNTOLD: usize = 256;

/// What is to become of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// It leaves by itself.
    Leaves,
    /// It waits for the digest that is due then.
    Folds {
        /// The time of the digest.
        due: Timestamp,
        /// It tells something new, and no reserve for that is left.
        is_new: bool,
    },
}

/// What is remembered of a job besides the texts of its mails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The arrival of the last mail.
    pub(super) last: Option<Timestamp>,
    /// The arrivals within the last hour.
    pub(super) recent: Vec<Timestamp>,
    /// The time at which the next digest is due, if there is to be one.
    pub(super) due: Option<Timestamp>,
    /// The number of digests since the trouble began.
    pub(super) digests: u32,
    /// The reserves for new shapes and new values.
    pub(super) reserves: [Reserve; 2],
    /// The ids of mails that were to leave, and may not have left: they are not judged again.
    pub(super) untold: Vec<String>,
}

/// The number of mails that may leave because they are new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reserve {
    /// The mails that have left out of it.
    pub(super) spent: u32,
    /// The time from which the next one is counted back.
    pub(super) since: Option<Timestamp>,
}

impl Pace {
    /// No mail has come for so long that the next one is the start of new trouble.
    pub(crate) fn is_over(&self, settings: &Settings, arrived: Timestamp) -> bool {
        let quiet = self.between(settings).saturating_mul(2);
        self.last.and_then(|last| later(last, quiet)).is_some_and(|end| end < arrived)
    }

    /// Judges a mail that arrived then and brought that news.
    pub(crate) fn judge(
        &mut self,
        settings: &Settings,
        arrived: Timestamp,
        now: Timestamp,
        news: Option<News>,
    ) -> Course {
        self.note(arrived);
        let is_seldom = self.recent.len() < settings.after;
        let is_told_at_once = match news {
            Some(news) => self.reserves[reserve_for(news)].take(arrived),
            None => false,
        };
        if is_told_at_once || is_seldom {
            return Course::Leaves;
        }
        let regular = self.due.or_else(|| later(arrived, self.between(settings)).map(|due| full(due.max(now))));
        // What is new and has no place left must not wait for the regular time.
        let due = if news.is_some() { regular.map(|due| due.min(full(now))) } else { regular };
        self.due = due;
        due.map_or(Course::Leaves, |due| Course::Folds { due, is_new: news.is_some() })
    }

    /// Its digest leaves: the next one is due after a longer time.
    pub(crate) fn digest(&mut self) {
        self.due = None;
        self.digests = self.digests.saturating_add(1);
    }

    /// The mail leaves, and is not judged again.
    pub(crate) fn let_leave(&mut self, id: &str) {
        if self.untold.len() < MOST_UNTOLD {
            self.untold.push(id.to_string());
        }
    }

    /// The mail was to leave already.
    pub(crate) fn is_to_leave(&self, id: &str) -> bool {
        self.untold.iter().any(|one| one == id)
    }

    fn note(&mut self, arrived: Timestamp) {
        self.recent.push(arrived);
        let latest = self.recent.iter().copied().max().unwrap_or(arrived);
        self.recent.retain(|at| latest.duration_since(*at) < OFTEN);
        // More than `after` of them tell nothing more.
        let most = usize::from(u8::MAX);
        self.recent.drain(..self.recent.len().saturating_sub(most));
        self.last = self.last.max(Some(arrived));
    }

    /// The time between a folded mail and its digest: doubled with each digest.
    pub(crate) fn between(&self, settings: &Settings) -> Duration {
        let doubled = 2u32.checked_pow(self.digests).and_then(|factor| settings.every.checked_mul(factor));
        doubled.unwrap_or(Duration::MAX).min(settings.at_most())
    }
}

impl Reserve {
    /// Takes one out of it, if one is left.
    fn take(&mut self, at: Timestamp) -> bool {
        let since = self.since.filter(|since| *since <= at).unwrap_or(at);
        let more = u32::try_from(at.duration_since(since).as_secs() / MORE_AFTER.as_secs()).unwrap_or(u32::MAX);
        self.spent = self.spent.saturating_sub(more);
        self.since =
            Some(since.checked_add(MORE_AFTER.saturating_mul(i32::try_from(more).unwrap_or(i32::MAX))).unwrap_or(at));
        if self.spent == 0 {
            self.since = Some(at);
        }
        let has_left = self.spent < RESERVE;
        self.spent += u32::from(has_left);
        has_left
    }
}

/// New lines have a reserve of their own, so that values that change too often cannot spend it.
fn reserve_for(news: News) -> usize {
    match news {
        News::Shape | News::TooMuch => 0,
        News::Value | News::Leap => 1,
    }
}

/// The next full five minutes.
fn full(at: Timestamp) -> Timestamp {
    let seconds = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
    Timestamp::from_second(seconds.div_euclid(STEP) * STEP + if seconds.rem_euclid(STEP) > 0 { STEP } else { 0 })
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(n: i64) -> Timestamp {
        "2026-11-20T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(n)
    }

    /// The minutes at which mails and digests leave, of a job that mails at those minutes.
    fn leaving(settings: &Settings, mails: impl IntoIterator<Item = (i64, Option<News>)>) -> (Vec<i64>, Vec<i64>) {
        let mut pace = Pace::default();
        let (mut singles, mut digests) = (Vec::new(), Vec::new());
        for (n, news) in mails {
            if pace.due.is_some_and(|due| due <= minute(n)) {
                digests.push(n);
                pace.digest();
            }
            if pace.is_over(settings, minute(n)) {
                pace = Pace { due: pace.due, ..Pace::default() };
            }
            if pace.judge(settings, minute(n), minute(n), news) == Course::Leaves {
                singles.push(n);
            }
        }
        (singles, digests)
    }

    #[test]
    fn repeats_of_every_minute_leave_in_one_digest_an_hour() {
        let settings = Settings::default();
        let (singles, digests) = leaving(&settings, (0..1440).map(|n| (n, (n == 0).then_some(News::Shape))));
        assert_eq!(singles, [0, 1]);
        assert!(digests.len() <= 24 && digests[0] == 65, "{digests:?}");
    }

    #[test]
    fn job_of_every_hour_is_never_folded() {
        let settings = Settings::default();
        let (singles, _) = leaving(&settings, (0..200).map(|n| (n * 60, None)));
        assert_eq!(singles.len(), 200);
        let (singles, _) = leaving(&settings, (0..30).map(|n| (n * 1440, Some(News::Shape))));
        assert_eq!(singles.len(), 30);
    }

    #[test]
    fn time_between_digests_doubles_up_to_the_longest() {
        let settings: Settings = toml::from_str("at-most = \"4h\"").unwrap();
        let (_, digests) = leaving(&settings, (0..1440).map(|n| (n, None)));
        let between: Vec<i64> = digests.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(between, [120, 240, 240, 240, 240, 240]);
    }

    #[test]
    fn news_leaves_at_once_until_its_reserve_is_spent_and_then_within_five_minutes() {
        let settings = Settings::default();
        let mut pace = Pace::default();
        for n in 0..3 {
            pace.judge(&settings, minute(n), minute(n), None);
        }
        let at = |n| minute(3) + SignedDuration::from_secs(n);
        let news = |pace: &mut Pace, n, news| pace.judge(&settings, at(n), at(n), Some(news));
        for n in 0..15 {
            assert_eq!(news(&mut pace, n, News::Value), Course::Leaves);
        }
        assert_eq!(news(&mut pace, 15, News::Value), Course::Folds { due: minute(5), is_new: true });
        assert_eq!(news(&mut pace, 16, News::Shape), Course::Leaves, "it has a reserve of its own");
        assert_eq!(
            pace.judge(&settings, at(17), at(17), None),
            Course::Folds { due: minute(5), is_new: false },
            "all wait for that digest"
        );
        assert_eq!(news(&mut pace, 3600, News::Value), Course::Leaves, "an hour later there is one more");
        assert!(matches!(news(&mut pace, 3601, News::Value), Course::Folds { .. }));
    }

    #[test]
    fn what_waited_in_an_outage_is_due_when_its_turn_comes() {
        let (settings, mut pace) = (Settings::default(), Pace::default());
        let courses: Vec<Course> =
            (0..360).map(|n| pace.judge(&settings, minute(n), minute(361), None)).skip(2).collect();
        assert!(
            courses.iter().all(|course| *course == Course::Folds { due: minute(365), is_new: false }),
            "{courses:?}"
        );
    }

    #[test]
    fn full_five_minutes_come_after_any_time() {
        for (at, due) in [("00:00", "00:00"), ("00:01", "05:00"), ("04:59", "05:00")] {
            let time = |minutes: &str| format!("2026-11-20T09:{minutes}Z").parse::<Timestamp>().unwrap();
            assert_eq!(full(time(at)), time(due));
        }
        assert_eq!(full("2026-11-20T09:05:00.1Z".parse().unwrap()), "2026-11-20T09:10:00Z".parse().unwrap());
        assert_eq!(full(Timestamp::MAX), Timestamp::MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_state_makes_a_mail_wait_for_ever(
            mails in proptest::collection::vec((0i64..3000, proptest::bool::ANY), 0..60),
            late in 0i64..3000,
            every in 5u64..3000,
        ) {
            let settings: Settings = toml::from_str(&format!("every = \"{every}m\"\nat-most = \"2d\"")).unwrap();
            let longest = SignedDuration::try_from(settings.at_most()).unwrap() + SignedDuration::from_mins(5);
            let (mut pace, mut n) = (Pace::default(), 0);
            for (gap, is_new) in mails {
                n += gap;
                let (arrived, now) = (minute(n), minute(n + late));
                if pace.due.is_some_and(|due| due <= now) {
                    pace.digest();
                }
                if let Course::Folds { due, .. } = pace.judge(&settings, arrived, now, is_new.then_some(News::Value)) {
                    proptest::prop_assert!(due.duration_since(now) <= longest);
                }
            }
        }
    }
}
