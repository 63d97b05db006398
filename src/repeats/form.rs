//! The known forms of a job's lines. A line of an unknown form that differs from a known one in one word is of that
//! form, and the word becomes a place.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::place::Place;
use super::print::{Line, Piece, Print, Spot};

/// A known form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// The hash of the line that it was first seen as.
    pub(super) id: u64,
    /// What stands between its pieces.
    pub(super) frame: Option<u64>,
    /// The mail that it was last seen in.
    pub(super) last: u32,
    /// Its pieces, as first seen.
    pub(super) pieces: Vec<u32>,
    /// What is known of its places.
    pub(super) places: BTreeMap<Spot, Place>,
}

impl Form {
    /// The form of a line like no other.
    fn of(line: &Line) -> Self {
        let pieces = line.pieces().iter().map(|piece| piece.hash).collect();
        Self { id: line.form, frame: line.frame(), last: 0, pieces, places: BTreeMap::new() }
    }

    /// The pieces in which the line differs, but for those that are places already: none, one, or `None` for more.
    fn difference(&self, line: &Line) -> Option<Option<usize>> {
        let mut found = None;
        for (at, (own, other)) in self.pieces.iter().zip(line.pieces()).enumerate() {
            if *own != other.hash && !self.places.contains_key(&Spot::word(at)) {
                if found.is_some() {
                    return None;
                }
                found = Some(at);
            }
        }
        Some(found)
    }

    /// The piece is a bare word here and there, and something else is the same.
    fn may_bend(&self, line: &Line, at: usize) -> bool {
        let is_bare = Piece::is_bare(self.pieces[at]) && Piece::is_bare(line.pieces()[at].hash);
        is_bare && self.pieces.iter().zip(line.pieces()).any(|(own, other)| *own == other.hash && Piece::is_bare(*own))
    }
}

/// The forms of a mail's lines, each by its number among the known ones.
pub(super) struct Assigned {
    /// For each line.
    pub(super) lines: Vec<usize>,
}

/// Finds the form of each line, and adds to the known ones what is new.
///
/// A line is not bent to a form that stands in the same mail as it is: two things that are told side by side are two.
/// It is not bent where something varies already: "503" is no "timeout".
pub(super) fn assign(forms: &mut Vec<Form>, print: &Print) -> Assigned {
    let mut index = Index::of(forms);
    // Lines of one form are looked up once.
    let mut found: HashMap<u64, Option<usize>> = HashMap::new();
    for line in &print.lines {
        found.entry(line.form).or_insert_with(|| index.fitting(forms, line));
    }
    let mut here: HashSet<usize> = found.values().flatten().copied().collect();
    let mut lines = Vec::with_capacity(print.lines.len());
    for line in &print.lines {
        let at = match found.get(&line.form).copied().flatten() {
            Some(at) => at,
            None => index.bent(forms, line, &here).unwrap_or_else(|| {
                forms.push(Form::of(line));
                index.add(forms.len() - 1, line.form, line.frame());
                here.insert(forms.len() - 1);
                forms.len() - 1
            }),
        };
        found.insert(line.form, Some(at));
        lines.push(at);
    }
    Assigned { lines }
}

/// Where the known forms are found.
struct Index {
    by_id: HashMap<u64, usize>,
    by_frame: HashMap<u64, Vec<usize>>,
}

impl Index {
    fn of(forms: &[Form]) -> Self {
        let mut index = Self { by_id: HashMap::with_capacity(forms.len()), by_frame: HashMap::new() };
        for (at, form) in forms.iter().enumerate() {
            index.add(at, form.id, form.frame);
        }
        index
    }

    fn add(&mut self, at: usize, id: u64, frame: Option<u64>) {
        self.by_id.insert(id, at);
        if let Some(frame) = frame {
            self.by_frame.entry(frame).or_default().push(at);
        }
    }

    /// Forms with the same pieces between the same marks.
    fn alike(&self, line: &Line) -> &[usize] {
        line.frame().and_then(|frame| self.by_frame.get(&frame)).map_or(&[], Vec::as_slice)
    }

    /// The form that the line is of as it stands.
    fn fitting(&self, forms: &[Form], line: &Line) -> Option<usize> {
        let fits = |at: &usize| forms[*at].difference(line) == Some(None);
        self.by_id.get(&line.form).copied().or_else(|| self.alike(line).iter().copied().find(fits))
    }

    /// The form that the line is of with one word changed.
    fn bent(&self, forms: &mut [Form], line: &Line, here: &HashSet<usize>) -> Option<usize> {
        let mut nearest = None;
        for at in self.alike(line) {
            match forms[*at].difference(line) {
                Some(None) => return Some(*at),
                Some(Some(piece)) if nearest.is_none() && !here.contains(at) && forms[*at].may_bend(line, piece) => {
                    nearest = Some((*at, piece));
                }
                _ => {}
            }
        }
        let (at, piece) = nearest?;
        let word = forms[at].pieces[piece];
        forms[at].places.insert(Spot::word(piece), Place::of_word(word));
        Some(at)
    }
}
