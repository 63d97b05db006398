//! From mail(1)'s letters to a mail: tells the fields among `-a`, `-A` and `-C` from the files, reads a subject of
//! several lines, and finds the recipients. Files are opened here, with the caller's own rights.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Added, MailArguments, is_header};
use crate::command::submission::compose::{Composition, Enclosure};
use crate::command::submission::request::Input;
use crate::error::{EnclosureFault, Error};
use crate::message::{Given, may_be_addresses, text};
use crate::outcome::clean;

/// A mail that mail(1) is to send.
#[derive(Debug)]
pub(crate) struct Composed {
    /// The kind of stdin, and all that was given besides.
    pub(crate) input: Input,
    /// Recipients, in any bytes; each may hold several addresses.
    pub(crate) recipients: Vec<Vec<u8>>,
    /// Notes for the caller.
    pub(crate) notes: Vec<String>,
}

/// Makes the mail that the letters ask for. If a file that goes with it cannot be opened, the composition says so: the
/// text on stdin must not be lost for that.
pub(crate) fn compose(arguments: &MailArguments) -> Composed {
    let mut notes = Vec::new();
    let mut composition = Composition { skip_empty: arguments.skip_empty, ..Composition::default() };
    let (subject, of_subject) =
        arguments.subject.as_deref().map(|subject| lines(subject.as_bytes())).unwrap_or_default();
    let given = given(arguments, &mut composition, &mut notes);
    let body = arguments.content_type.as_ref().map(|kind| ("Content-Type".to_string(), kind.as_bytes().to_vec()));
    let from = arguments.from.as_ref().map(|from| ("From".to_string(), from.as_bytes().to_vec()));
    let reply_to = arguments.reply_to.as_ref().map(|to| ("Reply-To".to_string(), to.as_bytes().to_vec()));
    let subject = arguments.subject.as_ref().map(|_| ("Subject".to_string(), subject));
    // If a field may stand once, the first one counts.
    let first = [from, subject, body].into_iter().flatten();
    composition.fields = first.chain(of_subject).chain(given).chain(reply_to).collect();
    let named = composition.fields.iter().filter(|(name, _)| names_recipients(name)).map(|(_, value)| value.clone());
    let lists = [&arguments.recipients, &arguments.cc, &arguments.bcc].into_iter().flatten();
    let recipients = lists.map(|operand| operand.as_bytes().to_vec()).chain(named).collect();
    // The fields are read again if no argument is an address, and must not tell more than the arguments.
    composition.fields.retain(|(name, value)| !holds_addresses(name) || may_be_addresses(value));
    composition.start = arguments.quoted.as_deref().and_then(|path| open(path, &mut composition.fault));
    if arguments.formatted {
        return Composed { input: Input::FormattedWith(composition), recipients, notes };
    }
    for (name, list) in [("To", &arguments.recipients), ("Cc", &arguments.cc)] {
        let list: Vec<&[u8]> = list.iter().map(|item| item.as_bytes()).filter(|item| may_be_addresses(item)).collect();
        if !list.is_empty() {
            composition.fields.push((name.to_string(), list.join(&b", "[..])));
        }
    }
    Composed { input: Input::Body(composition), recipients, notes }
}

/// `-a 'Bcc: x'` names a recipient too.
fn names_recipients(name: &str) -> bool {
    ["To", "Cc", "Bcc"].iter().any(|field| name.eq_ignore_ascii_case(field))
}

fn holds_addresses(name: &str) -> bool {
    names_recipients(name) || ["From", "Reply-To"].iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// The fields of `-a` and `-C`. The files of `-a` and `-A` are opened and go to the composition.
fn given(arguments: &MailArguments, to: &mut Composition, notes: &mut Vec<String>) -> Vec<Given> {
    let mut fields = Vec::new();
    for Added { letter, value, name: asked } in &arguments.attachments_or_headers {
        let path = Path::new(value);
        if *letter != 'C' && path.exists() {
            let name = asked.as_deref().map_or_else(|| name(path), |name| text(name.as_bytes()));
            to.enclosures.extend(open(path, &mut to.fault).map(|file| Enclosure { name, file }));
        } else if *letter != 'A' && is_header(value.as_bytes()) {
            let (first, others) = lines(value.as_bytes());
            let (name, value) = split(&first);
            fields.push((name, value));
            fields.extend(others);
        } else if *letter == 'A' && is_account(value.as_bytes()) {
            notes.push(format!("there is no file \"{0}\": -A {0} was taken for an account of s-nail", show(value)));
        } else {
            open(path, &mut to.fault);
        }
    }
    fields
}

fn name(path: &Path) -> String {
    text(path.file_name().unwrap_or(path.as_os_str()).as_bytes())
}

fn show(value: &OsStr) -> String {
    clean(&text(value.as_bytes()))
}

/// Opens a file that goes with the mail. The first that cannot be opened is the fault.
fn open(path: &Path, first: &mut Option<Box<Error>>) -> Option<File> {
    let of_path = |fault| Box::new(Error::Enclosure { path: path.to_path_buf(), fault });
    open_regular(path).map_err(|fault| first.get_or_insert(of_path(fault))).ok()
}

fn open_regular(path: &Path) -> Result<File, EnclosureFault> {
    // This comes first, since the opening of a pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(EnclosureFault::Irregular);
    }
    Ok(File::open(path)?)
}

/// s-nail's accounts are words.
fn is_account(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The fields that may follow a subject in lines of their own.
const FOLLOWING: [&str; 4] = ["Content-Transfer-Encoding", "Content-Type", "From", "MIME-Version"];

/// Reads a value of several lines. Many scripts tell the type of the body by `-s "$(echo -e 'Subject\nContent-Type:
/// text/html')"`, since mailutils writes the lines as they come. Such lines, and a From, become fields of their own.
/// Any other line, a Bcc above all, is text of the first.
fn lines(value: &[u8]) -> (Vec<u8>, Vec<Given>) {
    let mut lines = value.split(|byte| matches!(byte, b'\r' | b'\n')).map(<[u8]>::trim_ascii);
    let mut first = lines.next().unwrap_or_default().to_vec();
    let mut fields = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = split(line);
        if FOLLOWING.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            fields.push((name, value));
        } else {
            first.push(b' ');
            first.extend_from_slice(line);
        }
    }
    (first, fields)
}

/// Splits `Name: value`; the name is empty if the line is no field.
fn split(line: &[u8]) -> (String, Vec<u8>) {
    if !is_header(line) {
        return (String::new(), line.to_vec());
    }
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    (text(&line[..colon]), line[(colon + 1).min(line.len())..].trim_ascii().to_vec())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::{GRAMMAR, parse};
    use super::*;
    use crate::cli::getopt::Line;

    fn read(line: &[&str]) -> Composed {
        let arguments: Vec<OsString> = line.iter().map(OsString::from).collect();
        compose(&parse(Line::lex(&GRAMMAR, &arguments)).unwrap())
    }

    fn fields(line: &[&str]) -> Vec<(String, String)> {
        let Input::Body(composition) = read(line).input else { panic!("no body") };
        composition.fields.into_iter().map(|(name, value)| (name, text(&value))).collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn value_of_the_form_of_a_field_is_one_unless_such_a_file_exists() {
        let icinga = fields(&["-a", "From: Icinga <i@x>", "-s", "S", "a@x"]);
        assert_eq!(icinga, pairs(&[("Subject", "S"), ("From", "Icinga <i@x>"), ("To", "a@x")]));
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("To: me");
        std::fs::write(&file, "x").unwrap();
        let Input::Body(composition) = read(&["-a", file.to_str().unwrap(), "-s", "S", "a@x"]).input else {
            panic!("no body")
        };
        assert_eq!((composition.enclosures[0].name.as_str(), composition.fields.len()), ("To: me", 2));
    }

    #[test]
    fn file_may_be_called_otherwise_for_its_reader() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let line = [
            "--content-filename=of june.csv",
            "-A",
            path,
            "--attach",
            path,
            "--content-name",
            "b.csv",
            "-A",
            path,
            "a@x",
        ];
        let Input::Body(composition) = read(&line).input else { panic!("no body") };
        let names: Vec<&str> = composition.enclosures.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["of june.csv", file.path().file_name().unwrap().to_str().unwrap(), "b.csv"]);
    }

    #[test]
    fn recipients_in_added_fields_are_recipients() {
        let composed = read(&["-a", "bcc: b@x", "-a", "Cc: c@x", "-a", "X-To: no@x", "-c", "d@x", "a@x"]);
        assert_eq!(composed.recipients, [&b"a@x"[..], b"d@x", b"b@x", b"c@x"]);
    }

    #[test]
    fn lines_after_the_subject_say_what_the_body_is_and_nothing_else() {
        let trick = "Report\nContent-Type: text/html; charset=utf-8\nBcc: evil@x\r\nX-Y: z\nFrom: N <n@x>\n\nmore";
        assert_eq!(
            fields(&["-s", trick, "a@x"]),
            pairs(&[
                ("Subject", "Report Bcc: evil@x X-Y: z more"),
                ("Content-Type", "text/html; charset=utf-8"),
                ("From", "N <n@x>"),
                ("To", "a@x"),
            ])
        );
        let added = fields(&["-a", "X-Job: 1\nBcc: evil@x", "a@x"]);
        assert_eq!(added, pairs(&[("X-Job", "1 Bcc: evil@x"), ("To", "a@x")]));
    }

    #[test]
    fn type_of_the_body_may_be_said_by_a_letter() {
        assert_eq!(fields(&["-M", "text/html", "-s", "S", "a@x"])[1], ("Content-Type".into(), "text/html".into()));
    }

    #[test]
    fn file_that_is_not_there_costs_no_silence() {
        for line in [&["-a", "/nonexistent", "a@x"], &["-A", "./nonexistent", "a@x"], &["-a", "/", "a@x"]] {
            let Input::Body(composition) = read(line).input else { panic!("no body") };
            assert_eq!(composition.fault.unwrap().exit() as u8, 65, "{line:?}");
        }
        assert_eq!(read(&["-A", "work", "a@x"]).notes.len(), 1);
    }
}
