//! `sendmail -bv`: shows where addresses lead, in Sendmail's own words, which scripts read. Nothing is sent, and no
//! server is asked: aliases, cron's MAILTO and the configuration alone decide.

use std::io::{self, Read, Write};

use super::submission::local_names::LocalNames;
use crate::config::Config;
use crate::envelope::{self, Destination, Operand, Recipient, Resolver, Step};
use crate::error::{Error, Usage};
use crate::message::{Message, text};
use crate::outcome::clean;

/// Writes every step from the names that were asked about to the addresses that a mail would go to.
///
/// # Errors
/// [`Usage::NothingToVerify`]: no name was given; [`Error::NoRecipient`]: an operand is no address; [`Error::Input`]
/// and [`Error::Output`].
pub(crate) fn run(
    destination: &Destination,
    config: &Config,
    input: &mut dyn Read,
    out: &mut dyn Write,
) -> Result<(), Error> {
    if destination.operands.is_empty() && !destination.extract {
        return Err(Usage::NothingToVerify.into());
    }
    if destination.extract {
        let reading = if destination.is_left_to_header() { Message::read_mended } else { Message::read };
        let message = reading(input, &mut io::sink()).map_err(Error::Input)?;
        return leads(config, destination, &message, out);
    }
    let mut last = Ok(());
    for operand in &destination.operands {
        let one = Destination { operands: vec![operand.clone()], ..Destination::default() };
        last = if is_address(operand) {
            leads(config, &one, &Message::default(), out)
        } else {
            let shown = clean(&text(&operand.octets));
            writeln!(out, "{shown}... User unknown").map_err(Error::Output)?;
            Err(Error::NoRecipient(envelope::NoRecipient::of("the arguments")))
        }
        .and(last);
    }
    last
}

fn is_address(operand: &Operand) -> bool {
    !crate::message::Mailbox::of_argument(&operand.octets).is_empty()
}

/// The steps from one source to their ends.
fn leads(config: &Config, destination: &Destination, message: &Message, out: &mut dyn Write) -> Result<(), Error> {
    let names = LocalNames::here(config);
    let mut resolver = names.resolver(&config.account);
    let recipients = envelope::recover(destination, message, &mut resolver)?;
    write(config, &resolver, &recipients, out).map_err(Error::Output)
}

/// A line for each step.
pub(super) fn write_steps(steps: &[Step], out: &mut dyn Write) -> io::Result<()> {
    steps.iter().try_for_each(|step| {
        let line = format!("{}... {} {}", clean(&step.name), step.rule, clean(&step.targets.join(", ")));
        writeln!(out, "{}", line.trim_end())
    })
}

fn write(config: &Config, resolver: &Resolver<'_>, to: &[Recipient], out: &mut dyn Write) -> io::Result<()> {
    for warning in resolver.warnings() {
        writeln!(out, "{warning}")?;
    }
    write_steps(resolver.steps(), out)?;
    let host = clean(&config.smarthosts.first().host);
    for Recipient { address, .. } in to {
        writeln!(out, "{address}... deliverable: mailer relay, host {host}, user {address}")?;
    }
    out.flush()
}
