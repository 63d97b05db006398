//! The network as this process sees it. A service may be shut off from that of the machine (`PrivateNetwork=`,
//! `unshare -n`), and hand in mail all the same. Its relay then reaches nothing, which says nothing of the smarthost.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// The kernel does not let this process have such a connection: the filter of a unit or a container.
pub(super) fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied || error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
}

/// An interface is up that leads elsewhere. A process that may not ask has one if it may have a socket at all
/// (`RestrictAddressFamilies=AF_UNIX` lets it have neither).
pub(super) fn has_interface() -> bool {
    let wanted = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    let leads_elsewhere =
        |flags: InterfaceFlags| flags.contains(wanted) && !flags.contains(InterfaceFlags::IFF_LOOPBACK);
    match getifaddrs() {
        Ok(mut all) => all.any(|one| leads_elsewhere(one.flags)),
        Err(_) => ["0.0.0.0:0", "[::]:0"].iter().any(|any| UdpSocket::bind(any).is_ok()),
    }
}
