//! `--dry-run`: shows the mail that would leave, and its recipients. Nothing is sent, put into the spool or logged.

use std::io::{self, Read, Write};

use super::relay_program;
use super::submission::prepare::{self, Moment, Prepared};
use super::submission::request::Request;
use super::submission::{keep, take};
use super::verify;
use crate::config::{self, Config};
use crate::error::Error;
use crate::outcome::clean;
use crate::spool::{Carried, Spill};

/// Writes the way of each recipient, the envelope and the repairs, an empty line, and the mail in wire form. Returns
/// the notes that the caller of a real submission would get.
///
/// # Errors
/// The errors of a mail that is not accepted, except those of the spool, which is not tried; and [`Error::Output`].
pub(crate) fn run(
    request: &Request,
    config: Result<Config, config::Error>,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> Result<Vec<String>, Error> {
    let config = config?;
    let spill = || Spill::temporary(keep::largest(&config));
    let mut taken = take::take(request, &spill, input)?;
    if taken.is_no_mail(request) {
        return Ok(Vec::new());
    }
    let mut prepared = prepare::prepare(request, &config, &taken.message, &Moment::now())?;
    if prepared.is_for_nobody() {
        let nobody = |out: &mut dyn Write| {
            verify::write_steps(&prepared.steps, out)?;
            writeln!(out, "to: nobody")
        };
        nobody(out).map_err(Error::Output)?;
        return Ok(prepared.warnings);
    }
    let mail = keep::nowhere(&config, &mut prepared, &mut taken)?;
    write(&prepared, &mail, out)?;
    relay_program::program()?;
    Ok(prepared.warnings)
}

fn write(prepared: &Prepared, mail: &Carried, out: &mut dyn Write) -> Result<(), Error> {
    let mut content = mail.content()?;
    let mut write = || -> io::Result<()> {
        verify::write_steps(&prepared.steps, out)?;
        let entry = &mail.entry;
        let reverse_path = entry.reverse_path.as_ref().map(ToString::to_string).unwrap_or_default();
        writeln!(out, "from: <{reverse_path}>")?;
        for recipient in &entry.recipients {
            let written = recipient.original.as_ref().map(|name| format!(", written as {}", clean(name)));
            writeln!(out, "to: <{}>{}", recipient.address, written.unwrap_or_default())?;
        }
        writeln!(out, "repairs: {}", entry.repairs.join(" "))?;
        writeln!(out, "body: {}", if entry.eight_bit { "8bit" } else { "7bit" })?;
        writeln!(out, "size: {}\n", entry.size)?;
        io::copy(&mut content, out)?;
        out.flush()
    };
    write().map_err(Error::Output)
}
