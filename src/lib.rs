//! mailx-t takes the place of sendmail: it reads a mail as cron, PHP or a shell script hands it in, recovers its
//! recipients, mends it until every provider accepts it, keeps it safe on disk, and relays it through an authenticated
//! smarthost.
//!
//! Two programs use this one library. **`mailx-t`, the door**, is called under every name; it links no TLS and never
//! sees the password. **`mailx-t-relay`** holds credentials, TLS and SMTP. Between them runs the acceptance line:
//! before it, trouble is an [`error::Error`] and the caller hears an exit status; after it, trouble is an
//! [`outcome::Outcome`]: it goes to the log, and the next attempt may mend it.
//!
//! ```text
//! mailx-t, the door                         who does it             what it makes
//!   argv ──► cli ──────────────────────────  cli                     Request: what is asked
//!   stdin ─► take ─────────────────────────  message                 Taken: octets, fields by offset, nothing lost
//!             ▼
//!            prepare ──────────────────────  envelope, rewrite       Prepared: recipients, header section, repairs
//!             ▼
//!            keep ─────────────────────────  spool::Draft            Entry: on disk, the caller may leave with 0
//! ════════════▼══════════════════════════════ queue/ ═══════════════════════════════════════════════════════════
//!            hand_over ─► relay_program      a caller who waits ◄────────────────────────────── Notice ──┐
//!                             │                                                                          │
//! mailx-t-relay               ▼                                                                          │
//!            flush ─► Term ─► Claim          one leader; whose turn it is                                │
//!                              ▼                                                                         │
//!                        Connection ───────  relay::Session          offers the mail to the smarthost    │
//!                              ▼                                                                         │
//!                           Attempt ───────  outcome::Outcome        one for each recipient              │
//!                              ▼                                                                         │
//!                           settle ─► Record (journal), log ─────────────────────────────────────────────┘
//!                              └────► nondelivery: a report to the sender, kept like any other mail
//! ```
//!
//! The words are those of the glossary in `docs/architecture.md`. The acts of the door are in `command::submission`,
//! those of the relay in `command::delivery`.
//!
//! Floors, top to bottom. Imports go down only, and no two files import each other; `tests/house/floors/` checks both:
//!
//! | floor | modules | what they may know |
//! |---|---|---|
//! | 5 doors | `main`, `bin`, [`cli`] | names, argv, streams |
//! | 4 verbs | [`command`] | ties the parts together |
//! | 3 desk | [`config`], [`error`] | composes the parts' settings and errors |
//! | 2 world | [`spool`], [`relay`], [`log`], [`alarm`], [`confinement`], [`system`] | disk, network, log, machine; none knows another |
//! | 1 paper | [`message`], [`envelope`], [`rewrite`], [`bounce`], [`repeats`], [`fold`], [`retry`], [`pace`], [`reception`], [`verdict`] | octets; no clock, no files, no environment |
//! | 1 ground | [`trust`] | what in the file system may be acted upon; knows nothing of mail |
//! | 0 words | [`outcome`], [`interval`], [`dsn`], [`likeness`], [`lookalike`], [`pattern`] | nothing |

#![forbid(unsafe_code)]
// What several files see has a docstring (clippy.toml), although `missing_docs` asks for those of public items only.
#![warn(clippy::missing_docs_in_private_items)]

mod alarm;
mod bounce;
pub mod cli;
pub mod command;
pub mod config;
mod confinement;
mod dsn;
pub mod envelope;
mod error;
pub mod fold;
mod interval;
mod likeness;
mod log;
mod lookalike;
pub mod message;
mod outcome;
mod pace;
mod pattern;
pub mod reception;
pub mod relay;
pub mod repeats;
mod retry;
pub mod rewrite;
pub mod spool;
pub mod system;
mod trust;
mod verdict;
