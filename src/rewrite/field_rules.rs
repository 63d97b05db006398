//! The rules of the standards for a field by its name, and the octets that its value may not have.

use super::repair::Repair;
use super::wire::is_control;
use crate::message::Field;

/// Fields with mailboxes that readers see and answer to.
const ADDRESSES: [&str; 6] = ["To", "Cc", "Reply-To", "Resent-To", "Resent-Cc", "Resent-From"];
/// Further fields with mailboxes, which leave as they are unless they are not ASCII.
const MORE_ADDRESSES: [&str; 6] = [
    "Disposition-Notification-To",
    "Errors-To",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Resent-Sender",
    "Return-Receipt-To",
];
/// RFC 5322 section 3.6: these may stand once.
const ONCE: [&str; 13] = [
    "Cc",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "In-Reply-To",
    "MIME-Version",
    "Message-ID",
    "References",
    "Reply-To",
    "Sender",
    "Subject",
    "To",
];
/// Fields with a syntax of their own, which encoded words would break (RFC 2047 section 5).
const STRUCTURED: [&str; 9] = [
    "Authentication-Results",
    "Date",
    "DKIM-Signature",
    "In-Reply-To",
    "Message-ID",
    "MIME-Version",
    "Received",
    "References",
    "Return-Receipt-To",
];

/// The name of the address field that this is.
pub(super) fn address_field(each: &Field<'_>) -> Option<&'static str> {
    ADDRESSES.into_iter().find(|name| each.is(name))
}

/// It holds mailboxes, and encoded words would break it.
pub(super) fn has_mailboxes(each: &Field<'_>) -> bool {
    MORE_ADDRESSES.iter().any(|name| each.is(name))
}

/// Another field of its name may not stand beside it.
pub(super) fn stands_once(each: &Field<'_>) -> bool {
    ONCE.iter().any(|name| each.is(name))
}

/// Its value has a syntax that encoded words would break.
pub(super) fn is_structured(each: &Field<'_>) -> bool {
    address_field(each).is_some() || STRUCTURED.iter().any(|name| each.is(name))
}

/// Fields that never leave: RFC 5322 section 3.6.3 (Bcc), RFC 5321 section 4.4 (Return-Path).
pub(super) fn unwanted(each: &Field<'_>) -> Option<Repair> {
    let of = |names: &[&str]| names.iter().any(|name| each.is(name));
    if of(&["Bcc", "Resent-Bcc"]) {
        Some(Repair::Bcc)
    } else if of(&["Return-Path", "Content-Length"]) {
        Some(Repair::Trace)
    } else {
        None
    }
}

/// There are control characters other than line ends.
pub(super) fn has_controls(octets: &[u8]) -> bool {
    let lines = octets.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.flatten().any(|b| is_control(*b))
}

/// RFC 5322 section 4.2 has readers take folds of nothing but blanks; many take them for the end of the fields.
pub(super) fn has_blank_folds(octets: &[u8]) -> bool {
    let mut folds = octets.strip_suffix(b"\n").unwrap_or(octets).split(|b| *b == b'\n').skip(1);
    folds.any(|line| line.iter().all(u8::is_ascii_whitespace))
}

/// The value is a Message-ID of RFC 5322 section 3.6.4, with no more freedom than large receivers grant. They refuse a
/// mail for any other.
pub(super) fn is_message_id(value: &[u8]) -> bool {
    let is_part = |part: &[u8]| !part.is_empty() && part.iter().all(|b| b.is_ascii_graphic() && !b"<>@".contains(b));
    let Some(id) = value.trim_ascii().strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) else {
        return false;
    };
    let at = id.iter().position(|b| *b == b'@');
    at.is_some_and(|at| is_part(&id[..at]) && is_part(&id[at + 1..]))
}

/// The value has nothing that could be read.
pub(super) fn is_empty(each: &Field<'_>) -> bool {
    each.value.iter().all(|b| b.is_ascii_whitespace() || b.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_id_has_brackets_and_two_parts_without_blanks() {
        for value in ["<1@web1>", " <a.b+c%d!e=f@[127.0.0.1]>\r\n", "\r\n <x@y>"] {
            assert!(is_message_id(value.as_bytes()), "{value}");
        }
        for value in
            ["", "abc", "<>", "<@>", "<1>", "1@web1", "<1@>", "<@web1>", "<1 2@web1>", "<1@web1", "<1@a@b>", "<é@x>"]
        {
            assert!(!is_message_id(value.as_bytes()), "{value}");
        }
    }
}
