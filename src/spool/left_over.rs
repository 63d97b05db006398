//! Files that only a person can deal with: mails that were given up, and files in `drop/` that are for nobody.

use std::fs;

use super::{Error, QueueId, Spool, journal};

/// The contents of `failed/`. The whole of a mail that left cut is not counted: a person has been told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Mails that were given up and not returned whole, oldest first.
    pub(crate) mails: Vec<QueueId>,
    /// Input that could not become a mail, oldest first.
    pub(crate) inputs: Vec<QueueId>,
    /// Files out of `drop/` that were no mail, oldest first.
    pub(crate) refused: Vec<QueueId>,
}

impl Failed {
    /// The file that has waited the longest; `None` if there is no file.
    pub(crate) fn oldest(&self) -> Option<QueueId> {
        [&self.mails, &self.inputs, &self.refused].iter().filter_map(|ids| ids.first()).min().copied()
    }
}

impl Spool {
    /// The contents of `failed/`.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be listed.
    pub(crate) fn failed(&self) -> Result<Failed, Error> {
        let of_kind = |end: &str| self.names("failed", |name| QueueId::parse(name.strip_suffix(end)?));
        Ok(Failed { mails: of_kind("")?, inputs: of_kind(".input")?, refused: of_kind(".refused")? })
    }

    /// The last word about a mail in `failed/`; `None` if nothing was recorded of it.
    pub(crate) fn why_failed(&self, id: &QueueId) -> Option<String> {
        let progress = journal::read(&self.directory("failed").join(format!("{id}.journal"))).ok()?;
        let last = progress.last.into_values().max_by_key(|record| record.at)?;
        Some(last.outcome.reason)
    }

    /// The names in `drop/` that the relay does not take: they are no names of mails, or directories.
    ///
    /// # Errors
    /// [`Error::Read`] if it cannot be listed.
    pub(crate) fn strays(&self) -> Result<Vec<String>, Error> {
        let path = self.directory("drop");
        let fail = |source| Error::Read { path: path.clone(), source };
        let mut strays = Vec::new();
        for found in fs::read_dir(&path).map_err(fail)? {
            let found = found.map_err(fail)?;
            let name = found.file_name().to_string_lossy().into_owned();
            let is_of_mail = QueueId::parse(name.strip_suffix(".new").unwrap_or(&name)).is_some();
            if !is_of_mail || found.file_type().is_ok_and(|kind| kind.is_dir()) {
                strays.push(name);
            }
        }
        strays.sort();
        Ok(strays)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::empty_spool;
    use super::*;

    #[test]
    fn what_a_person_has_to_look_at_is_told_apart() {
        let (_directory, spool) = empty_spool();
        assert_eq!(spool.failed().unwrap().oldest(), None);
        let mut ids = [(); 4].map(|()| QueueId::new());
        ids.sort();
        let [input, first, second, refused] = ids;
        for name in [
            format!("{input}.input"),
            first.to_string(),
            format!("{first}.journal"),
            second.to_string(),
            format!("{second}.gz"),
            format!("{refused}.refused"),
            "notes".to_string(),
        ] {
            fs::write(spool.directory("failed").join(name), "x").unwrap();
        }
        let failed = spool.failed().unwrap();
        let expected = Failed { mails: vec![first, second], inputs: vec![input], refused: vec![refused] };
        assert_eq!((&failed, failed.oldest()), (&expected, Some(input)));
    }

    #[test]
    fn what_is_no_mail_in_drop_is_named() {
        let (_directory, spool) = empty_spool();
        let [mail, half, folder] = [(); 3].map(|()| QueueId::new());
        for name in [mail.to_string(), format!("{half}.new"), "core".to_string(), format!("{mail}.bak")] {
            fs::write(spool.directory("drop").join(name), "x").unwrap();
        }
        fs::create_dir(spool.file("drop", &folder)).unwrap();
        let mut expected = vec!["core".to_string(), format!("{mail}.bak"), folder.to_string()];
        expected.sort();
        assert_eq!(spool.strays().unwrap(), expected);
    }
}
