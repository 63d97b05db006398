//! The memory of one job: the shapes of its mails, the forms of their lines, and what has been seen at each place.

use std::collections::HashMap;

use super::form::{self, Assigned, Form};
use super::hash::Hash;
use super::place::Place;
use super::print::{Print, Spot, Value};
use super::verdict::{News, Verdict};

/// The most that is remembered of a job. What was seen least lately is forgotten first; it then counts as new.
pub(super) const SHAPES: usize = 32;
pub(super) const FORMS: usize = 512;
pub(super) const PIECES: usize = 20 * 1024;
pub(super) const PLACES: usize = 4096;
pub(super) const VALUES: usize = 8192;
pub(super) const COUNTS: usize = 4096;

/// How often a line stands is told in powers of two. It changes after so many mails with another power.
const COUNT_CHANGES: u8 = 3;

/// The memory of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The number of mails learnt.
    pub(super) mails: u32,
    /// The known shapes.
    pub(super) shapes: Vec<Shape>,
    /// The known forms, in the order in which they were met.
    pub(super) forms: Vec<Form>,
}

/// A known shape: a set of forms that stood in one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The hash of the set.
    pub(super) id: u64,
    /// The mail that it was last seen in.
    pub(super) last: u32,
    /// The orders in which the forms stood.
    pub(super) order: Place,
    /// How often each form stood, if it was ever anything but once.
    pub(super) counts: HashMap<u64, Count>,
}

/// How often a form stood in the mails of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// A bit for each power of two.
    pub(super) seen: u16,
    /// The number of mails that brought another.
    pub(super) news: u8,
}

/// What was learnt of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// Whether it told something new.
    pub verdict: Verdict,
    /// Its shape; mails of one shape are told of together.
    pub shape: u64,
}

impl Memory {
    /// Judges a mail by what is known, and learns nothing.
    pub fn judge(&self, print: &Print) -> Verdict {
        self.clone().learn(print).verdict
    }

    /// Judges a mail by what is known, and learns it.
    pub fn learn(&mut self, print: &Print) -> Learnt {
        self.learn_lines(print).0
    }

    /// The same; tells also the form of each line.
    pub(super) fn learn_lines(&mut self, print: &Print) -> (Learnt, Vec<u64>) {
        self.mails = self.mails.saturating_add(1);
        let assigned = form::assign(&mut self.forms, print);
        let lines = assigned.lines.iter().map(|form| self.forms[*form].id).collect();
        let place = self.learn_places(print, &assigned);
        let (shape, arrangement) = self.learn_shape(&assigned);
        let news = arrangement.max(place).max(self.forget_beyond_limits());
        (Learnt { verdict: news.map_or(Verdict::Repeat, Verdict::New), shape }, lines)
    }

    /// Forgets a shape: the next mail of it is new. Its lines stay known for the other shapes.
    pub fn forget(&mut self, shape: u64) {
        self.shapes.retain(|known| known.id != shape);
    }

    /// The shapes that are known, the one seen last at the end.
    pub fn shapes(&self) -> Vec<u64> {
        let mut shapes: Vec<&Shape> = self.shapes.iter().collect();
        shapes.sort_by_key(|shape| shape.last);
        shapes.iter().map(|shape| shape.id).collect()
    }

    /// Learns the values of the mail, place by place.
    fn learn_places(&mut self, print: &Print, assigned: &Assigned) -> Option<News> {
        let mut values: Vec<(usize, Spot, &Value)> = Vec::new();
        let mut words: Vec<(usize, Value)> = Vec::new();
        for (line, form) in print.lines.iter().zip(&assigned.lines) {
            values.extend(line.values.iter().map(|value| (*form, value.spot, value)));
            words.extend(words_at_places(&self.forms[*form], line).map(|value| (*form, value)));
            self.forms[*form].last = self.mails;
        }
        values.extend(words.iter().map(|(form, value)| (*form, value.spot, value)));
        values.sort_by_key(|(form, spot, _)| (*form, *spot));
        let mut news = None;
        for place in values.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let known = self.forms[place[0].0].places.entry(place[0].1).or_default();
            news = news.max(known.learn(place.iter().map(|(_, _, value)| *value)));
        }
        news
    }

    /// Learns which forms stood together, in which order, and how often each.
    fn learn_shape(&mut self, assigned: &Assigned) -> (u64, Option<News>) {
        let mut often: HashMap<usize, u32> = HashMap::new();
        let mut order = Hash::default();
        for form in &assigned.lines {
            let count = often.entry(*form).or_default();
            *count += 1;
            if *count == 1 {
                order.number(self.forms[*form].id);
            }
        }
        let mut ids: Vec<u64> = often.keys().map(|form| self.forms[*form].id).collect();
        ids.sort_unstable();
        let mut set = Hash::default();
        ids.iter().for_each(|id| set.number(*id));
        let id = set.end();
        let known = self.shapes.iter().position(|shape| shape.id == id);
        let at = known.unwrap_or_else(|| {
            self.shapes.push(Shape { id, last: 0, order: Place::default(), counts: HashMap::new() });
            self.shapes.len() - 1
        });
        let shape = &mut self.shapes[at];
        shape.last = self.mails;
        let mut news = shape.order.learn(std::iter::once(&Value::of_order(order.end())));
        for (form, count) in often {
            news = news.max(shape.learn_count(self.forms[form].id, count, known.is_none()));
        }
        (id, if known.is_none() { Some(News::Shape) } else { news })
    }

    /// Forgets what was seen least lately until the rest is within the limits. A mail that is not within them alone is
    /// new each time.
    fn forget_beyond_limits(&mut self) -> Option<News> {
        let counts = |shapes: &[Shape]| shapes.iter().map(|shape| shape.counts.len()).sum::<usize>();
        while self.shapes.len() > SHAPES || counts(&self.shapes) > COUNTS {
            let oldest = self.shapes.iter().enumerate().min_by_key(|(_, shape)| shape.last).map(|(at, _)| at);
            oldest.map(|at| self.shapes.remove(at));
        }
        let sizes = self.forms.iter().map(|form| (form.last, size(form)));
        let total = sizes.clone().fold(Size::default(), |total, (_, size)| total.plus(size));
        if total.is_within_limits() {
            return None;
        }
        let mut by_age: Vec<(u32, Size)> = sizes.collect();
        by_age.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
        let mut kept = Size::default();
        let oldest = by_age.iter().find(|(_, size)| {
            kept = kept.plus(*size);
            !kept.is_within_limits()
        });
        let oldest = oldest.map_or(0, |(last, _)| *last);
        self.forms.retain(|form| form.last > oldest);
        (oldest == self.mails).then_some(News::TooMuch)
    }
}

impl Shape {
    fn learn_count(&mut self, form: u64, count: u32, is_first: bool) -> Option<News> {
        let bit = 1 << count.ilog2().min(15);
        let once = Count { seen: 1, news: 1 };
        if is_first {
            if bit != 1 {
                self.counts.insert(form, Count { seen: bit, ..once });
            }
            return None;
        }
        let known = self.counts.get(&form).copied().unwrap_or(once);
        if known.news >= COUNT_CHANGES || known.seen & bit != 0 {
            return None;
        }
        self.counts.insert(form, Count { seen: known.seen | bit, news: known.news + 1 });
        Some(News::Value)
    }
}

impl Value {
    /// An order of lines, as a value.
    fn of_order(order: u64) -> Self {
        let spot = Spot { index: 0, of: 0, part: 0 };
        Self { spot, hash: super::hash::half(order), is_word: false, digits: None, range: 0..0 }
    }
}

/// The words of a line that stand where its form has places.
fn words_at_places(form: &Form, line: &super::print::Line) -> impl Iterator<Item = Value> {
    form.places.keys().filter_map(|spot| {
        let piece = line.pieces().get(spot.piece()?)?;
        Some(Value { spot: *spot, hash: piece.hash, is_word: true, digits: None, range: piece.range.clone() })
    })
}

/// How much there is to remember.
#[derive(Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) forms: usize,
    pub(super) pieces: usize,
    pub(super) places: usize,
    pub(super) values: usize,
}

impl Size {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            forms: self.forms + other.forms,
            pieces: self.pieces + other.pieces,
            places: self.places + other.places,
            values: self.values + other.values,
        }
    }

    pub(super) fn is_within_limits(self) -> bool {
        self.forms <= FORMS && self.pieces <= PIECES && self.places <= PLACES && self.values <= VALUES
    }
}

/// What a form takes.
pub(super) fn size(form: &Form) -> Size {
    let values = form.places.values().map(|place| place.values.len()).sum();
    Size { forms: 1, pieces: form.pieces.len(), places: form.places.len(), values }
}
