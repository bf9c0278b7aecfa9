//! The forms that a secret is written in.

use std::collections::BTreeSet;

use data_encoding::{BASE64, BASE64URL, HEXLOWER, HEXUPPER};

/// The shortest form that is masked, in bytes. A shorter one could be part of an ordinary word, and a masked log that
/// nobody can read is switched off.
pub const SHORTEST: usize = 8;

/// At what widths programs break what they encode: `openssl` and PEM, then `base64` and MIME.
const BASE64_WIDTHS: [usize; 2] = [64, 76];

/// At what width `xxd -p` breaks.
const HEX_WIDTH: usize = 60;

/// How much of a random secret in hex is enough to be taken for it, in digits: half a byte each, and logs are full of hex.
const HEX_PIECE: usize = 2 * SHORTEST;

/// How programs that show bytes set them apart: how many of them stand together, and what stands between. Certificates
/// and keys in words have colons, `od` and `hexdump -C` spaces, and `xxd` a space after each second byte.
const HEX_COLUMNS: [(usize, &str); 3] = [(1, ":"), (1, " "), (2, " ")];

/// How much of a random secret in such hex is enough, in bytes: fewer than in plain hex, since hardly anything else looks
/// like it, and what stands beside the key's own bytes on a line may be of another wrapping of the same key.
const COLUMNS_PIECE: usize = 4;

/// What must not be seen.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    /// Chosen by somebody: there may be ordinary words in it, so it is masked as a whole.
    Chosen(&'a [u8]),
    /// Made by a machine: no piece of it is an ordinary word. Each is masked, however programs break it into lines or
    /// columns, from [`SHORTEST`] characters on, and from twice as many in hex.
    Random(&'a [u8]),
}

/// All forms of these secrets, none of them shorter than [`SHORTEST`].
pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = Secret<'a>>) -> BTreeSet<Vec<u8>> {
    let mut forms = Forms::default();
    for secret in secrets {
        let (bytes, random) = match secret {
            Secret::Chosen(bytes) => (bytes, false),
            Secret::Random(bytes) => (bytes, true),
        };
        forms.random = random;
        forms.secret(bytes);
    }
    forms.all
}

#[derive(Default)]
struct Forms {
    all: BTreeSet<Vec<u8>>,
    /// Whether the pieces of the secret count too.
    random: bool,
}

impl Forms {
    fn add(&mut self, form: impl Into<Vec<u8>>) {
        let form = form.into();
        if form.len() >= SHORTEST {
            self.all.insert(form);
        }
    }

    /// A form that may be found broken: all of its pieces of this length, where they count, or else the whole.
    fn breakable(&mut self, form: &[u8], piece: usize) {
        if self.random && form.len() >= piece {
            self.all.extend(form.windows(piece).map(<[u8]>::to_vec));
        } else {
            self.add(form);
        }
    }

    /// A secret of one line, or of several, which programs print line by line.
    fn secret(&mut self, secret: &[u8]) {
        if secret.len() < SHORTEST {
            return;
        }
        let text = trimmed(secret);
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').map(trimmed).collect();
        if lines.len() == 1 || std::str::from_utf8(secret).is_err() {
            self.line(secret);
            self.line(text);
            self.columns(secret);
            return;
        }
        // The first and last line of PEM say what it is, and are no secret.
        let body: Vec<_> = lines.into_iter().filter(|line| !line.starts_with(b"-----")).collect();
        for line in &body {
            self.line(line);
        }
        // With the line ends, which are bytes like others there.
        self.columns(&body.join(&b'\n'));
        // Without the line ends, as programs do that keep a key on one line.
        self.line(&body.concat());
        // Its frame is no secret, so this counts as a whole, and what is in it line by line.
        let random = std::mem::take(&mut self.random);
        for whole in [secret, text] {
            self.encoded(whole);
        }
        self.random = random;
    }

    /// A text as it is, encoded, and escaped.
    fn line(&mut self, text: &[u8]) {
        if text.len() < SHORTEST {
            return;
        }
        if std::str::from_utf8(text).is_ok() {
            self.breakable(text, SHORTEST);
            for form in escaped(text) {
                // Most escape nothing.
                if form != text {
                    self.add(form);
                }
            }
        } else {
            self.add(text);
        }
        self.encoded(text);
        for within in 0..3 {
            for form in [&BASE64, &BASE64URL].map(|encoding| inside(encoding, text, within)) {
                self.breakable(&form, SHORTEST);
            }
        }
    }

    /// Encoded by itself, on one line or on as many as programs make of it.
    fn encoded(&mut self, bytes: &[u8]) {
        for text in [&BASE64, &BASE64URL].map(|encoding| encoding.encode(bytes)) {
            for width in BASE64_WIDTHS {
                self.broken(&text, width);
            }
            self.add(text);
        }
        for text in [&HEXLOWER, &HEXUPPER].map(|encoding| encoding.encode(bytes)) {
            self.broken(&text, HEX_WIDTH);
            self.breakable(text.as_bytes(), HEX_PIECE);
        }
    }

    /// In hex with something between the bytes. Of what is random, each piece of [`COLUMNS_PIECE`] bytes.
    fn columns(&mut self, bytes: &[u8]) {
        let piece = if self.random { COLUMNS_PIECE } else { bytes.len().max(1) };
        for piece in bytes.windows(piece) {
            for (together, between) in HEX_COLUMNS {
                for encoding in [&HEXLOWER, &HEXUPPER] {
                    let groups: Vec<_> = piece.chunks(together).map(|group| encoding.encode(group)).collect();
                    self.add(groups.join(between));
                }
            }
        }
    }

    /// Pieces count by themselves, wherever it is broken.
    fn broken(&mut self, text: &str, width: usize) {
        if !self.random {
            for line in text.as_bytes().chunks(width) {
                self.add(line);
            }
        }
    }
}

/// Without the white space at its ends.
fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// The digits that a text has somewhere inside something that is encoded as a whole: those that don't depend on what
/// stands before and after it. `before` is how many bytes stand before it, modulo 3.
fn inside(encoding: &data_encoding::Encoding, text: &[u8], before: usize) -> Vec<u8> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(text);
    // Six bits a digit: the first that has no bit of what is before, and the last that has none of what is after.
    let (first, last) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let digits = encoding.encode(&bytes).into_bytes();
    digits.get(first..last).unwrap_or_default().to_vec()
}

/// Escaped as URLs, JSON, YAML, shells, HTML and program texts have it.
fn escaped(text: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    // URLs: everything but letters, digits and these is %XX; a form's space is a plus.
    for plain in ["-._~", "-._~/", "-._~!*'()", "-._*"] {
        for digits in [&HEXUPPER, &HEXLOWER] {
            for space in ["%20", "+"] {
                forms.push(each(text, |byte, out| {
                    if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
                        out.push(byte);
                    } else if byte == b' ' {
                        out.extend(space.as_bytes());
                    } else {
                        out.push(b'%');
                        out.extend(digits.encode(&[byte]).bytes());
                    }
                }));
            }
        }
    }
    // JSON, double-quoted YAML, and the languages that print like them.
    for careful in ["", "/", "<>&", "<>&'", "#", "$`", "$`!"] {
        for upper in [false, true] {
            let once = quoted(text, careful, upper);
            // JSON in JSON, as logs have it.
            forms.push(quoted(&once, "", false));
            forms.push(once);
        }
    }
    // Within single quotes: shells have two ways, YAML and SQL double it.
    for quote in [r"'\''", r#"'"'"'"#, "''", r"\'"] {
        forms.push(each(text, |byte, out| match byte {
            b'\'' => out.extend(quote.as_bytes()),
            _ => out.push(byte),
        }));
    }
    // What `printf %q` prints, and `$'...'`.
    forms.push(each(text, |byte, out| {
        if !byte.is_ascii_alphanumeric() && !b"-_./+=:,@%".contains(&byte) && byte.is_ascii() {
            out.push(b'\\');
        }
        out.push(byte);
    }));
    forms.push(each(text, |byte, out| match byte {
        b'\'' => out.extend(br"\'"),
        b'\\' => out.extend(br"\\"),
        _ => out.push(byte),
    }));
    for apostrophe in ["'", "&#39;", "&#x27;", "&apos;"] {
        for quote in ["&quot;", "&#34;", "\""] {
            forms.push(each(text, |byte, out| match byte {
                b'&' => out.extend(b"&amp;"),
                b'<' => out.extend(b"&lt;"),
                b'>' => out.extend(b"&gt;"),
                b'"' => out.extend(quote.as_bytes()),
                b'\'' => out.extend(apostrophe.as_bytes()),
                _ => out.push(byte),
            }));
        }
    }
    forms
}

/// As it stands within double quotes. Of what need not be escaped there, `careful` is: `/`, `#`, `$`, `` ` `` and `!` by
/// a backslash, the rest by its number. `ascii` writes letters beyond ASCII by their number too.
fn quoted(text: &[u8], careful: &str, ascii: bool) -> Vec<u8> {
    let number = |unit: u16, out: &mut Vec<u8>| out.extend(format!("\\u{unit:04x}").bytes());
    let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
    let mut out = Vec::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend([b'\\', c as u8]),
            '\n' => out.extend(br"\n"),
            '\r' => out.extend(br"\r"),
            '\t' => out.extend(br"\t"),
            '/' | '#' | '$' | '`' | '!' if careful.contains(c) => out.extend([b'\\', c as u8]),
            c if c.is_ascii_control() || careful.contains(c) || (ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    number(*unit, &mut out);
                }
            }
            c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out
}

fn each(text: &[u8], escape: impl Fn(u8, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        escape(*byte, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(secret: &str, form: &str) -> bool {
        of([Secret::Chosen(secret.as_bytes())]).contains(form.as_bytes())
    }

    #[test]
    fn a_text_has_the_forms_that_programs_write() {
        let secret = r#"p&ss "wörd"/it's $5+\"#;
        for form in [
            secret,
            r"p%26ss%20%22w%C3%B6rd%22%2Fit%27s%20%245%2B%5C",
            r"p%26ss+%22w%c3%b6rd%22%2fit%27s+%245%2b%5c",
            r"p%26ss%20%22w%C3%B6rd%22/it%27s%20%245%2B%5C",
            r#"p&ss \"wörd\"/it's $5+\\"#,
            r#"p\u0026ss \"wörd\"/it's $5+\\"#,
            r#"p&ss \"wörd\"\/it's $5+\\"#,
            r#"p&ss \"w\u00f6rd\"/it's $5+\\"#,
            r#"p&ss \\\"wörd\\\"/it's $5+\\\\"#,
            r#"p&ss \"wörd\"/it's \$5+\\"#,
            r#"p&ss "wörd"/it'\''s $5+\"#,
            r#"p&ss "wörd"/it''s $5+\"#,
            r#"p\&ss\ \"wörd\"/it\'s\ \$5+\\"#,
            r#"p&ss "wörd"/it\'s $5+\\"#,
            r"p&amp;ss &quot;wörd&quot;/it&#39;s $5+\",
        ] {
            assert!(has(secret, form), "{form}");
        }
    }

    #[test]
    fn base64_inside_is_what_does_not_depend_on_the_neighbours() {
        let secret = b"dkb_0123456789";
        for before in 0..3 {
            for (a, z) in [(0_u8, 0_u8), (255, 255), (b'\n', b'"')] {
                let mut whole = vec![a; before];
                whole.extend(secret);
                whole.extend([z; 4]);
                for encoding in [&BASE64, &BASE64URL] {
                    let digits = inside(encoding, secret, before);
                    let text = encoding.encode(&whole).into_bytes();
                    assert!(text.windows(digits.len()).any(|part| part == digits), "{before} {a} {z}");
                    // At most one digit is left out at each end, and some bits of it.
                    assert!(digits.len() * 6 + 2 * 5 >= secret.len() * 8, "{before}");
                }
            }
        }
    }

    #[test]
    fn what_is_short_is_left_alone() {
        assert!(of([Secret::Chosen(b"secret7")]).iter().all(|form| form.len() >= SHORTEST));
        assert!(!has("secret7", "secret7"));
        assert!(has("secret78", "secret78"));
        assert!(of([&b""[..], b"\n", b"a\nb\n"].map(Secret::Random)).is_empty());
    }

    #[test]
    fn the_lines_of_a_key_count_and_its_frame_does_not() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG+/34\nAnotherLineOfTheKeyThatIsLonger0123456789\nByqGSM49AgEG==\nshort\n-----END PRIVATE KEY-----\n";
        let (base64, hex) = (BASE64.encode(pem.as_bytes()), HEXUPPER.encode(pem.as_bytes()));
        assert!(base64.len() > 128);
        for form in [
            "MIGHAgEAMBMG+/34",
            "ByqGSM49AgEG==",
            "MIGHAgEAMBMG+/34AnotherLineOfTheKeyThatIsLonger0123456789ByqGSM49AgEG==short",
            "MIGHAgEAMBMG%2B%2F34",
            r"MIGHAgEAMBMG+\/34",
            &base64,
            &BASE64.encode(pem.trim().as_bytes()),
            &base64[..76],
            &base64[64..128],
            &hex[60..120],
        ] {
            assert!(has(pem, form), "{form}");
        }
        for form in ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "short", pem] {
            assert!(!has(pem, form), "{form}");
        }
        assert!(has(&pem.replace('\n', "\r\n"), "MIGHAgEAMBMG+/34"));
    }

    #[test]
    fn of_what_is_random_each_piece_counts() {
        let token = "dkb_0aB1cD2eF3gH4iJ5";
        let pieces = |secret: Secret<'_>| {
            of([secret])
                .iter()
                .filter(|form| token.as_bytes().windows(8).any(|w| w == form.as_slice()))
                .count()
        };
        assert_eq!(
            (pieces(Secret::Random(token.as_bytes())), pieces(Secret::Chosen(token.as_bytes()))),
            (13, 0)
        );
    }

    #[test]
    fn bytes_set_apart_count_in_pieces() {
        let key: Vec<u8> = (0xf0..=0xff).collect();
        let forms = of([Secret::Random(&key)]);
        for form in ["f0:f1:f2:f3", "FC:FD:FE:FF", "f3 f4 f5 f6", "f0f1 f2f3", "F1F2 F3F4"] {
            assert!(forms.contains(form.as_bytes()), "{form}");
        }
        let chosen = of([Secret::Chosen(b"se-cret-9")]);
        assert!(chosen.contains(&b"73:65:2d:63:72:65:74:2d:39"[..]));
        assert!(!chosen.contains(&b"73:65:2d:63:72:65:74:2d"[..]));
    }

    #[test]
    fn bytes_that_are_no_text_are_masked_encoded() {
        let key = [0xff, 0x0a, 0, 1, 2, 3, 4, 5, 6, 0x0a, 0xfe];
        let forms = of([Secret::Chosen(&key)]);
        assert!(forms.contains(BASE64.encode(&key).as_bytes()) && forms.contains(key.as_slice()));
        assert!(forms.contains(HEXLOWER.encode(&key).as_bytes()));
    }
}
