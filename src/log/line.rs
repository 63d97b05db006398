//! The fields of a line: Postfix's fields in Postfix's order (`log_adhoc.c`), or the same as JSON.

use std::time::Duration;

use serde::Serialize;

use super::Format;
use crate::outcome::{EnhancedStatus, Status, clean};

/// A mail has been accepted.
#[derive(Debug, Serialize)]
pub(crate) struct Accepted<'a> {
    /// The queue id.
    #[serde(rename = "queue_id")]
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
    #[serde(rename = "nrcpt")]
    pub(crate) recipients: usize,
    /// The names of the repairs made.
    pub(crate) repairs: &'a [&'a str],
}

impl Accepted<'_> {
    /// Hands the line to the log.
    pub(crate) fn log(&self, format: Format) {
        match format {
            Format::Json => json("accepted", self),
            Format::Postfix => ::log::info!("{}", self.text()),
        }
    }

    fn text(&self) -> String {
        let repairs = if self.repairs.is_empty() { "none".to_string() } else { self.repairs.join(",") };
        format!(
            "{}: from=<{}>, size={}, nrcpt={}, uid={}, message-id={}, repairs={repairs}",
            self.id,
            clean(self.from),
            self.size,
            self.recipients,
            self.uid,
            clean(self.message_id),
        )
    }
}

/// One attempt for one recipient has ended.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The queue id.
    pub(crate) id: &'a str,
    /// The recipient.
    pub(crate) to: &'a str,
    /// The caller's own word for it, if that was another name.
    pub(crate) original: Option<&'a str>,
    /// `host[ip]:port`, `None` if there was no connection.
    pub(crate) relay: Option<&'a str>,
    /// The number of the mail on this connection, from 1.
    pub(crate) conn_use: u32,
    /// The time from acceptance to now.
    pub(crate) delay: Duration,
    /// From acceptance to this attempt's start, setting up the connection, transmission.
    pub(crate) delays: [Duration; 3],
    /// RFC 3463.
    pub(crate) dsn: EnhancedStatus,
    /// The outcome.
    pub(crate) status: Status,
    /// The server's reply or our own sentence.
    pub(crate) reason: &'a str,
}

impl Attempt<'_> {
    /// Hands the line to the log.
    pub(crate) fn log(&self, format: Format) {
        match format {
            Format::Json => json("attempt", &self.object()),
            Format::Postfix => ::log::info!("{}", self.text()),
        }
    }

    fn text(&self) -> String {
        let original = self.original.map(|name| format!(" orig_to=<{}>,", clean(name))).unwrap_or_default();
        let [waited, setup, transmission] = self.delays;
        let reuse = if self.conn_use > 1 { format!(" conn_use={},", self.conn_use) } else { String::new() };
        format!(
            "{}: to=<{}>,{original} relay={},{reuse} delay={}, delays={}/0/{}/{}, dsn={}, status={} ({})",
            self.id,
            clean(self.to),
            self.relay.unwrap_or("none"),
            seconds(self.delay),
            seconds(waited),
            seconds(setup),
            seconds(transmission),
            self.dsn,
            self.status.name(),
            clean(self.reason),
        )
    }

    fn object(&self) -> serde_json::Value {
        serde_json::json!({
            "queue_id": self.id,
            "to": self.to,
            "orig_to": self.original,
            "relay": self.relay,
            "conn_use": self.conn_use,
            "delay": self.delay.as_secs_f64(),
            "dsn": self.dsn.to_string(),
            "status": self.status.name(),
            "reason": self.reason,
        })
    }
}

fn json(event: &str, fields: &impl Serialize) {
    let Ok(serde_json::Value::Object(mut object)) = serde_json::to_value(fields) else { return };
    object.insert("event".to_string(), event.into());
    object.insert("time".to_string(), jiff::Timestamp::now().to_string().into());
    ::log::info!("{}", serde_json::Value::Object(object));
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

    fn attempt<'a>(reason: &'a str, original: Option<&'a str>) -> Attempt<'a> {
        Attempt {
            id: "0BFBF1C4D88",
            to: "by@example.com",
            original,
            relay: Some("smtp.example.com[192.0.2.1]:465"),
            conn_use: 1,
            delay: Duration::from_millis(210),
            delays: [Duration::from_millis(10), Duration::from_millis(130), Duration::from_millis(60)],
            dsn: EnhancedStatus::new(2, 0, 0),
            status: Status::Sent,
            reason,
        }
    }

    #[test]
    fn attempt_reads_like_postfix() {
        assert_eq!(
            attempt("250 2.0.0 queued as ABC", Some("root")).text(),
            "0BFBF1C4D88: to=<by@example.com>, orig_to=<root>, relay=smtp.example.com[192.0.2.1]:465, delay=0.21, \
             delays=0.01/0/0.13/0.06, dsn=2.0.0, status=sent (250 2.0.0 queued as ABC)"
        );
    }

    #[test]
    fn second_mail_over_a_connection_says_so() {
        let text = Attempt { conn_use: 2, ..attempt("250 ok", None) }.text();
        assert!(text.contains("relay=smtp.example.com[192.0.2.1]:465, conn_use=2, delay=0.21,"), "{text}");
    }

    #[test]
    fn reply_cannot_forge_a_line() {
        let text = attempt("250 ok\r\n0BFBF1C4D88: to=<x>, status=sent", None).text();
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn seconds_are_short() {
        let of = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([of(0), of(4), of(210), of(1250), of(9000), of(61_200)], ["0", "0", "0.21", "1.2", "9", "61"]);
    }
}
