//! From when to when a certificate holds, read from its DER (RFC 5280, 4.1): the one thing about certificates that rustls doesn't tell.

use domain::Timestamp;

/// A certificate's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// It holds from here on.
    pub begins_at: Timestamp,
    /// It holds until here.
    pub ends_at: Timestamp,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The time of a certificate in DER; none when it can't be read.
pub fn of(certificate: &[u8]) -> Option<Validity> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(whole, SEQUENCE)?;
    if let Some((_, after)) = element(rest, VERSION) {
        rest = after;
    }
    // Serial number, signature algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = element(rest, tag)?.1;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (begins_at, validity) = time(validity)?;
    let (ends_at, _) = time(validity)?;
    Some(Validity { begins_at, ends_at })
}

/// What is in the element of this tag at the beginning, and what stands after it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = match *first {
        short @ 0..=0x7f => (usize::from(short), bytes),
        long => {
            let (length, bytes) = bytes.split_at_checked(usize::from(long & 0x7f))?;
            // No certificate has more than 16 MiB; longer is nothing to count.
            if length.is_empty() || length.len() > 3 {
                return None;
            }
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), bytes)
        }
    };
    (*found == tag).then(|| bytes.split_at_checked(length)).flatten()
}

fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (text, after, century) = match element(bytes, UTC_TIME) {
        Some((text, after)) => (text, after, true),
        None => element(bytes, GENERALIZED_TIME).map(|(text, after)| (text, after, false))?,
    };
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match century {
        // Two digits are a year from 1950 to 2049.
        true if text.get(..2)? >= "50" => format!("19{text}"),
        true => format!("20{text}"),
        false => text.to_owned(),
    };
    let part = |range| text.get(range).filter(|part: &&str| part.bytes().all(|b| b.is_ascii_digit()));
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    let written = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let read = (text.len() == 14).then(|| serde_json::from_value(written.into()).ok()).flatten()?;
    Some((read, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's outer parts, with these times in it.
    fn certificate(begins: &[u8], ends: &[u8], version: bool) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            // Both forms of a length are read.
            [&[tag, 0x81, length], content].concat()
        };
        let mut to_be_signed = if version { element(VERSION, &[2, 1, 2]) } else { Vec::new() };
        to_be_signed.extend(element(INTEGER, &[7]));
        to_be_signed.extend(element(SEQUENCE, b"algorithm"));
        to_be_signed.extend(element(SEQUENCE, b"issuer"));
        to_be_signed.extend(element(SEQUENCE, &[begins, ends].concat()));
        to_be_signed.extend(element(SEQUENCE, b"subject"));
        element(SEQUENCE, &element(SEQUENCE, &to_be_signed))
    }

    fn utc(text: &str) -> Vec<u8> {
        [&[UTC_TIME, 13], text.as_bytes()].concat()
    }

    fn generalized(text: &str) -> Vec<u8> {
        [&[GENERALIZED_TIME, 15], text.as_bytes()].concat()
    }

    #[test]
    fn both_forms_of_time_are_read_in_all_versions() {
        for version in [true, false] {
            let read = of(&certificate(&utc("500101000000Z"), &generalized("20500630123456Z"), version));
            let read = read.map(|read| (read.begins_at.to_string(), read.ends_at.to_string()));
            assert_eq!(read, Some(("1950-01-01T00:00:00Z".into(), "2050-06-30T12:34:56Z".into())));
            let read = of(&certificate(&utc("491231235959Z"), &utc("260503091407Z"), version)).unwrap();
            assert_eq!(read.begins_at.to_string(), "2049-12-31T23:59:59Z");
            assert_eq!(read.ends_at.to_string(), "2026-05-03T09:14:07Z");
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_read_or_refused_and_nothing_worse() {
        let good = certificate(&utc("260101000000Z"), &utc("270101000000Z"), true);
        for length in 0..good.len() {
            let _ = of(&good[..length]);
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[length] ^= 1 << bit;
                let _ = of(&bad);
            }
        }
        for time in ["260101000000+", "26010100000Z0", "2601-1000000Z", "261301000000Z"] {
            assert_eq!(of(&certificate(&utc(time), &utc("270101000000Z"), true)), None, "{time}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
