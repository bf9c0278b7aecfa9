//! Where a message ends: known from its first bytes (X.690, 8.1), so that one that comes in many pieces is read once, when it is whole,
//! and one that is too long isn't waited for.

/// What has come of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// All of it, or so much that reading it tells.
    Whole,
    /// Not yet all of it.
    Part,
    /// More than may be.
    TooLong,
}

/// Looks at the head of the message that `bytes` begins with. It may have `most` bytes in all.
pub fn look(bytes: &[u8], most: usize) -> Frame {
    let [_, first, rest @ ..] = bytes else { return Frame::Part };
    let (head, length) = match *first {
        // In one byte.
        short @ 0..0x80 => (2, usize::from(short)),
        // Until a mark: LDAP has no such lengths, and the codec says so.
        0x80 => return Frame::Whole,
        long => {
            let count = usize::from(long & 0x7f);
            if count > 8 {
                return Frame::TooLong;
            }
            let Some(bytes) = rest.get(..count) else { return Frame::Part };
            let length = bytes.iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
            (2 + count, usize::try_from(length).unwrap_or(usize::MAX))
        }
    };
    match head.checked_add(length) {
        Some(whole) if whole > most => Frame::TooLong,
        Some(whole) if whole <= bytes.len() => Frame::Whole,
        Some(_) => Frame::Part,
        None => Frame::TooLong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_from_the_head() {
        assert_eq!(look(&[], 64), Frame::Part);
        assert_eq!(look(&[0x30], 64), Frame::Part);
        assert_eq!(look(&[0x30, 2, 1], 64), Frame::Part);
        assert_eq!(look(&[0x30, 2, 1, 1], 64), Frame::Whole);
        assert_eq!(look(&[0x30, 0, 1, 1], 64), Frame::Whole);
        assert_eq!(look(&[0x30, 0x81], 64), Frame::Part);
        assert_eq!(look(&[0x30, 0x81, 62], 64), Frame::TooLong);
        assert_eq!(look(&[0x30, 0x81, 61], 64), Frame::Part);
        assert_eq!(look(&[0x30, 0x84, 0, 0, 0, 1, 9], 64), Frame::Whole);
        assert_eq!(look(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], 64), Frame::TooLong);
        assert_eq!(look(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 64), Frame::TooLong);
        assert_eq!(look(&[0x30, 0xff], 64), Frame::TooLong);
        assert_eq!(look(&[0x30, 0x80], 64), Frame::Whole);
    }
}
