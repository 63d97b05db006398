//! Characters that an input method types in place of those of ASCII: they look alike, and mean nothing to a program.

/// The characters, each with the one of ASCII that was meant. Full-width letters and digits follow a rule of their own.
const PAIRS: &[(&str, char)] = &[
    ("\u{201c}\u{201d}\u{201e}\u{201f}\u{ff02}\u{300c}\u{300d}\u{300e}\u{300f}\u{00ab}\u{00bb}", '"'),
    ("\u{2018}\u{2019}\u{201a}\u{201b}\u{ff07}", '\''),
    ("\u{ff1d}", '='),
    ("\u{ff1a}", ':'),
    ("\u{ff20}", '@'),
    ("\u{3002}\u{ff0e}\u{ff61}", '.'),
    ("\u{ff0c}\u{3001}", ','),
    ("\u{ff3b}\u{3010}", '['),
    ("\u{ff3d}\u{3011}", ']'),
    ("\u{ff03}", '#'),
    ("\u{ff0d}\u{2010}\u{2011}\u{2013}\u{2014}", '-'),
    ("\u{ff3f}", '_'),
    ("\u{ff0f}", '/'),
    ("\u{3000}\u{00a0}\u{2002}\u{2003}\u{2009}\u{202f}", ' '),
    ("\u{feff}\u{200b}\u{200c}\u{200d}\u{2060}", '\0'),
];

/// The character of ASCII that was meant; NUL if there should be no character at all. `None` for any other character.
pub(crate) fn of(c: char) -> Option<char> {
    let pair = PAIRS.iter().find(|(all, _)| all.contains(c)).map(|(_, meant)| *meant);
    let is_wide = matches!(c, '\u{ff01}'..='\u{ff5e}');
    pair.or_else(|| char::from_u32(u32::from(c).checked_sub(0xfee0)?).filter(|_| is_wide))
}

/// The character as it can be told: itself where it can be seen, and its code point.
pub(crate) fn name(c: char) -> String {
    let code = u32::from(c);
    match of(c) {
        Some(' ') => format!("a blank that is none (U+{code:04X})"),
        Some('\0') => format!("a character that cannot be seen (U+{code:04X})"),
        _ => format!("{c} (U+{code:04X})"),
    }
}

/// The sentence about the character in a place where that of ASCII belongs.
pub(crate) fn advice(c: char) -> Option<String> {
    let name = name(c);
    Some(match of(c)? {
        '"' | '\'' => format!("{name} is not a quote here: type \""),
        ' ' => format!("{name} stands there: type a plain one"),
        '\0' => format!("{name} stands there: take it out"),
        meant => format!("{name} is not {meant} here: type {meant}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_names_what_was_meant() {
        for (c, meant) in
            [('\u{201c}', '"'), ('\u{ff1d}', '='), ('\u{ff41}', 'a'), ('\u{3000}', ' '), ('\u{feff}', '\0')]
        {
            assert_eq!(of(c), Some(meant));
        }
        for c in ['a', '"', '\u{4e2d}', '\u{e9}'] {
            assert_eq!(of(c), None);
        }
        assert_eq!(advice('\u{ff1d}').as_deref(), Some("\u{ff1d} (U+FF1D) is not = here: type ="));
        assert!(advice('\u{3000}').is_some_and(|said| said.contains("U+3000") && !said.contains('\u{3000}')));
    }
}
