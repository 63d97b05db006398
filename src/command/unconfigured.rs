//! A mail whose configuration cannot be used. A caller without a right to the queue leaves it in `drop/` all the same:
//! the service has settings of its own, and sends it as soon as those can be used. Anybody else's is rescued.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::keep::{self, Given};
use super::rescue;
use super::submit::{self, Moment, Request};
use crate::config::{self, Config, Source};
use crate::error::Error;
use crate::spool::{Spill, Spool};
use crate::system::{self, Caller};

/// Keeps the mail somewhere; the error says what is wrong with the configuration, and where the mail is.
pub(super) fn keep(request: &Request, error: config::Error, input: &mut dyn Read) -> Error {
    let spool = Spool::new(config::SYSTEM_SPOOL);
    let is_entitled = spool.owner().is_none_or(system::is);
    // Whoever sends by an account of their own has not asked the machine's service to send.
    let has_own = config::user_file().is_some_and(|file| file.exists());
    if is_entitled || has_own {
        return rescue::rescue(error.into(), &spool, input);
    }
    let taken = stand_in(&system::caller()).map_err(Error::from).and_then(|config| {
        let spill = || Spill::new(&spool, keep::most_dropped(&config));
        Ok((submit::take_or_rescue(request, &spill, input, &spool)?, config))
    });
    let ((message, mut body), config) = match taken {
        Ok(taken) => taken,
        Err(error) => return error,
    };
    match leave(request, &config, &spool, &mut Given { message: &message, body: &mut body }) {
        Ok(place) => Error::Waiting { reason: Box::new(error.into()), place },
        Err(_) => {
            let mut offer = |place: rescue::Place<'_>| place(&mut message.octets().chain(body.reader()?));
            rescue::again(error.into(), &spool, &mut offer)
        }
    }
}

/// Leaves the mail in `drop/`, and says where.
fn leave(request: &Request, config: &Config, spool: &Spool, given: &mut Given<'_>) -> Result<PathBuf, Error> {
    let moment = Moment::now();
    let mut prepared = submit::prepare(request, config, given.message, &moment)?;
    keep::leave(config, spool, &mut prepared, given)?;
    Ok(spool.root().join("drop").join(moment.id.as_str()))
}

/// Settings that know nothing: every local name stays one, and who has no recipient writes to themself. What that
/// means is for the service to say.
fn stand_in(caller: &Caller) -> Result<Config, config::Error> {
    let name: String = caller.name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let path = Path::new(config::SYSTEM_FILE);
    let text =
        format!("[smarthost]\nhost = \"localhost\"\n[rewrite]\nfrom = \"{name}@localhost\"\ndomain = \"localhost\"\n");
    Config::of(path, &text, Source::System(path.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::Destination;

    #[test]
    fn mail_waits_in_drop_for_a_service_that_knows_more() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::new(directory.path());
        spool.create(None).unwrap();
        for (operands, fields, expected) in [
            (&["root", "a@x.org"][..], "", "to: root@localhost\n"),
            (&["root", "a@x.org"], "", "to: a@x.org\n"),
            (&[], "To: b@x.org\n", "to: b@x.org\n"),
            (&[], "X-Cron-Env: <MAILTO=al>\n", "to: al@localhost\n"),
            (&[], "", "@localhost\n"),
        ] {
            let operands = operands.iter().map(|operand| operand.as_bytes().to_vec().into()).collect();
            let destination = Destination { operands, extract: true, notify: None };
            let request = Request { destination, ..Request::default() };
            let input = format!("Subject: s\n{fields}\nbody\n");
            let config = stand_in(&system::caller()).unwrap();
            let (message, mut body) =
                submit::take(&request, &|| Spill::new(&spool, 1000), &mut input.as_bytes()).unwrap();
            let place = leave(&request, &config, &spool, &mut Given { message: &message, body: &mut body }).unwrap();
            let left = std::fs::read_to_string(place).unwrap();
            assert!(left.contains(expected) && left.ends_with("\r\n\r\nbody\r\n"), "{left}");
        }
    }
}
