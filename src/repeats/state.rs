//! The memory of a job as lines of text, for a file.
//!
//! ```text
//! mails 57
//! shape 9f3cd21b00aa4411 57 order 2 - 5f00aa11,0b1c2d3e counts 4be1…:5:2
//! form 4be1… 77c0… 57 1a2b3c4d,…
//! place 3.0.0 n 3 1-4 -
//! ```
//!
//! Another version of the program may have written the file, and a disk may have broken it. What is not exactly of this
//! form, or beyond the limits of a memory, is no memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::form::Form;
use super::memory::{self, COUNTS, Count, Memory, SHAPES, Shape, Size};
use super::place::Place;
use super::print::Spot;

impl Memory {
    /// The memory as lines of text.
    pub fn to_text(&self) -> String {
        let mut text = format!("mails {}\n", self.mails);
        for shape in &self.shapes {
            write_shape(&mut text, shape);
        }
        for form in &self.forms {
            let frame = form.frame.map_or("-".to_string(), |frame| format!("{frame:016x}"));
            let pieces = list(form.pieces.iter().map(|piece| format!("{piece:08x}")));
            // Writing to a String cannot fail.
            _ = writeln!(text, "form {:016x} {frame} {} {pieces}", form.id, form.last);
            for (spot, place) in &form.places {
                _ = writeln!(text, "place {}.{}.{} {}", spot.index, spot.of, spot.part, words(place));
            }
        }
        text
    }

    /// The memory that the lines are of; `None` if they are of none.
    pub fn from_lines<'t>(lines: impl IntoIterator<Item = &'t str>) -> Option<Self> {
        let mut lines = lines.into_iter();
        let mails = lines.next()?.strip_prefix("mails ")?.parse().ok()?;
        let mut memory = Self { mails, ..Self::default() };
        let (mut size, mut counts) = (Size::default(), 0);
        for line in lines {
            let (kind, rest) = line.split_once(' ')?;
            match kind {
                "shape" if memory.forms.is_empty() => {
                    let shape = read_shape(rest)?;
                    counts += shape.counts.len();
                    memory.shapes.push(shape);
                }
                "form" => {
                    let form = read_form(rest)?;
                    size = size.plus(memory::size(&form));
                    memory.forms.push(form);
                }
                "place" => {
                    let (spot, place) = rest.split_once(' ')?;
                    let (spot, place) = (read_spot(spot)?, read_place(place)?);
                    size = size.plus(Size { places: 1, values: place.values.len(), ..Size::default() });
                    let form = memory.forms.last_mut()?;
                    let is_within = spot.piece().is_none_or(|piece| piece < form.pieces.len());
                    let is_first = form.places.insert(spot, place).is_none();
                    (is_within && is_first).then_some(())?;
                }
                _ => return None,
            }
            let is_within_limits = size.is_within_limits() && memory.shapes.len() <= SHAPES && counts <= COUNTS;
            is_within_limits.then_some(())?;
        }
        Some(memory)
    }
}

fn write_shape(text: &mut String, shape: &Shape) {
    let mut counts: Vec<(&u64, &Count)> = shape.counts.iter().collect();
    counts.sort_by_key(|(form, _)| **form);
    let counts = list(counts.iter().map(|(form, count)| format!("{form:016x}:{:x}:{}", count.seen, count.news)));
    _ = writeln!(text, "shape {:016x} {} {} {counts}", shape.id, shape.last, words(&shape.order));
}

fn read_shape(text: &str) -> Option<Shape> {
    let mut words = text.splitn(3, ' ');
    let (id, last) = (hexadecimal(words.next()?)?, words.next()?.parse().ok()?);
    let (order, counts) = words.next()?.rsplit_once(' ')?;
    let mut known = HashMap::new();
    for count in items(counts) {
        let mut parts = count.splitn(3, ':');
        let form = hexadecimal(parts.next()?)?;
        let seen = u16::from_str_radix(parts.next()?, 16).ok()?;
        known.insert(form, Count { seen, news: parts.next()?.parse().ok()? });
    }
    Some(Shape { id, last, order: read_place(order)?, counts: known })
}

fn read_form(text: &str) -> Option<Form> {
    let mut words = text.splitn(4, ' ');
    let id = hexadecimal(words.next()?)?;
    let frame = match words.next()? {
        "-" => None,
        frame => Some(hexadecimal(frame)?),
    };
    let last = words.next()?.parse().ok()?;
    let pieces = items(words.next()?).map(half).collect::<Option<Vec<u32>>>()?;
    Some(Form { id, frame, last, pieces, places: BTreeMap::new() })
}

fn read_spot(text: &str) -> Option<Spot> {
    let mut parts = text.splitn(3, '.');
    let index = parts.next()?.parse().ok()?;
    Some(Spot { index, of: parts.next()?.parse().ok()?, part: parts.next()?.parse().ok()? })
}

/// A place: of numbers or words, the news, the digits, the values.
fn words(place: &Place) -> String {
    let kind = if place.has_words { 'w' } else { 'n' };
    let digits = place.digits.map_or("-".to_string(), |(fewest, most)| format!("{fewest}-{most}"));
    let values = list(place.values.iter().map(|value| format!("{value:08x}")));
    format!("{kind} {} {digits} {values}", place.news)
}

fn read_place(text: &str) -> Option<Place> {
    let mut words = text.splitn(4, ' ');
    let has_words = match words.next()? {
        "n" => false,
        "w" => true,
        _ => return None,
    };
    let news = words.next()?.parse().ok()?;
    let digits = match words.next()? {
        "-" => None,
        digits => {
            let (fewest, most) = digits.split_once('-')?;
            Some((fewest.parse().ok()?, most.parse().ok()?))
        }
    };
    let values = items(words.next()?).map(half).collect::<Option<Vec<u32>>>()?;
    Some(Place { news, has_words, digits, values })
}

/// Items with commas between; a hyphen for none.
fn list(items: impl Iterator<Item = String>) -> String {
    let list = items.collect::<Vec<_>>().join(",");
    if list.is_empty() { "-".to_string() } else { list }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(move |_| list != "-")
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16)
}

fn half(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 8)
}
