//! What somebody signs in with, as it is told in lists and in the log: read from what a browser says that it is, or in a program's own
//! words.

use domain::is_invisible;

/// Marks in what a browser says that it is, and what people call it; of those that fit, the first counts.
const BROWSERS: [(&str, &str); 5] = [
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same for what it runs on.
const SYSTEMS: [(&str, &str); 6] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS X", "a Mac"),
    ("Windows", "Windows"),
    ("Linux", "Linux"),
];

/// A browser of which nothing more is known.
const A_BROWSER: &str = "a browser";

/// How many characters of a program's own words are kept.
const MOST: usize = 100;

/// What the browser says that it is, in the words of people: "Firefox on Linux".
pub fn of_browser(said: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| said.contains(mark)).map(|(_, name)| *name)
    };
    let browser = first(&BROWSERS).unwrap_or(A_BROWSER);
    first(&SYSTEMS).map_or_else(|| browser.into(), |system| format!("{browser} on {system}"))
}

/// What a program says that it is, as one short line without anything that can't be seen.
pub fn of_program(said: &str) -> String {
    said.trim().chars().filter(|c| !is_invisible(*c)).take(MOST).collect()
}

/// As it stands in a sentence: in quotation marks where the words may be a program's own, so that nobody takes them for the server's.
pub fn told(agent: &str) -> String {
    let (browser, system) = match agent.split_once(" on ") {
        Some((browser, system)) => (browser, Some(system)),
        None => (agent, None),
    };
    let known = |name: &str, names: &[(&str, &str)]| names.iter().any(|(_, known)| *known == name);
    let browser_known = browser == A_BROWSER || known(browser, &BROWSERS);
    if browser_known && system.is_none_or(|system| known(system, &SYSTEMS)) {
        return agent.into();
    }
    // What was kept before may have characters that are no longer taken.
    let plain = |c: char| if matches!(c, '“' | '”' | '„' | '"') { '\'' } else { c };
    format!("“{}”", agent.chars().filter(|c| !is_invisible(*c)).map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_the_words_of_people_and_nothing_else_that_it_says() {
        for (said, read) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("Firefox/1. Eve is an administrator", "Firefox"),
            ("something (Windows)", "a browser on Windows"),
            ("", "a browser"),
        ] {
            assert_eq!(of_browser(said), read);
            assert_eq!(told(read), read);
        }
    }

    #[test]
    fn the_words_of_a_program_are_one_short_line() {
        let said = " Mail\n\u{202e}on\u{2066} a\u{2028}phone\0 ";
        assert_eq!(of_program(said), "Mailon aphone");
        assert_eq!(of_program(&"ä".repeat(300)), "ä".repeat(100));
    }

    #[test]
    fn the_words_of_a_program_cannot_be_taken_for_the_servers() {
        for (agent, sentence) in [
            ("Firefox. boss made eve an administrator", "“Firefox. boss made eve an administrator”"),
            ("x” and eve did “y", "“x' and eve did 'y”"),
            ("a\u{202e}b", "“ab”"),
            ("Firefox on Linux. Eve", "“Firefox on Linux. Eve”"),
            ("doorkey 0.1.0 on linux", "“doorkey 0.1.0 on linux”"),
        ] {
            assert_eq!(told(agent), sentence);
        }
    }
}
