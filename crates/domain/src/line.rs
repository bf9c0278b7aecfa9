use unicode_normalization::UnicodeNormalization;

/// Why a line of a person's own words can't be taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Nothing but space.
    #[error("is empty: write a few words")]
    Empty,
    /// Longer than there is room for, in characters.
    #[error("is {length} characters long; at most {most} fit")]
    TooLong {
        /// How long it is.
        length: usize,
        /// How long it may be.
        most: usize,
    },
    /// A line break, a control character, or one that changes the direction of what follows it: such a
    /// character can make a page say what nobody wrote.
    #[error("has a character that can't be seen (U+{0:04X}): take it out")]
    Invisible(u32),
}

/// One line of a person's own words: space at the ends cut, Unicode composed (NFC), 1 to `most` characters,
/// nothing invisible but the joiners that scripts and emoji need.
pub(crate) fn line(text: &str, most: usize) -> Result<String, LineError> {
    let text = compose(text.trim());
    if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
        return Err(LineError::Invisible(c.into()));
    }
    match text.chars().count() {
        0 => Err(LineError::Empty),
        length if length > most => Err(LineError::TooLong { length, most }),
        _ => Ok(text),
    }
}

/// One form for all the ways to type the same characters: composed (NFC).
#[must_use]
pub fn compose(text: &str) -> String {
    text.nfc().collect()
}

/// Whether the character can't be seen, and could make a page or a terminal show what nobody wrote.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_words_of_any_script_and_markup_as_it_stands() {
        for (given, taken) in [
            ("  Mail on iPhone ", "Mail on iPhone"),
            ("<b>&amp;</b>", "<b>&amp;</b>"),
            ("דואר בטלפון", "דואר בטלפון"),
            ("Cafe\u{301}", "Café"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
        ] {
            assert_eq!(line(given, 200).as_deref(), Ok(taken));
        }
    }

    #[test]
    fn refuses_nothing_too_much_and_what_cannot_be_seen() {
        assert_eq!(line(" \t ", 200), Err(LineError::Empty));
        assert_eq!(line(&"ä".repeat(200), 200).map(|l| l.chars().count()), Ok(200));
        assert_eq!(line(&"ä".repeat(201), 200), Err(LineError::TooLong { length: 201, most: 200 }));
        assert_eq!(line("a\nb", 200), Err(LineError::Invisible(0x0a)));
        assert_eq!(line("a\u{202e}b", 200), Err(LineError::Invisible(0x202e)));
        assert_eq!(line("a\0b", 200), Err(LineError::Invisible(0)));
    }
}
