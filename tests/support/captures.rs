//! The recordings in `fixtures/captures`, whose README says what each file holds.

use std::fs;
use std::path::PathBuf;

/// Their folder, below the package, where cargo runs its tests.
pub(crate) const PLACE: &str = "fixtures/captures";
/// The number of recordings; a walk that finds fewer proves nothing.
const COUNT: usize = 111;
/// Recordings that make no mail, or one that differs between machines: `loopback/captures.rs` has a test for each.
const WITHOUT_MAIL: [&str; 6] =
    ["cronie-mailer-killed", "mail-attachment", "mailq", "newaliases", "sendmail-bp", "sendmail-q"];

/// One recorded way of handing in a mail.
pub(crate) struct Capture {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The command line, the program's name first.
    pub(crate) argv: Vec<String>,
    /// The program's stdin for us.
    pub(crate) stdin: Vec<u8>,
}

impl Capture {
    /// The recording of that name.
    pub(crate) fn read(name: &str) -> Self {
        let folder = PathBuf::from(PLACE).join(name);
        let argv = fs::read_to_string(folder.join("argv")).unwrap();
        let argv = argv.lines().map(|argument| argument.replace("\\n", "\n")).collect();
        Self { argv, stdin: fs::read(folder.join("stdin")).unwrap(), folder }
    }

    /// All that make the same mail on every machine, by name.
    pub(crate) fn of_mails() -> Vec<Self> {
        let entries = fs::read_dir(PLACE).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert_eq!(names.len(), COUNT, "captures");
        names.retain(|name| !WITHOUT_MAIL.contains(&name.as_str()));
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The name of its folder.
    pub(crate) fn name(&self) -> &str {
        self.folder.file_name().unwrap_or_default().to_str().unwrap_or_default()
    }

    /// A file of its folder, or else the one that stands for all recordings without such a file.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).or_else(|_| fs::read_to_string(format!("{PLACE}/{name}"))).unwrap()
    }
}
