//! The kinds of lines: a mail is accepted, an attempt for one recipient has ended, and a sentence about anything else.

use std::borrow::Cow;
use std::time::Duration;

use ::log::Level;

use super::line::{self, Line, Part, Value, address};
use super::settings::Format;
use crate::outcome::{EnhancedStatus, Status};

/// A mail has been accepted.
#[derive(Debug)]
pub(crate) struct Accepted<'a> {
    /// The queue id.
    pub(crate) id: &'a str,
    /// The uid of the process that handed it in.
    pub(crate) uid: u32,
    /// The sender as the caller knows it.
    pub(crate) from: &'a str,
    /// The Message-ID field.
    pub(crate) message_id: &'a str,
    /// Octets in wire form.
    pub(crate) size: u64,
    /// The number of recipients.
    pub(crate) recipients: usize,
    /// The names of the repairs made.
    pub(crate) repairs: &'a [&'a str],
    /// It is a notification of our own, which nobody handed in.
    pub(crate) is_report: bool,
}

impl Accepted<'_> {
    /// Hands the lines to the log.
    pub(crate) fn log(&self) {
        match line::form().0 {
            Format::Json => line::log(&[self.object()]),
            Format::Postfix => line::log(&self.lines()),
        }
    }

    /// One object holds all.
    fn object(&self) -> Line<'_> {
        let fields = vec![
            ("from", Value::Address(Some(self.from))),
            ("size", Value::Count(self.size)),
            ("nrcpt", Value::Count(self.recipients as u64)),
            ("uid", Value::Count(self.uid.into())),
            ("message-id", Value::Word(Some(Cow::Borrowed(self.message_id)))),
            ("repairs", Value::Names(self.repairs)),
        ];
        self.line(Part::Qmgr, fields)
    }

    /// The lines of Postfix's pickup(8), cleanup(8) and qmgr(8). Its readers count by the first and the last.
    fn lines(&self) -> Vec<Line<'_>> {
        let message_id = vec![("message-id", Value::Word(Some(Cow::Borrowed(self.message_id))))];
        let queued = vec![
            ("from", Value::Address(Some(self.from))),
            ("size", Value::Count(self.size)),
            ("nrcpt", Value::Count(self.recipients as u64)),
            ("queue", Value::Reason("queue active")),
        ];
        let pickup = (!self.is_report).then(|| self.line(Part::Pickup, vec![("uid", Value::Own(self.picked_up()))]));
        pickup.into_iter().chain([self.line(Part::Cleanup, message_id), self.line(Part::Qmgr, queued)]).collect()
    }

    /// Postfix has blanks between these.
    fn picked_up(&self) -> String {
        let picked_up = format!("uid={} from=<{}>", self.uid, address(self.from));
        if self.repairs.is_empty() { picked_up } else { format!("{picked_up} repairs={}", self.repairs.join(",")) }
    }

    fn line<'a>(&'a self, part: Part, fields: Vec<(&'static str, Value<'a>)>) -> Line<'a> {
        Line { level: Level::Info, part, event: "accepted", id: Some(self.id), fields }
    }
}

/// An attempt for one recipient has ended.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The queue id.
    pub(crate) id: &'a str,
    /// The recipient.
    pub(crate) to: &'a str,
    /// The caller's name for the recipient, where that was another one.
    pub(crate) original: Option<&'a str>,
    /// `host[ip]:port`, if there was a connection.
    pub(crate) relay: Option<&'a str>,
    /// The place of this mail among those over this connection, from 1.
    pub(crate) conn_use: u32,
    /// From acceptance to now.
    pub(crate) delay: Duration,
    /// From acceptance to this attempt's start, setting up the connection, transmission.
    pub(crate) delays: [Duration; 3],
    /// RFC 3463.
    pub(crate) dsn: EnhancedStatus,
    /// The status that the attempt gave the recipient.
    pub(crate) status: Status,
    /// The server's reply or our own sentence.
    pub(crate) reason: &'a str,
}

impl Attempt<'_> {
    fn line(&self) -> Line<'_> {
        let [waited, setup, transmission] = self.delays;
        let fields = vec![
            ("to", Value::Address(Some(self.to))),
            ("orig_to", Value::Address(self.original)),
            ("relay", Value::Word(self.relay.map(Cow::Borrowed))),
            ("conn_use", Value::Place(self.conn_use)),
            ("delay", Value::Seconds(self.delay)),
            // Postfix's second span is the time in its queue manager, of which there is none here.
            ("delays", Value::Delays([waited, Duration::ZERO, setup, transmission])),
            ("dsn", Value::Word(Some(self.dsn.to_string().into()))),
            ("status", Value::Word(Some(self.status.name().into()))),
            ("reason", Value::Reason(self.reason)),
        ];
        Line { level: Level::Info, part: Part::Smtp, event: "attempt", id: Some(self.id), fields }
    }
}

/// Logs the attempts for a mail, and with the same write that the mail has left the queue, if it has.
pub(crate) fn attempts(id: &str, attempts: &[Attempt<'_>], has_left: bool) {
    let lines = attempts.iter().map(Attempt::line);
    line::log(&lines.chain(has_left.then(|| removed(id))).collect::<Vec<_>>());
}

/// A mail has left the queue.
pub(super) fn removed(id: &str) -> Line<'_> {
    let fields = vec![("sentence", Value::Sentence("removed"))];
    Line { level: Level::Info, part: Part::Qmgr, event: "removed", id: Some(id), fields }
}

/// Readers count what is worth a look by the part that says it; any other sentence is none of theirs.
pub(super) fn part_of_note(level: Level) -> Part {
    if level <= Level::Warn { line::form().1 } else { Part::Postlog }
}

/// A sentence, about one mail or about none.
pub(super) fn note<'a>(level: Level, part: Part, id: Option<&'a str>, sentence: &'a str) -> Line<'a> {
    Line { level, part, event: "note", id, fields: vec![("sentence", Value::Sentence(sentence))] }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::super::settings::Format;
    use super::*;
    use crate::outcome::clean;

    const DOCUMENT: &str = include_str!("../../docs/log.md");
    const ID: &str = "66187F7D5BE4000";

    const ACCEPTED: Accepted<'_> = Accepted {
        id: ID,
        uid: 0,
        from: "root@web1",
        message_id: "<66187F7D5BE4000.5A0C93E1@web1>",
        size: 1312,
        recipients: 2,
        repairs: &["date", "from"],
        is_report: false,
    };

    const SENT: Attempt<'_> = Attempt {
        id: ID,
        to: "ops@example.com",
        original: Some("root"),
        relay: Some("smtp.example.com[192.0.2.1]:465"),
        conn_use: 2,
        delay: Duration::from_millis(210),
        delays: [Duration::from_millis(10), Duration::from_millis(130), Duration::from_millis(60)],
        dsn: EnhancedStatus::new(2, 0, 0),
        status: Status::Sent,
        reason: "250 2.0.0 queued as 4XyZ",
    };

    const DEFERRED: Attempt<'_> = Attempt {
        to: "by@example.net",
        original: None,
        relay: None,
        conn_use: 1,
        delay: Duration::from_secs(61),
        delays: [Duration::from_secs(31), Duration::from_secs(30), Duration::ZERO],
        dsn: EnhancedStatus::new(4, 4, 1),
        status: Status::Deferred,
        reason: "no answer in time",
        ..SENT
    };

    /// The lines that the page shows, by kind: as text, and as JSON.
    fn shown() -> Vec<(&'static str, Vec<Line<'static>>, Vec<Line<'static>>)> {
        let stopped = "no mail leaves this machine until the configuration is mended: 535 5.7.8 login refused";
        let returned = "sender non-delivery notification: 66187F7DA2AE000";
        let taken = "taken from drop/, where it was user 1000's 66187F7D5BDC3E8";
        let notes = || {
            vec![
                note(Level::Info, Part::Bounce, Some(ID), returned),
                note(Level::Info, Part::Postlog, Some(ID), taken),
                note(Level::Error, Part::Smtp, None, stopped),
            ]
        };
        vec![
            ("accepted", ACCEPTED.lines(), vec![ACCEPTED.object()]),
            ("attempt", vec![SENT.line(), DEFERRED.line()], vec![SENT.line(), DEFERRED.line()]),
            ("removed", vec![removed(ID)], vec![removed(ID)]),
            ("note", notes(), notes()),
        ]
    }

    /// The page under a heading.
    fn section(heading: &str) -> &'static str {
        let (_, rest) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
        rest.split("\n## ").next().unwrap()
    }

    #[test]
    fn page_shows_each_kind_of_line_in_both_forms() {
        let time = "2026-03-01T06:25:01.5Z".parse().unwrap();
        for (kind, lines, objects) in shown() {
            let in_text =
                |line: &Line<'_>| format!("mailx-t/{}[410]: {}", line.part.name(), line.written(Format::Postfix));
            let text: Vec<String> = lines.iter().map(in_text).collect();
            let json: Vec<String> = objects.iter().map(|object| object.json(time)).collect();
            let expected = format!("```text\n{}\n```\n\n```json\n{}\n```\n", text.join("\n"), json.join("\n"));
            assert!(section(kind).contains(&expected), "docs/log.md, under {kind}, should show:\n\n{expected}");
        }
    }

    #[test]
    fn page_has_a_row_for_each_field_and_for_no_other() {
        for (kind, _, objects) in shown() {
            let names = objects[0].fields.iter().map(|(name, _)| match *name {
                "sentence" => "| – | `sentence`".to_string(),
                name => format!("| `{name}` | `{}`", name.replace('-', "_")),
            });
            let rows = section(kind).lines().filter(|line| line.starts_with("| `") || line.starts_with("| –"));
            let rows = rows.map(|row| row.rsplit_once(" | ").unwrap().0.to_string());
            assert_eq!(rows.collect::<Vec<_>>(), names.collect::<Vec<_>>(), "docs/log.md, under {kind}");
        }
    }

    /// The fields of a line of text, read without our tables: `name=value` between commas, or blanks in pickup's, and
    /// what stands in parentheses.
    fn read(text: &str) -> Vec<(String, String)> {
        let (_, fields) = text.split_once(": ").unwrap();
        let fields = if fields.starts_with("uid=") { &fields.replace(' ', ", ") } else { fields };
        let (fields, reason) = fields.split_once(" (").unwrap_or((fields, ")"));
        let pairs = fields.split(", ").map(|field| field.split_once('=').unwrap());
        let pairs = pairs.map(|(name, value)| (name.replace('-', "_"), value.to_string()));
        let reason = reason.strip_suffix(')').filter(|reason| !reason.is_empty() && *reason != "queue active");
        pairs.chain(reason.map(|reason| ("reason".to_string(), reason.to_string()))).collect()
    }

    /// A value of JSON as text has it.
    fn as_text(name: &str, value: &Json) -> String {
        let seconds = |value: &Json| {
            let seconds = value.as_f64().unwrap();
            if seconds < 10.0 { seconds.to_string() } else { format!("{seconds:.0}") }
        };
        match value {
            Json::Array(all) if name == "delays" => all.iter().map(seconds).collect::<Vec<_>>().join("/"),
            Json::Array(all) => all.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(","),
            Json::Number(_) if name == "delay" => seconds(value),
            Json::String(text) if ["from", "to", "orig_to"].contains(&name) => format!("<{text}>"),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    #[test]
    fn text_and_json_hold_the_same() {
        let unrepaired = Accepted { repairs: &[], ..ACCEPTED };
        for (lines, object) in [
            (ACCEPTED.lines(), ACCEPTED.object()),
            (vec![SENT.line()], SENT.line()),
            (vec![DEFERRED.line()], DEFERRED.line()),
            (unrepaired.lines(), unrepaired.object()),
        ] {
            let mut text: Vec<_> = lines.iter().flat_map(|line| read(&line.written(Format::Postfix))).collect();
            // Two of Postfix's lines name the sender.
            text.sort();
            text.dedup();
            let json: Json = serde_json::from_str(&object.written(Format::Json)).unwrap();
            let mut fields = json.as_object().unwrap().clone();
            for key in ["time", "event", "severity", "queue_id"] {
                assert!(fields.remove(key).is_some_and(|value| value.is_string()), "{key}: {json}");
            }
            for (name, value) in text {
                let other = fields.remove(&name).unwrap_or_else(|| panic!("{name} is not in {json}"));
                let is_none = value == "none" && (other.is_null() || other == serde_json::json!([]));
                assert!(is_none || as_text(&name, &other) == value, "{name}: {value} and {other}");
            }
            // Text leaves out what is usual.
            let is_usual = |left: &Json| left.is_null() || *left == 1 || *left == serde_json::json!([]);
            assert!(fields.values().all(is_usual), "{fields:?}");
        }
    }

    #[test]
    fn no_reply_forges_a_line_of_either_form() {
        let line = Attempt { reason: "250 ok\r\n0BFBF1C4D88: to=<x>, status=sent", ..SENT };
        let [text, json] = [Format::Postfix, Format::Json].map(|format| line.line().written(format));
        assert_eq!((text.lines().count(), json.lines().count()), (1, 1), "{text}\n{json}");
        let sentence = "one\ntwo\u{1b}[2J";
        assert_eq!(
            note(Level::Warn, Part::Smtp, Some(ID), sentence).written(Format::Postfix),
            format!("warning: {ID}: {}", clean(sentence))
        );
    }

    #[test]
    fn no_address_forges_a_field() {
        let names = |lines: &[Line<'_>]| {
            let fields = lines.iter().flat_map(|line| read(&line.written(Format::Postfix)));
            fields.map(|(name, _)| name).collect::<Vec<String>>()
        };
        let (usual, usual_of_attempt) = (names(&ACCEPTED.lines()), names(&[SENT.line()]));
        for address in [
            r#""x>, size=1, nrcpt=1, uid=0, message-id=<y"@b.example"#,
            r#""z>, relay=none, dsn=2.0.0, status=sent (250 ok"@b.example"#,
        ] {
            assert_eq!(names(&Accepted { from: address, ..ACCEPTED }.lines()), usual, "{address}");
            let attempt = Attempt { to: address, original: Some(address), ..SENT };
            assert_eq!(names(&[attempt.line()]), usual_of_attempt, "{address}");
        }
    }

    #[test]
    fn first_mail_over_a_connection_says_nothing_of_it_in_text() {
        assert!(SENT.line().written(Format::Postfix).contains(":465, conn_use=2, delay="));
        assert!(Attempt { conn_use: 1, ..SENT }.line().written(Format::Postfix).contains(":465, delay="));
    }
}
