//! The report that a mail could not be delivered: multipart/report (RFC 6522) with a message/delivery-status part (RFC
//! 3464) and the original, or its header section if it is large.
//!
//! Pure: clock, host and identifiers come in. The caller decides who gets the report, and that none is written about a
//! report.

use std::io::{self, Read, Write};

use lettre::Address;

use crate::dsn;
use crate::outcome::{Outcome, clean};

/// Originals above this are returned as header section only (Postfix's bounce_size_limit).
const WHOLE_LIMIT: u64 = 50_000;

/// A recipient that will not have the mail.
#[derive(Debug)]
pub(crate) struct Failed<'a> {
    /// The address that the mail went to.
    pub(crate) address: &'a Address,
    /// The caller's own word for it, if that was another name.
    pub(crate) original: Option<&'a str>,
    /// The recipient that the sender meant, ORCPT of RFC 3461.
    pub(crate) orcpt: Option<&'a dsn::Orcpt>,
    /// The reason.
    pub(crate) outcome: &'a Outcome,
}

/// The parts of a report.
#[derive(Clone, Debug)]
pub(crate) struct Report<'a> {
    /// The mail it is about.
    pub(crate) id: &'a str,
    /// The time at which that mail was accepted, RFC 5322 form.
    pub(crate) arrived: &'a str,
    /// Now, RFC 5322 form.
    pub(crate) date: &'a str,
    /// This machine's name.
    pub(crate) host: &'a str,
    /// The account: providers let us be nobody else.
    pub(crate) account: &'a Address,
    /// The recipients of the report.
    pub(crate) to: &'a [Address],
    /// A name for the report that no other mail has.
    pub(crate) unique: &'a str,
    /// The original's Message-ID field.
    pub(crate) message_id: &'a str,
    /// The original has bytes over 127.
    pub(crate) eight_bit: bool,
    /// The original's octets.
    pub(crate) size: u64,
    /// The sender's requests about reports, RFC 3461.
    pub(crate) dsn: &'a dsn::OfMail,
    /// The text was refused, and would be again: the report goes without it.
    pub(crate) is_text_refused: bool,
    /// The recipients that it is about; one or more.
    pub(crate) failed: &'a [Failed<'a>],
}

/// True if a report about a mail of so many octets brings all of it back: unless the mail is large, or the sender wants
/// only its header.
pub(crate) fn is_whole(size: u64, dsn: &dsn::OfMail) -> bool {
    size <= WHOLE_LIMIT && dsn.ret != Some(dsn::Ret::Hdrs)
}

impl Report<'_> {
    /// The report's own Message-ID.
    pub(crate) fn own_message_id(&self) -> String {
        format!("<{}@{}>", self.unique, self.account.domain())
    }

    /// Writes the report in wire form; `original` is the mail in wire form.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub(crate) fn write(&self, original: &mut dyn Read, out: &mut dyn Write) -> io::Result<()> {
        let boundary = format!("report-{}", self.unique);
        write!(out, "{}\r\n", self.header(&boundary))?;
        write!(
            out,
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )?;
        out.write_all(self.words().as_bytes())?;
        write!(out, "\r\n--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n{}", self.status())?;
        let encoding = if self.eight_bit { "8bit" } else { "7bit" };
        let whole = is_whole(self.size, self.dsn) && !self.is_text_refused;
        let kind = if whole { "message/rfc822" } else { "text/rfc822-headers" };
        write!(out, "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n")?;
        if whole {
            io::copy(original, out)?;
        } else {
            let is_wanted = |line: &[u8]| !self.is_text_refused || is_of_envelope(line);
            copy_header(original, out, &is_wanted)?;
        }
        write!(out, "\r\n--{boundary}--\r\n")
    }

    /// Writes what is left to say where a server refuses the report for its content too: nothing in it comes from the
    /// mail, from those who wrote it, or from a reply.
    ///
    /// # Errors
    /// Those of writing.
    pub(crate) fn write_brief(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { id, arrived, host, account, date, .. } = self;
        write!(
            out,
            "From: \"Mail Delivery System ({host})\" <{account}>\r\nTo: {}\r\nSubject: Undelivered mail {id}\r\n\
             Date: {date}\r\nMessage-ID: {}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
             The mail {id}, accepted by {host} on {arrived}, could not be delivered. The report about it was\r\n\
             refused too, so that this one names neither recipients nor reasons: they stand in the log.\r\n\
             The mail is kept in failed/{id} of the spool on {host}.\r\n",
            self.shown(),
            self.own_message_id(),
        )
    }

    fn header(&self, boundary: &str) -> String {
        let id = clean(self.message_id);
        // A Message-ID that cannot stand on a line names no mail.
        let references =
            if id == ascii(&id) && !id.is_empty() { format!("References: {id}\r\n") } else { String::new() };
        format!(
            "From: \"Mail Delivery System ({})\" <{}>\r\nTo: {}\r\nSubject: Undelivered mail: {}\r\nDate: {}\r\n\
             Message-ID: {}\r\n{references}Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n\
             Content-Transfer-Encoding: 8bit\r\n",
            self.host,
            self.account,
            self.shown(),
            ascii(self.failed.first().map_or("", |failed| failed.address.as_ref())),
            self.date,
            self.own_message_id(),
        )
    }

    /// The recipients of the report, as the header section names them. An address beyond ASCII may stand there only if
    /// every server on the way offers SMTPUTF8 (RFC 6532 section 3.2), and nobody knows that yet.
    fn shown(&self) -> String {
        let to: Vec<String> = self.to.iter().map(Address::to_string).filter(|address| address.is_ascii()).collect();
        if to.is_empty() { "undisclosed-recipients:;".to_string() } else { to.join(",\r\n ") }
    }

    fn words(&self) -> String {
        let mut text = format!(
            "The mail below, accepted by {} on {}, could not be delivered to:\r\n\r\n",
            self.host, self.arrived
        );
        for Failed { address, original, outcome, .. } in self.failed {
            let written = original.map(|name| format!(" (written as {})", short(name))).unwrap_or_default();
            text.push_str(&format!("<{address}>{written}:\r\n    {}\r\n\r\n", short(&outcome.reason)));
        }
        text.push_str("It will not be tried again.\r\n");
        if self.is_text_refused {
            let place = format!("failed/{} of the spool on {}", self.id, self.host);
            text.push_str(&format!("Its text was refused, and is left out here: the whole is kept in {place}.\r\n"));
        }
        text
    }

    /// RFC 3464 section 2: fields about the message, then a group for each recipient.
    fn status(&self) -> String {
        let mut text = String::new();
        if let Some(envid) = &self.dsn.envid {
            text.push_str(&format!("Original-Envelope-Id: {}\r\n", envid.text()));
        }
        text.push_str(&format!(
            "Reporting-MTA: dns; {}\r\nX-Queue-ID: {}\r\nArrival-Date: {}\r\n",
            self.host, self.id, self.arrived
        ));
        for Failed { address, original, orcpt, outcome } in self.failed {
            text.push_str("\r\n");
            if let Some(orcpt) = orcpt {
                text.push_str(&format!("Original-Recipient: {}\r\n", orcpt.text().replacen(';', "; ", 1)));
            } else if let Some(name) = original {
                text.push_str(&format!("Original-Recipient: x-local; {}\r\n", ascii(name)));
            }
            text.push_str(&format!(
                "Final-Recipient: {}\r\nAction: failed\r\nStatus: {}\r\nDiagnostic-Code: smtp; {}\r\n",
                typed(address.as_ref()),
                outcome.enhanced,
                ascii(&outcome.reason)
            ));
        }
        text
    }
}

/// An address with its type. RFC 6533 section 3 has a form in which an address beyond ASCII can stand in a 7-bit part.
fn typed(address: &str) -> String {
    if address.is_ascii() {
        return format!("rfc822; {address}");
    }
    let encoded = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
            c.to_string()
        } else {
            format!("\\x{{{:X}}}", u32::from(c))
        }
    };
    format!("utf-8; {}", address.chars().map(encoded).collect::<String>())
}

/// The delivery-status part is 7-bit.
fn ascii(text: &str) -> String {
    short(text).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// A server may say more than a line of 998 octets holds (RFC 5322 section 2.1.1).
fn short(text: &str) -> String {
    let text = clean(text);
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 900).last();
    text[..end.unwrap_or_default()].to_string()
}

/// A field that says who wrote to whom, and when: nobody refuses a mail for that.
fn is_of_envelope(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(name.as_slice(), b"from" | b"to" | b"cc" | b"date" | b"message-id")
}

/// The fields of the header section that are wanted, by their first lines, without the blank line behind them.
fn copy_header(original: &mut dyn Read, out: &mut dyn Write, is_wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<()> {
    use io::BufRead;
    let mut lines = io::BufReader::new(original);
    let (mut line, mut is_kept) = (Vec::new(), false);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 || line == b"\r\n" {
            return Ok(());
        }
        // A line that begins with a blank goes on with its field (RFC 5322 section 2.2.3).
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            is_kept = is_wanted(&line);
        }
        if is_kept {
            out.write_all(&line)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{EnhancedStatus, Scope, Stage, Status};

    fn report(original: &str) -> String {
        report_asked(original, &dsn::OfMail::default(), None)
    }

    fn report_asked(original: &str, dsn: &dsn::OfMail, orcpt: Option<&dsn::Orcpt>) -> String {
        let (account, gone): (Address, Address) = ("me@x.org".parse().unwrap(), "gone@y.org".parse().unwrap());
        let outcome = Outcome {
            status: Status::Bounced,
            stage: Stage::Rcpt,
            scope: Scope::Recipient,
            enhanced: EnhancedStatus::new(5, 1, 1),
            reason: "550 5.1.1 no such user\r\nX: y".into(),
        };
        let failed = [Failed { address: &gone, original: Some("gone"), orcpt, outcome: &outcome }];
        let to = ["boss@x.org".parse().unwrap()];
        let report = Report {
            id: "ID0",
            arrived: "Thu, 19 Nov 2026 09:30:00 +0000",
            date: "Fri, 20 Nov 2026 09:30:00 +0000",
            host: "web1",
            account: &account,
            to: &to,
            unique: "ID1",
            message_id: "<1@x.org>",
            eight_bit: false,
            size: original.len() as u64,
            dsn,
            is_text_refused: false,
            failed: &failed,
        };
        let mut out = Vec::new();
        report.write(&mut original.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn report_has_its_three_parts() {
        let text = report("Subject: s\r\n\r\nbody\r\n");
        assert_eq!(text.matches("\r\n--report-ID1\r\n").count(), 3);
        assert!(text.ends_with("\r\n--report-ID1--\r\n"));
        for line in [
            "Final-Recipient: rfc822; gone@y.org\r\n",
            "Status: 5.1.1\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 no such user X: y\r\n",
            "Original-Recipient: x-local; gone\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "Content-Type: message/rfc822\r\n",
            "Subject: s\r\n\r\nbody\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn sender_who_asked_gets_their_own_names_back() {
        let asked = dsn::OfMail { ret: Some(dsn::Ret::Hdrs), envid: dsn::Envid::plain("QQ 314+159") };
        let orcpt = "rfc822;a+2Bb@y.org".parse().unwrap();
        let text = report_asked("Subject: s\r\n\r\nbody\r\n", &asked, Some(&orcpt));
        for line in [
            "\r\n\r\nOriginal-Envelope-Id: QQ 314+159\r\nReporting-MTA: dns; web1\r\n",
            "\r\n\r\nOriginal-Recipient: rfc822; a+b@y.org\r\nFinal-Recipient: rfc822; gone@y.org\r\n",
            "Content-Type: text/rfc822-headers\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains("Subject: s\r\n") && !text.contains("\r\nbody\r\n"));
    }

    #[test]
    fn long_answer_of_a_server_makes_no_line_that_servers_refuse() {
        assert_eq!(short("550 no"), "550 no");
        assert!(short(&"é".repeat(1000)).len() == 900 && ascii(&"x ".repeat(1000)).len() <= 900);
    }

    #[test]
    fn address_beyond_ascii_stands_encoded_in_the_status() {
        assert_eq!(typed("a+b@y.org"), "rfc822; a+b@y.org");
        assert_eq!(typed("jos\u{e9}+b@y.org"), "utf-8; jos\\x{E9}\\x{2B}b@y.org");
    }

    #[test]
    fn large_original_returns_as_its_header() {
        let text = report(&format!("Subject: s\r\n\r\n{}", "body\r\n".repeat(10_000)));
        assert!(
            text.contains("text/rfc822-headers\r\n") && text.contains("Subject: s\r\n") && !text.contains("body\r\n")
        );
    }
}
