use std::collections::BTreeSet;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};
use proptest::{collection::vec, prelude::*};

use super::*;

/// A masker of these very patterns, however short.
fn of_patterns(patterns: &BTreeSet<Vec<u8>>) -> Masker {
    Masker::of(Patterns::new(patterns).unwrap().map(Arc::new))
}

fn masked(masker: &mut Masker, pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        masker.push(piece, &mut out);
    }
    masker.finish(&mut out);
    out
}

/// Which bytes are in any place of any pattern, found the long way.
fn covered(patterns: &BTreeSet<Vec<u8>>, text: &[u8]) -> Vec<bool> {
    let mut covered = vec![false; text.len()];
    for pattern in patterns {
        for at in 0..text.len() {
            if text[at..].starts_with(pattern) {
                covered[at..at + pattern.len()].fill(true);
            }
        }
    }
    covered
}

/// The same as a masker gives, the long way: each run of bytes that are covered is one mask.
fn naive(patterns: &BTreeSet<Vec<u8>>, text: &[u8]) -> Vec<u8> {
    let covered = covered(patterns, text);
    let mut out = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match covered[at] {
            false => out.push(*byte),
            true if at == 0 || !covered[at - 1] => out.extend(MASK),
            true => {}
        }
    }
    out
}

/// The longest end of the text that begins a pattern and isn't all of it.
fn could_begin(patterns: &BTreeSet<Vec<u8>>, text: &[u8]) -> usize {
    let begins =
        |end: &[u8]| patterns.iter().any(|pattern| pattern.len() > end.len() && pattern.starts_with(end));
    (0..=text.len()).rev().find(|length| begins(&text[text.len() - length..])).unwrap_or(0)
}

fn words(letters: &'static str, length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(letters.as_bytes()), length)
}

fn pieces<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    at.extend([0, text.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Short words of few letters overlap, repeat and contain one another all the time.
    #[test]
    fn however_it_is_cut_all_of_every_secret_is_masked_and_nothing_else(
        patterns in prop::collection::btree_set(words("ab", 1..6), 0..6),
        text in words("abc", 0..60),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut masker = of_patterns(&patterns);
        prop_assert_eq!(masked(&mut masker, &pieces(&text, &cuts)), naive(&patterns, &text));
    }

    /// Longer ones, which the reading passes over text by.
    #[test]
    fn what_is_passed_over_has_no_secret(
        patterns in prop::collection::btree_set(words("abcd", 8..12), 1..30),
        filling in vec(words("abcdxyz", 0..20), 1..8),
        chosen in vec(any::<prop::sample::Index>(), 8),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let all: Vec<_> = patterns.iter().collect();
        let text: Vec<_> =
            filling.iter().zip(&chosen).flat_map(|(words, one)| [&words[..], all[one.index(all.len())]].concat()).collect();
        let mut masker = of_patterns(&patterns);
        prop_assert_eq!(masked(&mut masker, &pieces(&text, &cuts)), naive(&patterns, &text));
    }

    /// Held back is what could begin a secret, and not a byte more.
    #[test]
    fn what_is_held_back_is_what_could_begin_a_secret(
        patterns in prop::collection::btree_set(words("ab", 3..7), 1..5),
        text in words("abc", 0..40),
    ) {
        let mut masker = of_patterns(&patterns);
        let mut out = Vec::new();
        for (at, byte) in text.iter().enumerate() {
            masker.push(&[*byte], &mut out);
            let read = &text[..=at];
            let could = could_begin(&patterns, read);
            prop_assert!(masker.held() <= could, "{} held of {could}", masker.held());
            // Less is held where that is part of a secret already.
            if !covered(&patterns, read)[read.len() - could..].contains(&true) {
                prop_assert_eq!(masker.held(), could);
            }
        }
    }

    /// Any secret, in any of the forms that programs write, in any number of writes.
    #[test]
    fn no_form_of_a_secret_comes_through(
        secret in "[a-zA-Z0-9+/=_ \"'$&<>\\\\é-]{8,70}",
        before in words("ab\n\"", 0..5),
        after in words("yz\n\"", 0..5),
        cuts in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = [&before[..], secret.as_bytes(), &after].concat();
        for (text, part) in [
            (whole.clone(), secret.clone().into_bytes()),
            (HEXLOWER.encode(&whole).into(), HEXLOWER.encode(secret.as_bytes()).into()),
            (HEXUPPER.encode(&whole).into(), HEXUPPER.encode(secret.as_bytes()).into()),
            (format!("{:?}", String::from_utf8(whole.clone()).unwrap()).into(), secret.clone().into_bytes()),
        ] {
            let mut masker = Masker::new([Secret::Chosen(secret.as_bytes())]).unwrap();
            let out = masked(&mut masker, &pieces(&text, &cuts));
            prop_assert!(!out.windows(part.len()).any(|window| window == part), "{}", String::from_utf8_lossy(&out));
        }
        // Of base64 a digit at either end belongs to the neighbours too; what is left tells nothing.
        for encoding in [BASE64, BASE64URL] {
            let text = encoding.encode(&whole);
            let mut masker = Masker::new([Secret::Chosen(secret.as_bytes())]).unwrap();
            let out = String::from_utf8(masked(&mut masker, &pieces(text.as_bytes(), &cuts))).unwrap();
            let left = out.replace("***", "").len();
            prop_assert!(left <= (before.len() + after.len()) * 4 / 3 + 8, "{text} {out}");
        }
    }
}

#[test]
fn a_secret_split_over_writes_is_masked_as_soon_as_it_is_whole() {
    let mut masker = Masker::new([Secret::Chosen(b"secret-0123456789")]).unwrap();
    let mut out = Vec::new();
    masker.push(b"say secret-01234", &mut out);
    assert_eq!((out.as_slice(), masker.held()), (b"say ".as_slice(), 12));
    masker.push(b"56789", &mut out);
    assert_eq!((out.as_slice(), masker.held()), (b"say ***".as_slice(), 0));
    masker.push(b" and se", &mut out);
    assert_eq!(masker.held(), 2);
    masker.finish(&mut out);
    assert_eq!(out, b"say *** and se");
}

#[test]
fn a_key_leaves_nothing_of_itself() {
    let body = ["A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2W3x4Y5z6a7B8c9D0e1F2", "zZ9+/8yY"];
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n", body[0], body[1]);
    let base64 = BASE64.encode(pem.as_bytes());
    let wrapped = |width: usize| {
        base64
            .as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    for (written, left) in [
        (pem.clone(), "-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\n".to_owned()),
        (
            pem.replace('\n', "\\n"),
            r"-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\n".into(),
        ),
        (
            pem.replace('\n', "\r\n"),
            "-----BEGIN PRIVATE KEY-----\r\n***\r\n***\r\n-----END PRIVATE KEY-----\r\n".into(),
        ),
        (body.concat(), "***".into()),
        (base64.clone(), "***".into()),
        (wrapped(64), vec!["***"; base64.len().div_ceil(64)].join("\n")),
        (wrapped(76), vec!["***"; base64.len().div_ceil(76)].join("\n")),
    ] {
        let mut masker = Masker::new([Secret::Random(pem.as_bytes())]).unwrap();
        for size in [1, 2, 3, 7, 64, 4096] {
            let out = masked(&mut masker, &written.as_bytes().chunks(size).collect::<Vec<_>>());
            assert_eq!(String::from_utf8(out).unwrap(), left, "in writes of {size}");
        }
    }
}

/// However a key is broken into columns, and whatever stands before it: nothing long enough to be of use is left.
#[test]
fn a_key_that_is_broken_anywhere_leaves_next_to_nothing() {
    let body = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2W3x4Y5z6a7B8c9D0e1F2";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let mut masker = Masker::new([Secret::Random(pem.as_bytes())]).unwrap();
    for before in 0..9 {
        let whole = format!("{}{pem}", "#".repeat(before));
        for text in [whole.clone(), BASE64.encode(whole.as_bytes()), HEXLOWER.encode(whole.as_bytes())] {
            for width in 20..90 {
                let lines: Vec<_> = text.as_bytes().chunks(width).collect();
                let out = String::from_utf8(masked(&mut masker, &[&lines.join(&b"\n  "[..])])).unwrap();
                for piece in body.as_bytes().windows(8) {
                    let at = |text: &str| out.contains(text);
                    assert!(!at(std::str::from_utf8(piece).unwrap()), "{out}");
                    assert!(!at(&HEXLOWER.encode(piece)), "{out}");
                }
                let inside = &BASE64.encode(whole.as_bytes()).into_bytes();
                let key = (before + 28) * 4 / 3 + 2..(before + 28 + body.len()) * 4 / 3 - 2;
                assert!(
                    !inside[key].windows(8).any(|piece| out.contains(std::str::from_utf8(piece).unwrap())),
                    "{out}"
                );
            }
        }
    }
}

/// As `openssl ec -text`, `od -An -tx1`, `hexdump -C` and `xxd` print bytes.
#[test]
fn a_key_shown_byte_by_byte_is_masked() {
    // No byte is another one's neighbour twice.
    let key: Vec<u8> = (0_u8..138).map(|n| n.wrapping_mul(89).wrapping_add(7)).collect();
    let scalar = &key[36..68];
    let mut masker = Masker::new([Secret::Random(&key)]).unwrap();
    for upper in [false, true] {
        let case = |text: String| if upper { text.to_uppercase() } else { text };
        let pairs = |bytes: &[u8], together: usize, between: &str| {
            let groups: Vec<_> = bytes.chunks(together).map(|group| HEXLOWER.encode(group)).collect();
            case(groups.join(between))
        };
        let colons: Vec<_> = scalar.chunks(15).map(|line| pairs(line, 1, ":")).collect();
        let spaced: Vec<_> = key[..128].chunks(16).map(|line| pairs(line, 1, " ")).collect();
        let halves: Vec<_> = key[..128].chunks(8).map(|half| pairs(half, 1, " ")).collect();
        let grouped: Vec<_> = key[..128].chunks(16).map(|line| pairs(line, 2, " ")).collect();
        let odd: Vec<_> = key[1..129].chunks(16).map(|line| pairs(line, 2, " ")).collect();
        for (written, left) in [
            // The two bytes of its last line are too few.
            (colons.join(":\n    "), format!("***:\n    ***:\n    {}", pairs(&scalar[30..], 1, ":"))),
            (spaced.join("\n "), ["***"; 8].join("\n ")),
            (halves.join("  "), vec!["***"; 16].join("  ")),
            (grouped.join("  "), ["***"; 8].join("  ")),
            (odd.join("\n"), ["***"; 8].join("\n")),
        ] {
            let out = masked(&mut masker, &[written.as_bytes()]);
            assert_eq!(String::from_utf8(out).unwrap(), left);
        }
    }
    // What a key's file has, line ends and all.
    let pem = "-----BEGIN PRIVATE KEY-----\nA1b2C3d4E5f6G7h8I9j0\nzZ9+/8yYzZ0\n-----END PRIVATE KEY-----\n";
    let mut masker = Masker::new([Secret::Random(pem.as_bytes())]).unwrap();
    let body = &pem.as_bytes()[28..60];
    let shown: Vec<_> = body.iter().map(|byte| HEXLOWER.encode(&[*byte])).collect();
    assert_eq!(masked(&mut masker, &[shown[..31].join(" ").as_bytes()]), MASK);
}

#[test]
fn without_secrets_everything_passes_at_once() {
    let mut masker = Masker::new([Secret::Random(b"short")]).unwrap();
    let mut out = Vec::new();
    masker.push(b"short", &mut out);
    assert_eq!((out.as_slice(), masker.held()), (b"short".as_slice(), 0));
}

#[test]
fn another_one_for_another_stream_knows_the_same_and_shares_nothing() {
    let mut one = Masker::new([Secret::Chosen(b"secret-0123456789")]).unwrap();
    let mut out = Vec::new();
    one.push(b"secret-", &mut out);
    assert_eq!(masked(&mut one.another(), &[b"0123456789 secret-0123456789"]), b"0123456789 ***");
}
