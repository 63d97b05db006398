//! The tree held to itself: documents to the program's tables, source to its map, programs to their libraries.

mod compatibility;
mod compiler;
mod completions;
mod configuration;
mod floors;
mod languages;
mod linkage;
mod security;
mod sizes;
mod source;
mod umask;
