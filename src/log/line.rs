//! A line of the log in its two forms, which hold the same fields: Postfix's fields in Postfix's order (`log_adhoc.c`),
//! or one JSON object. docs/log.md describes both.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use ::log::Level;
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::settings::Format;
use crate::outcome::clean;

/// The form of the lines of this process, and its own part, from when its log was opened.
pub(super) static FORM: OnceLock<(Format, Part)> = OnceLock::new();

/// The target of a record that holds lines already, in the form of this process: in front of each stands its part, and
/// a tab, which no line holds.
pub(super) const WRITTEN: &str = "mailx_t lines";

/// The part of the program that a line is of. Readers of Postfix's log look at its name first, so these are the names
/// of Postfix's programs with that work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// bounce(8): notifications to senders.
    Bounce,
    /// cleanup(8): the Message-ID.
    Cleanup,
    /// pickup(8): a mail comes from a caller.
    Pickup,
    /// postlog(1): any other sentence; readers do not ask for its meaning.
    Postlog,
    /// qmgr(8): a mail comes into the queue, and leaves it.
    Qmgr,
    /// smtp(8): attempts.
    Smtp,
}

pub(super) struct Line<'a> {
    pub(super) level: Level,
    pub(super) part: Part,
    /// The kind of the line. Text does not name it.
    pub(super) event: &'static str,
    /// The queue id of the mail that the line is about.
    pub(super) id: Option<&'a str>,
    /// The names as they stand in text. JSON has `_` for `-`.
    pub(super) fields: Vec<(&'static str, Value<'a>)>,
}

/// The value of a field. Text leaves out usual values; JSON has every field.
pub(super) enum Value<'a> {
    /// An address; text has it in angle brackets.
    Address(Option<&'a str>),
    Count(u64),
    /// Spans of time between slashes.
    Delays([Duration; 4]),
    Names(&'a [&'a str]),
    /// All that the line says; the values in it are clean. JSON has no such line.
    Own(String),
    /// The number of a mail over its connection. Text leaves out the first.
    Place(u32),
    /// It stands behind all other fields, in parentheses.
    Reason(&'a str),
    Seconds(Duration),
    /// All that the line says.
    Sentence(&'a str),
    Word(Option<Cow<'a, str>>),
}

impl Line<'_> {
    /// In front of it stands the name of its part, as the log's formatter reads it.
    pub(super) fn with_part(&self, format: Format) -> String {
        format!("{}\t{}", self.part.name(), self.written(format))
    }

    pub(super) fn written(&self, format: Format) -> String {
        match format {
            Format::Json => self.json(Timestamp::now()),
            Format::Postfix => self.text(),
        }
    }

    fn text(&self) -> String {
        let id = self.id.map(|id| format!("{id}: ")).unwrap_or_default();
        let mut text = format!("{}{id}", self.severity());
        let mut mark = "";
        for (name, value) in &self.fields {
            let Some(written) = value.written(name) else { continue };
            text.push_str(if matches!(value, Value::Reason(_)) { " " } else { mark });
            text.push_str(&written);
            mark = ", ";
        }
        text
    }

    /// Postfix's word in front of a line that is worth a look (`msg(3)`).
    fn severity(&self) -> &'static str {
        match self.level {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            Level::Info | Level::Debug | Level::Trace => "",
        }
    }

    pub(super) fn json(&self, time: Timestamp) -> String {
        serde_json::to_string(&Object { line: self, time }).unwrap_or_default()
    }
}

/// Hands lines to the log, all with one write.
pub(super) fn log(lines: &[Line<'_>]) {
    let Some(first) = lines.first() else { return };
    let (format, _) = form();
    let written: Vec<String> = lines.iter().map(|line| line.with_part(format)).collect();
    ::log::log!(target: WRITTEN, first.level, "{}", written.join("\n"));
}

/// The form of the lines, and the part of this process that speaks if no other does.
pub(super) fn form() -> (Format, Part) {
    FORM.get().copied().unwrap_or((Format::default(), Part::Pickup))
}

impl Part {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Cleanup => "cleanup",
            Self::Pickup => "pickup",
            Self::Postlog => "postlog",
            Self::Qmgr => "qmgr",
            Self::Smtp => "smtp",
        }
    }
}

impl Value<'_> {
    fn written(&self, name: &str) -> Option<String> {
        let value = match self {
            Self::Address(address) => format!("<{}>", self::address((*address)?)),
            Self::Count(number) => number.to_string(),
            Self::Delays(delays) => delays.map(seconds).join("/"),
            Self::Names([]) => "none".to_string(),
            Self::Names(names) => names.join(","),
            Self::Own(text) => return Some(text.clone()),
            Self::Place(number) => Some(number).filter(|number| **number > 1)?.to_string(),
            Self::Reason(reason) => return Some(format!("({})", clean(reason))),
            Self::Seconds(duration) => seconds(*duration),
            Self::Sentence(sentence) => return Some(clean(sentence)),
            Self::Word(word) => clean(word.as_deref().unwrap_or("none")),
        };
        Some(format!("{name}={value}"))
    }
}

struct Object<'a> {
    line: &'a Line<'a>,
    time: Timestamp,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let severity = match self.line.level {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info | Level::Debug | Level::Trace => "info",
        };
        let mut object = to.serialize_map(None)?;
        object.serialize_entry("time", &self.time.to_string())?;
        object.serialize_entry("event", self.line.event)?;
        object.serialize_entry("severity", severity)?;
        object.serialize_entry("queue_id", &self.line.id)?;
        for (name, value) in &self.line.fields {
            object.serialize_entry(&name.replace('-', "_"), value)?;
        }
        object.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Address(address) => address.serialize(to),
            Self::Count(number) => number.serialize(to),
            Self::Delays(delays) => delays.map(|delay| delay.as_secs_f64()).serialize(to),
            Self::Names(names) => names.serialize(to),
            Self::Own(text) => text.serialize(to),
            Self::Place(number) => number.serialize(to),
            Self::Reason(text) | Self::Sentence(text) => text.serialize(to),
            Self::Seconds(duration) => duration.as_secs_f64().serialize(to),
            Self::Word(word) => word.serialize(to),
        }
    }
}

/// An address as it stands in text. A blank, a comma and an angle bracket become `\x` and two hexadecimal digits, and
/// so do `=` and `\` in quotes (RFC 5321 section 4.1.2): a part of a user's address must not be read as another field.
pub(crate) fn address(text: &str) -> String {
    let (mut out, mut is_quoted, mut is_pair) = (String::with_capacity(text.len()), false, false);
    for c in clean(text).chars() {
        is_quoted ^= c == '"' && !is_pair;
        is_pair = c == '\\' && !is_pair;
        if "<>, ".contains(c) || (is_quoted && "=\\".contains(c)) {
            out.push_str(&format!("\\x{:02x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Seconds as Postfix writes them: two digits that matter below ten, whole seconds above.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 10.0 {
        return format!("{seconds:.0}");
    }
    let text = if seconds >= 1.0 { format!("{seconds:.1}") } else { format!("{seconds:.2}") };
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_holds_nothing_that_parts_fields() {
        for (written, expected) in [
            ("prvs=1=a+b=c.d@x.example", "prvs=1=a+b=c.d@x.example"),
            ("\\root", "\\root"),
            (r#""x>, uid=0"@b.example"#, r#""x\x3e\x2c\x20uid\x3d0"@b.example"#),
            (r#""a\"b=<"@x"#, r#""a\x5c"b\x3d\x3c"@x"#),
            (r#""a\\"=b@x"#, r#""a\x5c\x5c"=b@x"#),
            ("ops> , uid=0", r"ops\x3e\x20\x2c\x20uid=0"),
        ] {
            assert_eq!(address(written), expected, "{written}");
        }
    }

    #[test]
    fn seconds_are_short() {
        let of = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([of(0), of(4), of(210), of(1250), of(9000), of(61_200)], ["0", "0", "0.21", "1.2", "9", "61"]);
    }
}
