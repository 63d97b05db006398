//! The door: the names that the program answers to, and the command that argv asks for.
//!
//! `names` finds the face by the name and the letters, and that face's table (`sendmail`, `mail`, `ctl`) reads the
//! arguments. `argv` makes a command of them, which is run here. No floor below knows under which name the program was
//! called.

mod argv;
pub mod common;
pub mod ctl;
pub mod getopt;
mod help;
pub mod mail;
pub mod names;
mod postqueue;
mod progress;
pub mod relay;
mod screen;
pub mod sendmail;
pub(crate) mod terminal;

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

pub use argv::{Asked, Command, Typing, command};
pub use terminal::People;

use crate::command::run_queue::Detail;
use crate::command::submission::request::{Delivery, Input};
use crate::command::{converse, list, rehearse, run_daemon, run_queue, submit, verify};
use crate::config::{self, Config};
use crate::confinement;
use crate::error::{self, Error, Exit, Usage};
use crate::system;
use getopt::WrongOption;

/// The program `mailx-t` under all its names: does the command of argv, and returns the exit status.
pub fn door() -> ExitCode {
    error::install_panic_hook();
    system::settle();
    system::survive_file_size_limit();
    confinement::forbid_core_dumps();
    let mut arguments = std::env::args_os();
    let argv0 = arguments.next().unwrap_or_default();
    let arguments: Vec<_> = arguments.collect();
    let is_single = arguments.len() == 1;
    let command = command(&argv0, arguments, terminal::people());
    // A command line that cannot be read may come with a mail.
    let has_input = match &command {
        Ok(asked) => asked.command.reads_mail(),
        Err(Error::Usage(Usage::NotServed { .. } | Usage::ControlMeant { .. })) => false,
        Err(error) => !(is_single && is_question(error)),
    };
    let result = command.and_then(|Asked { command, notes }| {
        notes.iter().for_each(|note| terminal::complain(note));
        run(command)
    });
    match result {
        Ok(()) => Exit::Ok.into(),
        Err(error) => {
            error.sentences().iter().for_each(|sentence| terminal::complain(sentence));
            if has_input {
                // A caller that still writes must hear our status, not its own broken pipe.
                terminal::drain_stdin();
            }
            error.exit().into()
        }
    }
}

/// A script that asks by `sendmail -F`, and nothing else, whether the letter is known, has its mail on stdin for the
/// next call.
fn is_question(error: &Error) -> bool {
    let Error::Usage(Usage::Option(why)) = error else { return false };
    matches!(why.downcast_ref(), Some(WrongOption::MissingValue(_)))
}

fn run(command: Command) -> Result<(), Error> {
    let load = |named: Option<PathBuf>| Config::load_as_service(config::locate(named.as_deref()));
    match command {
        Command::Control(control) => ctl::run(control),
        Command::Converse { config, defaults } => {
            let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
            converse::run(&defaults, load(config), &mut input, &mut output, &mut |note| terminal::complain(note))
        }
        Command::Help => help::help(),
        Command::Nothing => Ok(()),
        Command::List { config, form } => {
            list::run_anyway(load(config), terminal::listing(form), &mut screen::stdout())
        }
        Command::RunQueue { config, which, verbose } => {
            let detail = if verbose { Detail::Outcomes } else { Detail::Nothing };
            let config = load(config)?;
            if io::stdout().is_terminal() {
                run_queue::run_and_tell(&config, &which, &mut screen::stdout())
            } else {
                run_queue::run(&config, &which, detail)
            }
        }
        Command::Serve { config, every, place } => run_daemon::run(&load(config)?, every, place),
        Command::Submit { config, mut request, typing } => {
            let mut stdin = io::stdin().lock();
            if typing.is_typed {
                terminal::complain(terminal::how_it_ends(typing.ends_at_dot));
            }
            if let (Input::Body(given), true) = (&mut request.input, typing.asks_subject) {
                given.fields.extend(terminal::ask_subject(&mut stdin, &mut io::stdout()));
            }
            let fault = request.input.fault();
            let submit = |input: &mut dyn Read| match (request.delivery, fault) {
                (Delivery::Never, Some(fault)) => Err(fault),
                (Delivery::Never, None) => rehearse::run(&request, load(config), input, &mut screen::stdout()),
                (_, fault) => submit::run(&request, fault, load(config), input),
            };
            let notes =
                if typing.ends_at_dot { submit(&mut terminal::Typed::new(stdin))? } else { submit(&mut stdin)? };
            notes.iter().for_each(|note| terminal::complain(note));
            Ok(())
        }
        Command::Verify { config, destination } => {
            verify::run(&destination, &load(config)?, &mut io::stdin().lock(), &mut screen::stdout())
        }
        Command::Version => help::version(),
    }
}

#[cfg(test)]
mod tests;
