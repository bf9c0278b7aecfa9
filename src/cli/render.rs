//! How answers look on a screen.

use std::fmt::Write as _;

use domain::is_invisible;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::client::CallError;

/// The most characters of a person's own words in a table.
const WORDS_MOST: usize = 40;

/// A text from elsewhere as it may be printed: what could drive the terminal, or turn the direction of what follows, is
/// replaced.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_invisible(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// An answer as JSON: as the API gives it, on several lines. What JSON leaves as it is and a terminal would obey is
/// escaped, which changes no value.
pub(super) fn json(answer: &Value) -> String {
    escaped(&format!("{answer:#}"))
}

/// The same on one line.
pub(super) fn json_line(answer: &Value) -> String {
    escaped(&answer.to_string())
}

fn escaped(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c != '\n' && is_invisible(c) {
            // Writing to a String can't fail.
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Reads an answer into what a person is shown of it.
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, CallError> {
    T::deserialize(answer).map_err(|_| {
        CallError::NotUnderstood(
            "The server answered, but this doorkey doesn't understand it. Use the same version as the server, or add \
             --json to see the answer as it came."
                .into(),
        )
    })
}

/// Rows in aligned columns, below the columns' names: a line each.
pub(super) fn table<const N: usize>(columns: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let mut lines = vec![columns.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| row.each_ref().map(|cell| plain(cell))));
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let aligned = |line: &[String; N]| {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(aligned).collect()
}

/// A person's own words, cut where they would push the other columns off the screen.
pub(super) fn clipped(words: &str) -> String {
    if words.chars().count() <= WORDS_MOST {
        return words.to_owned();
    }
    let mut clipped: String = words.chars().take(WORDS_MOST - 1).collect();
    clipped.push('…');
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_from_a_server_drives_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c\u{9b}d\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(plain("Café 👩\u{200d}💻 דואר"), "Café 👩\u{200d}💻 דואר");
    }

    #[test]
    fn json_keeps_every_value_and_is_safe_on_a_screen() {
        let answer = json!({ "label": "a\u{9b}b\u{202e}c\n", "for": ["mail"], "expires_at": null });
        let text = json(&answer);
        assert!(text.contains(r"a\u009bb\u202ec\n"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), answer);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["é".into(), "live".into()], ["longer".into(), String::new()]];
        assert_eq!(table(["LABEL", "STATE"], &rows), ["LABEL   STATE", "é       live", "longer"]);
        assert_eq!(table(["LABEL", "STATE"], &[]), ["LABEL  STATE"]);
    }

    #[test]
    fn long_words_are_cut() {
        let longest = "é".repeat(WORDS_MOST);
        assert_eq!(clipped(&longest), longest);
        assert_eq!(clipped(&format!("{longest}x")), format!("{}…", "é".repeat(WORDS_MOST - 1)));
    }

    #[test]
    fn an_answer_of_another_shape_is_said_to_be_one() {
        assert_eq!(read::<Vec<String>>(&json!(["a"])).unwrap(), ["a"]);
        assert!(matches!(read::<Vec<String>>(&json!({})), Err(CallError::NotUnderstood(_))));
    }
}
