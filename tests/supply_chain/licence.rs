//! Licence expressions (SPDX): whether one can be met with the licences that are allowed.

/// Whether the licences in `allowed` are enough to use something that is under `expression`. What can't be read isn't allowed.
pub fn allows(expression: &str, allowed: &[&str]) -> bool {
    // Before there were expressions, authors wrote a slash for OR.
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = Words { words: spaced.split_whitespace().collect(), at: 0 };
    let met = either(&mut words, allowed);
    met == Some(true) && words.next().is_none()
}

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    /// Goes past the word if it comes next.
    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is_next);
        is_next
    }
}

// Nothing is an expression that can't be read. Both sides are always read, so no `||` and `&&`.

fn either(words: &mut Words, allowed: &[&str]) -> Option<bool> {
    let mut met = both(words, allowed)?;
    while words.skip("OR") {
        met |= both(words, allowed)?;
    }
    Some(met)
}

fn both(words: &mut Words, allowed: &[&str]) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while words.skip("AND") {
        met &= one(words, allowed)?;
    }
    Some(met)
}

fn one(words: &mut Words, allowed: &[&str]) -> Option<bool> {
    if words.skip("(") {
        let met = either(words, allowed)?;
        return words.skip(")").then_some(met);
    }
    let name = words.next().filter(|word| !["OR", "AND", "WITH", ")"].contains(word))?;
    let licence = if words.skip("WITH") { format!("{name} WITH {}", words.next()?) } else { name.to_owned() };
    Some(allowed.contains(&licence.as_str()))
}

#[test]
fn expressions_are_read_as_spdx_has_them() {
    let allowed = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
    for met in [
        "MIT",
        "MIT OR GPL-3.0-only",
        "GPL-3.0-only OR MIT",
        "MIT/Unlicense",
        "MIT AND ISC",
        "(MIT OR GPL-3.0-only) AND ISC",
        "GPL-3.0-only OR MIT AND ISC",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(allows(met, &allowed), "{met}");
    }
    for refused in [
        "",
        "GPL-3.0-only",
        "mit",
        "MIT AND GPL-3.0-only",
        "GPL-3.0-only AND MIT OR AGPL-3.0-only",
        "(MIT OR ISC) AND GPL-3.0-only",
        "MIT WITH Classpath-exception-2.0",
        "(MIT",
        "MIT)",
        "MIT OR",
        "MIT ISC",
        "OR MIT",
    ] {
        assert!(!allows(refused, &allowed), "{refused}");
    }
}
