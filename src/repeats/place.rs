//! A place: what has been seen there, and whether it still tells something.

use super::print::Value;
use super::verdict::News;

/// A place changes after so many mails with a number that it did not have before.
const NUMBERS: u8 = 3;
/// The same for words: they name things, and each thing is worth a mail.
const WORDS: u8 = 8;
/// So many values are kept; with more in one mail, the place changes.
const VALUES: usize = 64;

/// What has been seen at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of mails that brought something.
    pub(super) news: u8,
    /// A word was among it.
    pub(super) has_words: bool,
    /// The fewest and the most digits of a number in front of its point.
    pub(super) digits: Option<(u8, u8)>,
    /// The hashes of what was seen; none once the place changes.
    pub(super) values: Vec<u32>,
}

impl Place {
    /// The place of a word that was always the same, until now.
    pub(super) fn of_word(word: u32) -> Self {
        Self { news: 0, has_words: true, digits: None, values: vec![word] }
    }

    /// So many mails with something new, and it changes.
    fn most(&self) -> u8 {
        if self.has_words { WORDS } else { NUMBERS }
    }

    /// What stands here is noise.
    pub(super) fn is_changing(&self) -> bool {
        self.news >= self.most()
    }

    /// Learns the values of one mail, and tells what is new.
    pub(super) fn learn<'v>(&mut self, values: impl Iterator<Item = &'v Value>) -> Option<News> {
        let was_changing = self.is_changing();
        let before = self.digits;
        let (mut is_new, mut leaps) = (false, false);
        for value in values {
            self.has_words |= value.is_word;
            if let Some(digits) = value.digits {
                let (fewest, most) = before.unwrap_or((digits, digits));
                leaps |= digits < fewest || digits > most;
                let (fewest, most) = self.digits.unwrap_or((digits, digits));
                self.digits = Some((fewest.min(digits), most.max(digits)));
            }
            let is_noise = was_changing && (!self.has_words || self.news >= WORDS);
            if !is_noise && !self.values.contains(&value.hash) {
                is_new = true;
                self.keep(value.hash);
            }
        }
        self.news = self.news.saturating_add(u8::from(is_new));
        if self.is_changing() {
            self.news = self.most();
            self.values.clear();
        }
        match () {
            () if is_new => Some(News::Value),
            () if was_changing && leaps => Some(News::Leap),
            () => None,
        }
    }

    fn keep(&mut self, value: u32) {
        if self.values.len() < VALUES {
            self.values.push(value);
        } else {
            self.news = WORDS;
        }
    }
}
