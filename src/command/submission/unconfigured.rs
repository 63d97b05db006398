//! A mail whose configuration cannot be used. If it is the machine's configuration, the mail is kept all the same, in
//! `drop/` or, for a caller with a right to the queue, beside it: the service sends it as soon as it can read its
//! settings. Any other mail is rescued.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::keep;
use super::prepare::{self, Moment};
use super::request::{Input, Request};
use super::rescue;
use super::take::{self, Taken};
use crate::config::{self, Config, Source};
use crate::error::Error;
use crate::spool::{Spill, Spool};
use crate::system::{self, Caller};

/// Leaves the mail for the service, or rescues it. The error tells the fault of the configuration and the place of the
/// mail.
pub(crate) fn leave_or_rescue(request: &Request, error: config::Error, input: &mut dyn Read) -> Error {
    let spool = Spool::new(config::machine_spool());
    // A caller who names settings of their own has not asked the machine's service to send.
    if !may_wait_in(&spool) || !error.is_of_machine() {
        return rescue::rescue_with(error.into(), &spool, &heading(request), input);
    }
    let config = match stand_in(&system::caller()) {
        Ok(config) => config,
        Err(error) => return error.into(),
    };
    let spill = || Spill::new(&spool, keep::largest_dropped(&config));
    let mut taken = match take::take_or_rescue(request, &spill, input, &spool) {
        Ok(taken) => taken,
        Err(error) => return error,
    };
    if taken.is_empty() || taken.is_no_mail(request) {
        return error.into();
    }
    match leave(request, &config, &spool, &mut taken) {
        Ok(None) => error.into(),
        Ok(Some(place)) => Error::Waiting { reason: Box::new(error.into()), place },
        Err(_) => rescue::rescue_taken(error.into(), &spool, &taken.message, &mut taken.body),
    }
}

/// Mail may wait there: the spool is there, and nobody but root, the service or the caller has made it. A user who has
/// would get the mail of others.
fn may_wait_in(spool: &Spool) -> bool {
    let service = system::service().map(|(uid, _)| uid);
    let is_ours = |uid: u32| uid == 0 || Some(uid) == service || uid == system::effective_uid();
    let root = std::fs::symlink_metadata(spool.root()).ok();
    spool.owner().is_some_and(is_ours) && root.is_some_and(|root| is_ours(root.uid()) && root.mode() & 0o022 == 0)
}

/// The fields that only the command line gives, so that a person who finds the mail knows what it was meant to be.
pub(crate) fn heading(request: &Request) -> Vec<u8> {
    let mut heading = Vec::new();
    let mut add = |name: &str, value: &[u8]| {
        let value: Vec<u8> = value.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect();
        heading.extend([name.as_bytes(), b": ", &value, b"\n"].concat());
    };
    if !request.destination.operands.is_empty() {
        let operands: Vec<&[u8]> = request.destination.operands.iter().map(|operand| &operand.octets[..]).collect();
        add("X-Envelope-To", &operands.join(&b", "[..]));
    }
    if let Input::Body(composition) = &request.input {
        composition.fields.iter().for_each(|(name, value)| add(name, value));
        heading.push(b'\n');
    }
    heading
}

/// Leaves the mail for the service; returns its path. `None` if all its recipients lead to `/dev/null`.
fn leave(request: &Request, config: &Config, spool: &Spool, taken: &mut Taken) -> Result<Option<PathBuf>, Error> {
    let moment = Moment::now();
    let mut prepared = prepare::prepare(request, config, &taken.message, &moment)?;
    if prepared.is_for_nobody() {
        return Ok(None);
    }
    if spool.owner().is_some_and(system::is) {
        keep::leave_waiting(config, spool, &mut prepared, taken)?;
        return Ok(Some(spool.waiting_file(&moment.id)));
    }
    keep::leave_in_drop(config, spool, &mut prepared, taken)?;
    Ok(Some(spool.root().join("drop").join(moment.id.as_str())))
}

/// Settings without knowledge of this machine: every local name stays local, and a mail without a recipient goes to its
/// sender. The service finds out what these names mean.
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
    use crate::command::submission::compose::Composition;
    use crate::envelope::Destination;
    use crate::spool::tests::empty_spool;

    #[test]
    fn what_is_rescued_says_whom_it_was_for() {
        let operands = vec![b"a@x.org".to_vec().into(), b"b\n@x.org".to_vec().into()];
        let destination = Destination { operands, ..Destination::default() };
        let fields = vec![("Subject".to_string(), b"two\nlines".to_vec())];
        let input = Input::Body(Composition { fields, ..Composition::default() });
        let request = Request { destination, input, ..Request::default() };
        let expected = "X-Envelope-To: a@x.org, b @x.org\nSubject: two lines\n\n";
        assert_eq!(String::from_utf8(heading(&request)).unwrap(), expected);
        assert_eq!(heading(&Request::default()), b"");
    }

    #[test]
    fn mail_waits_in_drop_for_a_service_that_knows_more() {
        let (_directory, spool) = empty_spool();
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
            let mut taken = take::take(&request, &|| Spill::new(&spool, 1000), &mut input.as_bytes()).unwrap();
            let place = leave(&request, &config, &spool, &mut taken).unwrap().unwrap();
            let left = std::fs::read_to_string(place).unwrap();
            assert!(left.contains(expected) && left.ends_with("\r\n\r\nbody\r\n"), "{left}");
        }
    }
}
