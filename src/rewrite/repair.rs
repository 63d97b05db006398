//! The repairs, by name.

/// One repair that was made. The names are for the log and for `docs/repairs.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// A mail from cron got the field that says no person wrote it, RFC 3834.
    AutoSubmitted,
    /// A blind copy field was taken out, RFC 5322 section 3.6.3.
    Bcc,
    /// The body was empty, so the subject stands in for it.
    Body,
    /// The label of the charset was mended to tell the truth.
    Charset,
    /// X-Cron-Env was taken out or masked: it carries the crontab's variables, secrets too.
    CronEnv,
    /// The mail was too large: its middle was left out; the whole is kept on this machine.
    Cut,
    /// A Date was added.
    Date,
    /// Fields that may stand once stood twice, RFC 5322 section 3.6.
    Duplicate,
    /// The body was encoded, or the label of its encoding mended.
    Encoding,
    /// From became the account; the original is kept beside it.
    From,
    /// A field had a line of more than 998 octets, RFC 5322 section 2.1.1.
    LongField,
    /// A line between the fields is no field; it became one that can be read.
    Malformed,
    /// A Message-ID was added.
    MessageId,
    /// Blanks stood between the name of a field and its colon, or alone on a line: RFC 5322 sections 4.2 and 4.5.
    Obsolete,
    /// Parts of a multipart were encoded.
    Parts,
    /// Raw 8-bit in a field was encoded, RFC 2047; control characters became blanks.
    RawHeader,
    /// The mail was larger than the smarthost takes, and was cut for it.
    Recut,
    /// Recipients in To or Cc became the addresses they stand for; text that names no recipient was set aside.
    Recipients,
    /// The blank line between header section and body was missing.
    Separator,
    /// Fields too large for the header section were attached.
    SetAside,
    /// A Subject was made.
    Subject,
    /// Codes for a terminal were folded to the text that it would show.
    TerminalCodes,
    /// A To was made.
    To,
    /// The transport's own fields and lines were taken out (Return-Path, Content-Length, the `From ` line of a mailbox
    /// file).
    Trace,
}

impl Repair {
    /// All repairs.
    pub const ALL: [Repair; 24] = [
        Repair::AutoSubmitted,
        Repair::Bcc,
        Repair::Body,
        Repair::Charset,
        Repair::CronEnv,
        Repair::Cut,
        Repair::Date,
        Repair::Duplicate,
        Repair::Encoding,
        Repair::From,
        Repair::LongField,
        Repair::Malformed,
        Repair::MessageId,
        Repair::Obsolete,
        Repair::Parts,
        Repair::RawHeader,
        Repair::Recut,
        Repair::Recipients,
        Repair::Separator,
        Repair::SetAside,
        Repair::Subject,
        Repair::TerminalCodes,
        Repair::To,
        Repair::Trace,
    ];

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Repair::AutoSubmitted => "auto-submitted",
            Repair::Bcc => "bcc",
            Repair::Body => "body",
            Repair::Charset => "charset",
            Repair::CronEnv => "cron-env",
            Repair::Cut => "cut",
            Repair::Date => "date",
            Repair::Duplicate => "duplicate",
            Repair::Encoding => "encoding",
            Repair::From => "from",
            Repair::LongField => "long-field",
            Repair::Malformed => "malformed",
            Repair::MessageId => "message-id",
            Repair::Obsolete => "obsolete",
            Repair::Parts => "parts",
            Repair::RawHeader => "raw-header",
            Repair::Recut => "recut",
            Repair::Recipients => "recipients",
            Repair::Separator => "separator",
            Repair::SetAside => "set-aside",
            Repair::Subject => "subject",
            Repair::TerminalCodes => "terminal-codes",
            Repair::To => "to",
            Repair::Trace => "trace",
        }
    }
}
