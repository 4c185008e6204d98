//! Text that people show each other: names and titles, of which nobody should be able to make two that look the same by
//! characters that nobody sees, or one that draws over what stands beside it.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Why a text is no [`line()`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotALine {
    /// Nothing in it can be seen.
    #[error("Write something that can be seen.")]
    Empty,
    /// It has more characters than it may.
    #[error("At most {most} characters, please; this has {chars}.")]
    TooLong {
        /// What it has.
        chars: usize,
        /// What it may have.
        most: usize,
    },
    /// It holds this, which breaks the line, changes the direction of the text around it, or hides.
    #[error("One line of text, please, without the character {0:?}.")]
    Unprintable(char),
}

/// One line that people see, without the spaces around it: 1 to `chars_max` characters, at least one of them visible.
///
/// # Errors
/// Why it is none.
pub fn line(text: &str, chars_max: usize) -> Result<&str, NotALine> {
    let text = text.trim();
    if let Some(unprintable) = text.chars().find(|c| !is_printable(*c)) {
        return Err(NotALine::Unprintable(unprintable));
    }
    match text.chars().count() {
        _ if !text.chars().any(is_visible) => Err(NotALine::Empty),
        chars if chars > chars_max => Err(NotALine::TooLong { chars, most: chars_max }),
        _ => Ok(text),
    }
}

/// Whether it may stand in a line. Of what nobody sees, those may that emoji and several scripts are written with.
pub fn is_printable(c: char) -> bool {
    use GeneralCategory::*;
    match get_general_category(c) {
        Control | Surrogate | PrivateUse | LineSeparator | ParagraphSeparator => false,
        // Joiners, and the letters in flags of regions.
        Format => matches!(c, '\u{200c}' | '\u{200d}' | '\u{e0020}'..='\u{e007f}'),
        _ => true,
    }
}

/// The same for all lines that differ only in case, spaces and what nobody sees.
pub fn folded(text: &str) -> String {
    // In small letters first: that of İ has its dot apart.
    text.chars().flat_map(char::to_lowercase).filter(|c| is_visible(*c)).collect()
}

/// Not for what is drawn upon the character before it, or as a blank.
fn is_visible(c: char) -> bool {
    use GeneralCategory::*;
    let is_blank = matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}');
    let is_mark = matches!(get_general_category(c), SpaceSeparator | NonspacingMark | EnclosingMark | Format);
    !is_blank && !is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_people_write() {
        for text in
            ["Ann", " Ann\u{a0}", "a", "李四", "Zoë", "می‌خواهم", "👩‍👩‍👧", "🏳️‍🌈", "🏴\u{e0067}\u{e0062}\u{e007f}", "ﷺ", "x́"]
        {
            assert_eq!(line(text, 10), Ok(text.trim()), "{text}");
        }
    }

    #[test]
    fn what_nobody_sees_is_no_line() {
        for text in ["", " ", "\u{3000}", "\u{200d}", "\u{3164}", "\u{2800}\u{2800}", "\u{fe0f}", "\u{301}", "\n"] {
            assert_eq!(line(text, 10), Err(NotALine::Empty), "{text:?}");
        }
    }

    #[test]
    fn what_changes_the_text_around_it_is_no_line() {
        for c in ['\u{7}', '\n', '\u{202e}', '\u{2067}', '\u{200b}', '\u{feff}', '\u{2028}', '\u{e000}', '\u{fff9}'] {
            assert_eq!(line(&format!("a{c}b"), 10), Err(NotALine::Unprintable(c)));
        }
    }

    #[test]
    fn the_bound_counts_characters() {
        assert_eq!(line("ééé", 3), Ok("ééé"));
        assert_eq!(line(" éééé ", 3), Err(NotALine::TooLong { chars: 4, most: 3 }));
    }

    #[test]
    fn lines_that_look_the_same_fold_to_the_same() {
        for (one, other) in [
            ("Ann", "aNN"),
            ("ann", "an\u{200d}n"),
            ("Big Ann", "Big\u{a0} ann"),
            ("ann", "ann\u{fe0f}"),
            ("İda", "I\u{307}da"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("Ann"), folded("Anna"));
    }
}
