//! Repeats of a job's mail: what tells nothing new waits for a digest (`docs/folding.md`). Pure: texts, moments and
//! settings come in as arguments.

mod jobs;
mod pace;
mod settings;

pub(crate) use jobs::{JobId, Jobs, Mail};
pub(crate) use pace::Course;
pub use settings::Settings;
