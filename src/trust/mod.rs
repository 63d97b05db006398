//! Whether what lies in the file system may be acted upon: judged by descriptor, never by a name that somebody else can
//! give to something else in between.

pub mod directory;
pub mod plain;

pub use directory::Directory;
