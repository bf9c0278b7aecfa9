//! Text as it stands in XML.

/// Escaped for an element or an attribute; without the characters that XML can't hold at all.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_xml_stands_for_itself() {
        assert_eq!(escape("<a b='c'>&\"\u{0}\u{85}\u{ffff}ä"), "&lt;a b=&apos;c&apos;&gt;&amp;&quot;ä");
    }
}
