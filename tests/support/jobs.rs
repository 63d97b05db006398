//! Jobs that mail: the templates of `fixtures/repeats`, and the mails that are drawn from them, the same in each run.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

/// So many mails of each trouble, one a minute.
const MAILS: i64 = 60;

/// The mails of each trouble of each job.
pub(crate) fn corpus() -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/repeats");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
        .iter()
        .map(|file| {
            let job = file.file_stem().unwrap().to_str().unwrap().to_string();
            let text = std::fs::read_to_string(file).unwrap();
            let troubles = text.split("\n== ").skip(1).map(|trouble| {
                let (name, template) = trouble.split_once('\n').unwrap();
                let seed = format!("{job}: {name}");
                let mut lot = Lot(seed.bytes().fold(0, |seed: u64, octet| seed.wrapping_mul(257) + u64::from(octet)));
                (name.to_string(), (0..MAILS).map(|minute| drawn(template, minute, &mut lot)).collect())
            });
            let troubles = troubles.collect();
            (job, troubles)
        })
        .collect()
}

/// The lot decides: SplitMix64.
struct Lot(u64);

impl Lot {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of so many.
    fn below(&mut self, many: u64) -> u64 {
        self.next() % many
    }

    fn letters(&mut self, of: &[u8], many: u64) -> String {
        (0..many).map(|_| char::from(of[self.below(of.len() as u64) as usize])).collect()
    }
}

/// The mail of that minute.
fn drawn(template: &str, minute: i64, lot: &mut Lot) -> String {
    let mut mail = String::new();
    for line in template.lines().filter(|line| !line.is_empty()) {
        let line = line.replace("\\r", "\r").replace("\\e", "\x1b");
        let (many, line) = match line.strip_prefix("{times ").and_then(|rest| rest.split_once('}')) {
            Some((range, line)) => (between(range, lot), line.to_string()),
            None => (1, line),
        };
        for _ in 0..many {
            mail.push_str(&filled(&line, minute, lot));
            mail.push('\n');
        }
    }
    mail
}

/// One of the numbers from the first to the second.
fn between(range: &str, lot: &mut Lot) -> u64 {
    let (from, to) = range.split_once(' ').unwrap();
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    from + lot.below(to - from + 1)
}

/// The line with each `{…}` drawn.
fn filled(line: &str, minute: i64, lot: &mut Lot) -> String {
    let mut parts = line.split('{');
    let mut filled = parts.next().unwrap().to_string();
    for part in parts {
        let (what, rest) = part.split_once('}').unwrap();
        let (word, argument) = what.split_once(' ').unwrap_or((what, ""));
        filled.push_str(&value(word, argument, minute, lot));
        filled.push_str(rest);
    }
    filled
}

fn value(word: &str, argument: &str, minute: i64, lot: &mut Lot) -> String {
    match word {
        "n" => between(argument, lot).to_string(),
        "hex" => lot.letters(b"0123456789abcdef", argument.parse().unwrap()),
        "low" => lot.letters(b"abcdefghijklmnopqrstuvwxyz", argument.parse().unwrap()),
        "ip" => [(); 4].map(|()| (1 + lot.below(223)).to_string()).join("."),
        "uuid" => [8, 4, 4, 4, 12].map(|many| lot.letters(b"0123456789abcdef", many)).join("-"),
        "pick" => {
            let words: Vec<&str> = argument.split('|').collect();
            words[lot.below(words.len() as u64) as usize].to_string()
        }
        "rise" => {
            let numbers: Vec<i64> = argument.split(' ').map(|number| number.parse().unwrap()).collect();
            (numbers[0] + (minute / numbers[1]).min(numbers[2])).to_string()
        }
        "time" => {
            let start: Timestamp = "2026-11-30T00:00:01Z".parse().unwrap();
            let at = start + SignedDuration::from_secs(60 * minute + i64::try_from(lot.below(4)).unwrap());
            at.to_zoned(jiff::tz::TimeZone::UTC).strftime(argument).to_string()
        }
        _ => panic!("{word} is no word of these templates"),
    }
}
