//! Decides whether we may act on a file: by descriptor, never by a name that another user can give to another file in
//! between.

pub(crate) mod directory;
pub(crate) mod file;
mod openat;
pub(crate) mod output;
pub(crate) mod plain;
pub(crate) mod reader;

pub(crate) use directory::Directory;
pub(crate) use file::{DecidingFile, Fault};
