//! The addresses of a smarthost's name, in the order in which they are tried. RFC 5321 section 5.1 wants all of them
//! tried until one serves us. This process remembers for its next connections what it met at each; which of them were
//! sick, the spool tells the next process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time for which an experience counts.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

static MET: LazyLock<Mutex<HashMap<SocketAddr, (Met, Instant)>>> = LazyLock::new(Mutex::default);

/// The trouble met at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// It did not serve us: it comes after the others.
    Sick,
    /// It serves us, and takes longer than others may.
    Slow,
}

/// Remembers what was met at the address; `None` if it serves us as well as any.
pub(super) fn remember(address: SocketAddr, what: Option<Met>) {
    match what {
        Some(what) => met().insert(address, (what, Instant::now())),
        None => met().remove(&address),
    };
}

/// The addresses that did not serve us of late.
pub(crate) fn sick() -> Vec<SocketAddr> {
    let met = met();
    met.keys().filter(|address| lately(&met, address) == Some(Met::Sick)).copied().collect()
}

/// An earlier process was not served there.
pub(crate) fn recall_sick(address: SocketAddr) {
    met().entry(address).or_insert((Met::Sick, Instant::now()));
}

/// The address may take long.
pub(super) fn is_slow(address: SocketAddr) -> bool {
    lately(&met(), &address) == Some(Met::Slow)
}

/// The resolver's order, except that the two families take turns (RFC 8305 section 4), and that those who were sick of
/// late come last.
pub(super) fn in_order(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let met = met();
    let (last, first): (Vec<_>, Vec<_>) =
        families_in_turn(addresses).into_iter().partition(|address| lately(&met, address) == Some(Met::Sick));
    [first, last].concat()
}

fn lately(met: &HashMap<SocketAddr, (Met, Instant)>, address: &SocketAddr) -> Option<Met> {
    met.get(address).filter(|(_, since)| since.elapsed() < REMEMBERED).map(|(what, _)| *what)
}

fn met() -> MutexGuard<'static, HashMap<SocketAddr, (Met, Instant)>> {
    MET.lock().unwrap_or_else(PoisonError::into_inner)
}

fn families_in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let starts_with_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let count = addresses.len();
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == starts_with_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut merged = Vec::with_capacity(count);
    while merged.len() < count {
        merged.extend(first.next());
        merged.extend(second.next());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        let found = all(&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"]);
        assert_eq!(in_order(found), all(&["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"]));
        assert_eq!(in_order(all(&["1.0.0.1:1"])), all(&["1.0.0.1:1"]));
    }

    #[test]
    fn address_comes_last_while_its_trouble_is_remembered() {
        let (one, two) = ("192.0.2.1:2".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        remember(one, Some(Met::Sick));
        assert_eq!(in_order(vec![one, two]), [two, one]);
        remember(one, Some(Met::Slow));
        assert_eq!((in_order(vec![one, two]), is_slow(one)), (vec![one, two], true));
        remember(one, None);
        assert!(!is_slow(one));
    }
}
