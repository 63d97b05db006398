//! The repairs, by name: one table makes the type, the list and the names.

/// Makes `Repair` of rows that each hold a comment, the variant, and the name in the log and in `docs/repairs.md`.
macro_rules! repairs {
    ($($(#[$comment:meta])+ $repair:ident $name:literal)+) => {
        /// One repair that was made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Repair {
            $($(#[$comment])+ $repair,)+
        }

        impl Repair {
            /// All repairs.
            pub const ALL: &[Repair] = &[$(Repair::$repair),+];

            /// The name in the log.
            pub fn name(self) -> &'static str {
                match self {
                    $(Repair::$repair => $name,)+
                }
            }
        }
    };
}

repairs! {
    /// A mail from cron got the field that says no person wrote it, RFC 3834.
    AutoSubmitted "auto-submitted"
    /// A blind copy field was taken out, RFC 5322 section 3.6.3.
    Bcc "bcc"
    /// The body was empty, so the subject stands in for it.
    Body "body"
    /// The label of the charset was mended to tell the truth.
    Charset "charset"
    /// X-Cron-Env was taken out or masked: it carries the crontab's variables, secrets too.
    CronEnv "cron-env"
    /// The mail was too large: its middle was left out; the whole is kept on this machine.
    Cut "cut"
    /// A Date was added, or written anew in the form of RFC 5322 section 3.3.
    Date "date"
    /// Fields that may stand once stood twice, RFC 5322 section 3.6.
    Duplicate "duplicate"
    /// The body was encoded, or the label of its encoding mended.
    Encoding "encoding"
    /// A parameter of a field about the body stood on a line of its own, RFC 5322 section 2.2.3.
    Fold "fold"
    /// From became the account; the original is kept beside it.
    From "from"
    /// A field had a line of more than 998 octets, RFC 5322 section 2.1.1.
    LongField "long-field"
    /// A line between the fields is no field; it became one that can be read.
    Malformed "malformed"
    /// A Message-ID was added, RFC 5322 section 3.6.4.
    MessageId "message-id"
    /// Blanks stood between the name of a field and its colon, or alone on a line: RFC 5322 sections 4.2 and 4.5.
    Obsolete "obsolete"
    /// Parts of a multipart were encoded.
    Parts "parts"
    /// Raw 8-bit in a field was encoded, RFC 2047; control characters became blanks.
    RawHeader "raw-header"
    /// Recipients in To or Cc became the addresses they stand for; text that names no recipient was set aside.
    Recipients "recipients"
    /// The mail was larger than the smarthost takes, and was cut for it.
    Recut "recut"
    /// The blank line between header section and body was missing.
    Separator "separator"
    /// Fields too large for the header section were attached.
    SetAside "set-aside"
    /// The first lines were indented, or came behind blank lines or the `-e` of an echo.
    Start "start"
    /// A Subject was made.
    Subject "subject"
    /// Codes for a terminal were folded to the text that it would show.
    TerminalCodes "terminal-codes"
    /// A To was made.
    To "to"
    /// The transport's own fields and lines were taken out (Return-Path, Content-Length, the `From ` line of a mailbox
    /// file).
    Trace "trace"
}
