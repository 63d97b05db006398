//! A parameter of a field about a body that stands on a line of its own, without the blank that would make the line a
//! fold (RFC 5322 section 2.2.3): mailers write `Content-Type: multipart/mixed;` and below it `boundary="x"`.

use std::borrow::Cow;

/// The parameters that mailers write so; the line can be nothing else.
const PARAMETERS: [&[u8]; 9] =
    [b"boundary", b"charset", b"delsp", b"filename", b"format", b"micalg", b"name", b"protocol", b"type"];

/// The octets that make the line a fold of the field before it, whose octets are `field`: a blank, and the semicolon
/// where that is missing too. `None` if the line is no parameter of it.
pub(super) fn missing_fold(field: &[u8], line: &[u8]) -> Option<&'static [u8]> {
    let is_about_a_body = field.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    let equals = line.iter().position(|octet| *octet == b'=')?;
    let name = line[..equals].trim_ascii_end();
    let name = name.strip_suffix(b"*").unwrap_or(name);
    let is_parameter = PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    let has_value = !line[equals + 1..].trim_ascii().is_empty();
    if !is_about_a_body || !is_parameter || !has_value {
        return None;
    }
    Some(if field.trim_ascii_end().ends_with(b";") { b" " } else { b" ;" })
}

/// A head whose parameters all stand in folds.
pub(crate) fn unfolded(head: &[u8]) -> Cow<'_, [u8]> {
    let (mut whole, mut field) = (Vec::new(), 0);
    for line in head.split_inclusive(|octet| *octet == b'\n') {
        match missing_fold(&whole[field..], line) {
            Some(fold) => whole.extend_from_slice(fold),
            None if !line.starts_with(b" ") && !line.starts_with(b"\t") => field = whole.len(),
            None => {}
        }
        whole.extend_from_slice(line);
    }
    if whole.len() == head.len() { Cow::Borrowed(head) } else { Cow::Owned(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_on_a_line_of_its_own_becomes_a_fold() {
        for (head, expected) in [
            ("Content-Type: a/b;\nname=c\n", "Content-Type: a/b;\n name=c\n"),
            (
                "Content-Type: a/b;\r\n\tx=y;\r\nBoundary = \"c:d\"\r\n",
                "Content-Type: a/b;\r\n\tx=y;\r\n Boundary = \"c:d\"\r\n",
            ),
            ("content-disposition: a\nfilename*=c\nX: y\n", "content-disposition: a\n ;filename*=c\nX: y\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&unfolded(head.as_bytes())), expected);
        }
        for head in
            ["Subject: a;\nname=c\n", "Content-Type: a/b;\nother=c\n", "Content-Type: a/b\n\nname=c\n", "name=c\n", ""]
        {
            assert_eq!(unfolded(head.as_bytes()), head.as_bytes(), "{head}");
        }
    }
}
