//! openat(2) as std opens files: a signal that comes meanwhile (signal(7), EINTR) is no reason to fail.

use std::os::fd::{AsFd, OwnedFd};

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

/// Opens a name in a directory.
///
/// # Errors
/// Those of openat(2) but EINTR.
pub(super) fn openat<P: ?Sized + NixPath>(
    directory: impl AsFd,
    name: &P,
    how: OFlag,
    mode: Mode,
) -> nix::Result<OwnedFd> {
    loop {
        match nix::fcntl::openat(&directory, name, how, mode) {
            Err(Errno::EINTR) => {}
            opened => return opened,
        }
    }
}
