//! What a memory learns, and what it can never be made to do.

use proptest::prelude::*;

use super::memory::{FORMS, SHAPES};
use super::{Memory, News, Print, Verdict};

/// The verdicts on texts that come one after the other.
fn verdicts(memory: &mut Memory, texts: &[&str]) -> Vec<Verdict> {
    texts.iter().map(|text| memory.learn(&Print::of(text)).verdict).collect()
}

/// The memory behind these texts.
fn behind(texts: &[&str]) -> Memory {
    let mut memory = Memory::default();
    verdicts(&mut memory, texts);
    memory
}

fn judge(memory: &Memory, text: &str) -> Verdict {
    memory.judge(&Print::of(text))
}

const REPEAT: Verdict = Verdict::Repeat;
const VALUE: Verdict = Verdict::New(News::Value);
const SHAPE: Verdict = Verdict::New(News::Shape);
const LEAP: Verdict = Verdict::New(News::Leap);

#[test]
fn number_that_never_changes_is_a_fact() {
    let memory = behind(&["error 503"; 30]);
    assert_eq!(judge(&memory, "error 503"), REPEAT);
    assert_eq!(judge(&memory, "error 502"), VALUE);
    assert_eq!(judge(&memory, "error 503\nerror 502"), VALUE);
    assert_eq!(judge(&memory, "timeout"), SHAPE);
}

#[test]
fn number_is_noise_after_three_mails_and_news_where_its_size_leaps() {
    let mut memory = Memory::default();
    let rows = ["12 rows", "13 rows", "12 rows", "14 rows", "15 rows", "99 rows", "100 rows", "101 rows", "9 rows"];
    let expected = [SHAPE, VALUE, REPEAT, VALUE, REPEAT, REPEAT, LEAP, REPEAT, LEAP];
    assert_eq!(verdicts(&mut memory, &rows), expected);
    assert_eq!(judge(&memory, "0 rows"), SHAPE, "nothing at all is another fact");
    assert_eq!(judge(&memory, "-12 rows"), SHAPE);
    let memory = behind(&["5s late", "6s late", "7s late"]);
    assert_eq!((judge(&memory, "8s late"), judge(&memory, "9h14m late")), (REPEAT, LEAP));
}

#[test]
fn name_is_noise_after_eight_mails() {
    let hosts: Vec<String> = (1..=10).map(|n| format!("web{n} down")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut memory = Memory::default();
    let mut expected = [VALUE; 10];
    expected[0] = SHAPE;
    expected[8..].fill(REPEAT);
    assert_eq!(verdicts(&mut memory, &hosts), expected);
}

#[test]
fn part_of_a_name_is_a_fact_while_another_part_changes() {
    let memory = behind(&["ORD_1_a1.csv lost", "ORD_2_a1.csv lost", "ORD_3_a1.csv lost", "ORD_4_a1.csv lost"]);
    assert_eq!((judge(&memory, "ORD_5_a1.csv lost"), judge(&memory, "INV_5_a1.csv lost")), (REPEAT, VALUE));
}

#[test]
fn time_of_day_is_noise_before_its_date_is() {
    let times: Vec<String> = (1..9).map(|n| format!("newest backup: 2026-11-30 0{n}:00:01")).collect();
    let memory = behind(&times.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(judge(&memory, "newest backup: 2026-11-30 09:59:30"), REPEAT);
    assert_eq!(judge(&memory, "newest backup: 2026-09-14 03:00:01"), VALUE);
}

#[test]
fn places_belong_to_the_line_whatever_stands_beside_it() {
    let memory = behind(&["took 11 s", "took 12 s", "took 13 s", "took 14 s\nand failed"]);
    assert_eq!(judge(&memory, "took 15 s\nand failed"), REPEAT);
}

#[test]
fn order_of_lines_and_how_often_they_stand_are_places() {
    let memory = behind(&["checked\nswitched"; 5]);
    assert_eq!(judge(&memory, "switched\nchecked"), VALUE);
    let rack = "rack lost feed\n";
    let memory = behind(&[rack; 5]);
    assert_eq!(judge(&memory, &rack.repeat(24)), VALUE);
    let memory = behind(&[rack, &rack.repeat(3), &rack.repeat(6), &rack.repeat(12)]);
    assert_eq!(judge(&memory, &rack.repeat(24)), REPEAT, "it changes");
}

#[test]
fn word_that_stands_elsewhere_becomes_a_place() {
    let units = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|name| format!("Unit {name}x has failed"));
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    let mut memory = Memory::default();
    let found = verdicts(&mut memory, &units);
    assert_eq!(found[0], SHAPE);
    assert_eq!(found[1..9], [VALUE; 8]);
    assert_eq!(found[9], REPEAT);
    assert_eq!(memory.shapes().len(), 1);
}

#[test]
fn line_is_not_bent_to_one_that_stands_beside_it() {
    let memory = behind(&["a: ok\nb: ok"; 5]);
    assert_eq!(memory.forms.len(), 2);
    assert_eq!(judge(&memory, "a: FAILED\nb: ok"), VALUE, "another word at a place of its own");
    let memory = behind(&["Exec_Pos: 1\nLast_Errno: 0", "Exec_Pos: 2\nLast_Errno: 0", "Exec_Pos: 3\nLast_Errno: 0"]);
    assert_ne!(judge(&memory, "Exec_Pos: 4\nLast_Errno: 1062"), REPEAT);
}

#[test]
fn line_is_not_bent_where_something_varies_already() {
    let memory = behind(&["answer 503 of shop", "answer 502 of shop", "answer 504 of shop"]);
    assert_eq!(judge(&memory, "answer nothing of shop"), SHAPE);
}

#[test]
fn list_in_one_mail_teaches_its_values_at_once() {
    let list: String = (1..=30).map(|n| format!("node{n} unreachable\n")).collect();
    let mut memory = behind(&[&list]);
    assert_eq!(judge(&memory, &list), REPEAT);
    assert_eq!(judge(&memory, &list.replace("node30 ", "node31 ")), VALUE);
    let list: String = (1..=70).map(|n| format!("node{n} unreachable\n")).collect();
    assert_eq!(verdicts(&mut memory, &[&list, &list]), [VALUE, REPEAT], "beyond 64 it changes");
}

#[test]
fn long_log_of_one_form_is_remembered_whole() {
    let log = |day: u32| -> String {
        (0..400).map(|n| format!("Nov {day} 09:03:12 web1 job[{n}]: 1 2 3 4 5 6 7 8 9 10 of {}\n", n * day)).collect()
    };
    let mut memory = behind(&[&log(1), &log(2), &log(3)]);
    assert_eq!(verdicts(&mut memory, &[&log(4)]), [REPEAT]);
    assert_eq!(verdicts(&mut memory, &[&log(4).replace("web1", "web2")]), [VALUE]);
}

#[test]
fn shape_that_is_forgotten_is_new() {
    let mut memory = behind(&["error 503"; 3]);
    let shape = memory.shapes()[0];
    memory.forget(shape);
    assert_eq!(verdicts(&mut memory, &["error 503"; 2]), [SHAPE, REPEAT]);
}

#[test]
fn what_was_seen_least_lately_is_forgotten_first() {
    let mut memory = Memory::default();
    let words: Vec<String> =
        (0..40u8).map(|n| format!("{}{}", (b'a' + n / 26) as char, (b'a' + n % 26) as char)).collect();
    for word in &words {
        verdicts(&mut memory, &["always", word]);
    }
    assert_eq!(memory.shapes().len(), SHAPES);
    assert_eq!(judge(&memory, "always"), REPEAT);
    assert_eq!(judge(&memory, &words[0]), SHAPE);
    let line = |a: u8, b: u8| format!("{}{} stands alone\n", (b'a' + a) as char, (b'a' + b) as char);
    for a in 0..20 {
        let many: String = (0..26).flat_map(|b| [line(a, b), line(b, a).replace("alone", "apart")]).collect();
        verdicts(&mut memory, &[&many]);
        assert!(memory.forms.len() <= FORMS);
    }
}

/// Text as jobs write it, and worse.
fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[a-c]{1,3} [0-9]{1,4} [a-c]{1,3}",
        "(web|db)[0-9] (up|down) [0-9]{1,2}s",
        "2026-(09|11)-[0-3][0-9] [0-2][0-9]:[0-5][0-9]",
        "[a-zA-Z0-9_.:/+= -]{0,40}",
        "\\PC{0,20}",
        "[\\x00-\\x7f]{0,20}",
    ];
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn same_text_is_a_repeat_and_judging_changes_nothing(before in proptest::collection::vec(text(), 0..12), text in text()) {
        let mut memory = behind(&before.iter().map(String::as_str).collect::<Vec<_>>());
        let copy = memory.clone();
        let judged = judge(&memory, &text);
        prop_assert_eq!(&memory, &copy);
        prop_assert_eq!(verdicts(&mut memory, &[&text, &text]), [judged, REPEAT]);
    }

    #[test]
    fn one_changed_fact_is_new(text in "[a-z]{2,6}( [a-z]{2,6}){1,4} [1-9][0-9]{1,3}", count in 1usize..40, other in 10u32..9999) {
        let (words, number) = text.rsplit_once(' ').unwrap();
        let memory = behind(&vec![text.as_str(); count]);
        prop_assert_eq!(judge(&memory, &text), REPEAT);
        if number != other.to_string() {
            prop_assert_eq!(judge(&memory, &format!("{words} {other}")), VALUE);
        }
        prop_assert_ne!(judge(&memory, &format!("{words} qqqqqqq")), REPEAT);
        prop_assert_ne!(judge(&memory, &format!("qqqqqqq {text}")), REPEAT);
        prop_assert_ne!(judge(&memory, &format!("{text}\nqqqqqqq")), REPEAT);
    }

    #[test]
    fn what_changed_often_is_noise_until_its_size_leaps(
        words in "[a-z]{2,6}( [a-z]{2,6}){0,3}",
        numbers in proptest::collection::hash_set(1000u32..9999, 4..20),
        next in 1000u32..9999,
        far in 10_000u32..99_999_999,
    ) {
        let texts: Vec<String> = numbers.iter().map(|number| format!("{words} {number}")).collect();
        let memory = behind(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert_eq!(judge(&memory, &format!("{words} {next}")), REPEAT);
        prop_assert_eq!(judge(&memory, &format!("{words} {far}")), LEAP);
        prop_assert_eq!(judge(&memory, &format!("{words} {}", next % 999 + 1)), LEAP);
    }

    #[test]
    fn memory_is_the_same_behind_its_file(texts in proptest::collection::vec(text(), 0..12)) {
        let memory = behind(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let file = memory.to_text();
        prop_assert_eq!(Memory::from_lines(file.lines()), Some(memory));
        prop_assert!(file.lines().all(|line| !line.is_empty() && line.is_ascii()));
    }

    #[test]
    fn damaged_file_is_a_memory_or_none(
        texts in proptest::collection::vec(text(), 0..6),
        damages in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        text in text(),
    ) {
        let mut file = behind(&texts.iter().map(String::as_str).collect::<Vec<_>>()).to_text().into_bytes();
        for (at, octet) in damages {
            let at = at.index(file.len());
            file[at] = octet;
        }
        let file = String::from_utf8_lossy(&file);
        if let Some(mut memory) = Memory::from_lines(file.lines()) {
            // Whatever it says, the same text twice is a repeat, and the limits hold.
            prop_assert_eq!(verdicts(&mut memory, &[&text, &text])[1], REPEAT);
            prop_assert!(Memory::from_lines(memory.to_text().lines()).is_some());
        }
    }

    #[test]
    fn any_lines_are_read_without_panic(lines in proptest::collection::vec("(mails|shape|form|place)?[ 0-9a-f.,:wn-]{0,60}|\\PC{0,30}", 0..12)) {
        _ = Memory::from_lines(lines.iter().map(String::as_str));
    }
}

#[test]
fn file_beyond_the_limits_is_no_memory() {
    let form = format!("form {:016x} - 1 -\n", 1);
    assert!(Memory::from_lines(format!("mails 1\n{form}").lines()).is_some());
    for text in [
        String::new(),
        "mails x\n".to_string(),
        format!("mails 1\n{}", form.repeat(FORMS + 1)),
        format!("mails 1\nplace 0.0.0 n 1 - -\n{form}"),
        format!("mails 1\n{form}place 3.255.0 w 1 - -\n"),
        format!("mails 1\n{form}place 0.0.0 n 1 - -\nplace 0.0.0 n 1 - -\n"),
        format!("mails 1\n{form}place 0.0.0 n 1 - {}\n", "00000000,".repeat(9000) + "00000000"),
        format!("mails 1\n{}", "shape 0000000000000001 1 n 1 - - -\n".repeat(SHAPES + 1)),
        format!("mails 1\n{form}\n"),
    ] {
        assert_eq!(Memory::from_lines(text.lines()), None, "{}", &text[..text.len().min(80)]);
    }
}
