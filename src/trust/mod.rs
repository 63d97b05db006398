//! Decides whether we may act on a file: by descriptor, never by a name that another user can give to another file in
//! between.

pub mod directory;
pub mod plain;

pub use directory::Directory;
