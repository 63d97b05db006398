//! The addresses of a smarthost's name that did not serve us, kept in the spool: the next mail is often another
//! process's, and need not wait for them first.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::interval::later;
use crate::log;
use crate::relay;
use crate::spool::{Error, Remark, Spool};
use crate::system;

/// The remark on such an address, and the time for which it counts.
const SICK: &str = "did not serve us";
const SICK_FOR: Duration = Duration::from_secs(15 * 60);

/// Has the addresses come last that did not serve an earlier process; returns them.
pub(crate) fn recall(memory: Option<&Spool>) -> Vec<SocketAddr> {
    let remarks = memory.map_or(Vec::new(), |spool| spool.remarks(system::now()));
    let sick = remarks.iter().filter(|remark| remark.says == SICK).filter_map(|remark| remark.about.parse().ok());
    sick.inspect(|address| relay::recall_sick(*address)).collect()
}

/// Keeps for the next process which addresses did not serve us, where earlier ones kept `before`. Nothing is written
/// while that is the same.
pub(crate) fn keep(memory: Option<&Spool>, before: &[SocketAddr]) {
    let (Some(spool), sick) = (memory, relay::sick_addresses()) else { return };
    let until = later(system::now(), SICK_FOR).unwrap_or(Timestamp::MAX);
    let log_error = |kept: Result<(), Error>| kept.unwrap_or_else(|error| log::error(&error.to_string()));
    for address in sick.iter().filter(|address| !before.contains(address)) {
        log_error(spool.remark(&Remark { about: address.to_string(), says: SICK.to_owned(), until }));
    }
    for address in before.iter().filter(|address| !sick.contains(address)) {
        log_error(spool.replace_remark(&address.to_string(), SICK, None));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::tests::empty_spool;

    #[test]
    fn next_process_knows_which_address_was_sick() {
        let (_directory, spool) = empty_spool();
        let (known, gone) = ("192.0.2.77:25".parse().unwrap(), "192.0.2.78:25".parse().unwrap());
        relay::recall_sick(known);
        spool.remark(&Remark { about: "192.0.2.78:25".into(), says: SICK.into(), until: Timestamp::MAX }).unwrap();
        keep(Some(&spool), &[gone]);
        let recalled = recall(Some(&spool));
        assert!(recalled.contains(&known) && !recalled.contains(&gone), "{recalled:?}");
    }
}
