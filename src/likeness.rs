//! Finds the known word that the writer of an unknown one perhaps meant.

/// The least likeness that is worth a hint, from 0 to 1.
const LIKENESS: f64 = 0.75;

/// The known word that is most like the wrong one, if any is like it at all.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let rated = known.into_iter().map(|word| (word, strsim::jaro_winkler(wrong, word)));
    let best = rated.max_by(|(_, one), (_, other)| one.total_cmp(other));
    best.filter(|(_, likeness)| *likeness >= LIKENESS).map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_like_it_is_worth_a_hint() {
        let known = ["host", "port", "password-file"];
        assert_eq!(nearest("pasword-file", known), Some("password-file"));
        assert_eq!(nearest("prot", known), Some("port"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(nearest("host", []), None);
    }
}
