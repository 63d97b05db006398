//! The texts of digests, as people read them: each file of `fixtures/digests` is the text of one whose mails are drawn
//! from `fixtures/repeats`.
//!
//! `BLESS=1 cargo test --test all golden::digests` writes the files anew; read the difference before you commit it.

use std::path::Path;

use crate::support::fixtures::expected;
use crate::support::jobs;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use mailx_t::repeats::{Job, Member, Occasion, digest};

/// The mails of a job: of these troubles, those of these minutes.
type Drawn = Vec<(i64, String, bool)>;

fn drawn(job: &str, trouble: &str, minutes: impl IntoIterator<Item = i64>) -> Drawn {
    let corpus = jobs::corpus();
    let texts = &corpus[job][trouble];
    minutes.into_iter().map(|minute| (minute, texts[usize::try_from(minute).unwrap() % 60].clone(), false)).collect()
}

/// The same, but new.
fn new(mails: Drawn) -> Drawn {
    mails.into_iter().map(|(minute, text, _)| (minute, text, true)).collect()
}

fn text(jobs: &[(&str, Vec<Drawn>)]) -> String {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    let start: Timestamp = "2026-11-30T01:00:00Z".parse().unwrap();
    let at = |minute: i64| start + SignedDuration::from_mins(minute);
    let mut mails: Vec<(&str, Drawn)> = jobs.iter().map(|(name, drawn)| (*name, drawn.concat())).collect();
    mails.iter_mut().for_each(|(_, drawn)| drawn.sort_by_key(|(minute, ..)| *minute));
    let members: Vec<(&str, Vec<Member<'_>>)> = mails
        .iter()
        .map(|(name, drawn)| {
            let members = drawn.iter().map(|(minute, text, is_new)| Member { at: at(*minute), text, is_new: *is_new });
            (*name, members.collect())
        })
        .collect();
    let jobs: Vec<Job<'_>> = members.iter().map(|(name, members)| Job { name, members }).collect();
    let last = mails.iter().flat_map(|(_, drawn)| drawn.iter().map(|(minute, ..)| *minute)).max().unwrap();
    let next = at((last / 60 + 2) * 60);
    digest(&Occasion { host: "web1", zone: &zone, next }, &jobs)
}

fn assert_shows(name: &str, jobs: &[(&str, Vec<Drawn>)]) {
    let made = text(jobs);
    let file = format!("fixtures/digests/{name}.txt");
    assert_eq!(made, String::from_utf8(expected(Path::new(&file), made.as_bytes())).unwrap(), "{file}");
}

#[test]
fn number_that_changes_is_shown_with_its_range() {
    assert_shows("one kind", &[("/opt/check.sh", vec![drawn("web-check", "500", 3..60)])]);
}

#[test]
fn what_is_new_stands_first() {
    let mails = vec![drawn("oracle", "no table", 3..60), new(drawn("oracle", "extent", [31, 44]))];
    assert_shows("new first", &[("/opt/load.sh \"nightly\"", mails)]);
}

#[test]
fn names_that_change_are_listed() {
    let mails = vec![drawn("sshd", "guess", 0..60), drawn("sshd", "root", [5, 17, 18, 19])];
    assert_shows("names", &[("logcheck", mails)]);
}

#[test]
fn long_text_is_its_start_and_its_end() {
    assert_shows("long", &[("/usr/local/bin/tenants", vec![drawn("tenants", "all fail", 10..20)])]);
}

#[test]
fn mails_of_two_days_have_dates() {
    let mails = vec![drawn("zh-sync", "退出码2", (14 * 60..22 * 60).step_by(20)), drawn("zh-sync", "网络", [21 * 60])];
    assert_shows("two days", &[("/srv/同步.sh", mails)]);
}

#[test]
fn many_kinds_are_told_up_to_a_number() {
    let corpus = jobs::corpus();
    let troubles = corpus.iter().flat_map(|(job, troubles)| troubles.keys().map(move |trouble| (job, trouble)));
    let mut mails: Vec<Drawn> =
        troubles.take(20).zip(0..).map(|((job, trouble), minute)| drawn(job, trouble, [minute])).collect();
    mails.push(new(drawn("units", "signal", [25])));
    assert_shows("many kinds", &[("/opt/everything", mails)]);
}

#[test]
fn jobs_that_share_a_digest_have_a_part_each() {
    let jobs = [
        ("/opt/raid", vec![drawn("raid", "slot 3", 0..40)]),
        ("certbot renew", vec![drawn("certbot", "dns", [7])]),
        ("/opt/fetch", vec![drawn("progress", "cut", 20..50)]),
        ("/opt/units", vec![drawn("units", "nginx", 20..30), drawn("units", "mariadb", 30..35)]),
    ];
    assert_shows("four jobs", &jobs);
}
