//! The kinds of mails in a digest: those of one shape are told of together, with what changed between them.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::memory::Memory;
use super::print::{Line, Print, Spot};

/// So many kinds are told of one by one, and as many again with something new in them.
const KINDS: usize = 12;
/// So many places are looked at in one kind.
const PLACES: usize = 1024;
/// Values are counted up to so many.
pub(super) const COUNTED: usize = 256;
/// So many values are named.
const NAMED: usize = 3;

/// A mail in a digest.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Its arrival.
    pub at: Timestamp,
    /// Its text, decoded.
    pub text: &'a str,
    /// It told something new, and had to wait because too much new had left.
    pub is_new: bool,
}

/// The mails of one shape.
pub(super) struct Kind {
    /// How many there are.
    pub(super) count: usize,
    /// How many of them were new, and waited nonetheless.
    pub(super) news: usize,
    /// The arrival of the last one.
    pub(super) last: Timestamp,
    /// The lines of the last one.
    pub(super) lines: Vec<String>,
    /// The places, in the order of the text.
    places: BTreeMap<(usize, u64, Spot), Seen>,
    /// The line in which each form was first seen.
    rows: HashMap<u64, usize>,
}

/// What was seen at a place.
pub(super) struct Seen {
    /// The value in the last mail that has one.
    pub(super) last: String,
    /// The first values.
    pub(super) named: Vec<String>,
    /// The smallest and the largest; `None` once one of them is no number.
    pub(super) range: Option<(String, String)>,
    hashes: HashSet<u32>,
}

impl Kind {
    /// The places that changed.
    pub(super) fn changing(&self) -> impl Iterator<Item = &Seen> {
        self.places.values().filter(|seen| seen.count() > 1)
    }

    fn of(member: &Member<'_>) -> Self {
        Self { count: 0, news: 0, last: member.at, lines: Vec::new(), places: BTreeMap::new(), rows: HashMap::new() }
    }

    fn add(&mut self, member: &Member<'_>, print: &Print, forms: &[u64]) {
        self.count += 1;
        self.news += usize::from(member.is_new);
        self.last = member.at;
        self.lines = print.lines().map(str::to_owned).collect();
        for (at, (line, form)) in print.lines.iter().zip(forms).enumerate() {
            // Places of lines that stand in another order, or more often, are the same.
            let row = *self.rows.entry(*form).or_insert(at);
            for (spot, text) in texts(line) {
                self.see((row, *form, spot), text);
            }
        }
    }

    fn see(&mut self, place: (usize, u64, Spot), text: &str) {
        if self.places.len() < PLACES || self.places.contains_key(&place) {
            self.places.entry(place).or_insert_with(|| Seen::of(text)).see(text);
        }
    }
}

/// All that may vary in a line, but for dates and times.
fn texts(line: &Line) -> impl Iterator<Item = (Spot, &str)> {
    let values = line.values.iter().filter(|value| !value.spot.is_time());
    let values = values.map(|value| (value.spot, &line.text[value.range.clone()]));
    let words = line.pieces().iter().enumerate().filter(|(_, piece)| !piece.range.is_empty());
    values.chain(words.map(|(at, piece)| (Spot::word(at), &line.text[piece.range.clone()])))
}

impl Seen {
    fn of(text: &str) -> Self {
        let range = Some((text.to_string(), text.to_string()));
        Self { last: String::new(), named: Vec::new(), range, hashes: HashSet::new() }
    }

    /// How many values there were, up to `COUNTED`.
    pub(super) fn count(&self) -> usize {
        self.hashes.len()
    }

    fn see(&mut self, text: &str) {
        self.last = text.to_string();
        let hash = super::hash::half(super::hash::of(text));
        let is_first = self.hashes.len() < COUNTED && self.hashes.insert(hash);
        if is_first && self.named.len() < NAMED {
            self.named.push(text.to_string());
        }
        self.range = self.range.take().and_then(|(least, most)| {
            let value = number(text)?;
            let (low, high) = (number(&least)?, number(&most)?);
            let least = if value < low { text.to_string() } else { least };
            Some((least, if value > high { text.to_string() } else { most }))
        });
    }
}

/// The value of a number; `None` for a serial number, which starts with a zero, and for anything else.
fn number(text: &str) -> Option<f64> {
    let is_number = text.len() <= 18 && text.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    let is_serial = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
    text.parse().ok().filter(|_| is_number && !is_serial)
}

/// The kinds of these mails: what is new first, then what came most often. Then the number of kinds that are left out,
/// and of their mails.
pub(super) fn kinds(members: &[Member<'_>]) -> (Vec<Kind>, usize, usize) {
    let mut memory = Memory::default();
    let mut kinds: BTreeMap<u64, Kind> = BTreeMap::new();
    let mut others: BTreeMap<u64, usize> = BTreeMap::new();
    for member in members {
        let print = Print::of(member.text);
        let (learnt, forms) = memory.learn_lines(&print);
        let most = if member.is_new { 2 * KINDS } else { KINDS };
        if kinds.len() >= most && !kinds.contains_key(&learnt.shape) {
            *others.entry(learnt.shape).or_default() += 1;
            continue;
        }
        let earlier = others.remove(&learnt.shape).unwrap_or_default();
        let kind = kinds.entry(learnt.shape).or_insert_with(|| Kind::of(member));
        kind.count += earlier;
        kind.add(member, &print, &forms);
    }
    let mut kinds: Vec<Kind> = kinds.into_values().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse((kind.news > 0, kind.count, kind.last)));
    (kinds, others.len(), others.values().sum())
}
