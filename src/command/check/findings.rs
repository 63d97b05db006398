//! The findings of a check, one line each: for people, in colours, or as JSON.

use std::io::Write;

use crate::error::{self, Error};
use crate::outcome::clean;

/// The form of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// For a terminal.
    Coloured,
    /// One object a line: `status` is `ok`, `note` or `fail`, and `text` is the sentence.
    Json,
    /// Plain text.
    #[default]
    Plain,
}

impl Form {
    const NAMES: [(Form, &'static str); 3] =
        [(Form::Coloured, "coloured"), (Form::Json, "json"), (Form::Plain, "plain")];

    /// Its name, for the other program.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(form, _)| *form == self).map_or("plain", |(_, name)| name)
    }

    /// The form of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(form, _)| *form)
    }
}

/// Writes the lines and counts the failures.
pub(super) struct Findings<'a> {
    form: Form,
    out: &'a mut dyn Write,
    failures: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(form: Form, out: &'a mut dyn Write) -> Self {
        Self { form, out, failures: 0 }
    }

    /// Writes that something is as it should be.
    pub(super) fn ok(&mut self, text: &str) -> Result<(), Error> {
        self.write("ok", "\x1b[32m", text)
    }

    /// Writes that something works, and that a person should look at it.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Error> {
        self.write("note", "\x1b[33m", text)
    }

    /// Writes that something is wrong.
    pub(super) fn fail(&mut self, text: &str) -> Result<(), Error> {
        self.failures += 1;
        self.write("fail", "\x1b[31m", text)
    }

    /// Counts the failures that another program has written to the same place.
    pub(super) fn count(&mut self, failures: usize) {
        self.failures += failures;
    }

    /// Has the lines leave that were written so far.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Output)
    }

    /// Ends the findings; an error if there are failures.
    pub(super) fn conclude(self) -> Result<(), Error> {
        if self.failures > 0 { Err(Error::Check(error::Findings(self.failures))) } else { Ok(()) }
    }

    fn write(&mut self, status: &str, colour: &str, text: &str) -> Result<(), Error> {
        let text = clean(text);
        // A failure should meet the eye without colours too.
        let word = if status == "fail" { "FAIL" } else { status };
        match self.form {
            Form::Coloured => writeln!(self.out, "{colour}{word:4}\x1b[0m  {text}"),
            Form::Json => writeln!(self.out, "{}", serde_json::json!({ "status": status, "text": text })),
            Form::Plain => writeln!(self.out, "{word:4}  {text}"),
        }
        .map_err(Error::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form) -> String {
        let mut out = Vec::new();
        let mut findings = Findings::new(form, &mut out);
        findings.ok("one").unwrap();
        findings.note("t\two").unwrap();
        findings.fail("\"three\"").unwrap();
        assert!(matches!(findings.conclude(), Err(Error::Check(error::Findings(1)))));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_have_three_forms() {
        assert_eq!(written(Form::Plain), "ok    one\nnote  t wo\nFAIL  \"three\"\n");
        assert_eq!(written(Form::Coloured).lines().next(), Some("\x1b[32mok  \x1b[0m  one"));
        let last = written(Form::Json).lines().next_back().map(str::to_owned).unwrap();
        let last: serde_json::Value = serde_json::from_str(&last).unwrap();
        assert_eq!((last["status"].as_str(), last["text"].as_str()), (Some("fail"), Some("\"three\"")));
    }

    #[test]
    fn names_of_forms_read_back() {
        for (form, name) in Form::NAMES {
            assert_eq!((form.name(), Form::from_name(name)), (name, Some(form)));
        }
        assert_eq!(Form::from_name("other"), None);
    }
}
