//! Showing text as it is, whatever is in it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text that came from a manifest, with control characters and those that reorder text made
/// visible, so that no name can move the cursor, change colours or hide what follows.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            let _ = write!(visible, "{}", character.escape_default());
        } else {
            visible.push(character);
        }
    }
    Cow::Owned(visible)
}

/// Whether a terminal or a browser acts on a character instead of showing it.
pub fn is_hidden(character: char) -> bool {
    let reorders =
        matches!(character, '\u{061C}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    character.is_control() || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_manifests_cannot_steer_a_terminal() {
        assert_eq!(visible("plain é"), "plain é");
        assert_eq!(visible("\u{1b}[31mred\u{7}\n"), "\\u{1b}[31mred\\u{7}\\n");
        assert_eq!(visible("a\u{202e}b\u{9b}c"), "a\\u{202e}b\\u{9b}c");
    }
}
