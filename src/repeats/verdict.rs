//! What a mail tells.

/// What a mail is to those who have read the earlier ones of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It tells nothing new.
    Repeat,
    /// It tells something new.
    New(News),
}

/// The news in a mail, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// A number at a place that is noise has more or fewer digits than ever.
    Leap,
    /// A place shows what it never showed.
    Value,
    /// No mail had these lines.
    Shape,
    /// The mail has too much in it to be remembered.
    TooMuch,
}
