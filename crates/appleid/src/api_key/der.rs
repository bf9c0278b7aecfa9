//! As much of DER (X.690) as there is in a key: definite lengths, one byte of tag.

/// What there is to read.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

/// One value: its tag, and what is in it.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    pub tag: u8,
    pub content: &'a [u8],
}

pub const INTEGER: u8 = 0x02;
pub const BITS: u8 = 0x03;
pub const BYTES: u8 = 0x04;
pub const OBJECT: u8 = 0x06;
pub const SEQUENCE: u8 = 0x30;
/// `[0]` around something.
pub const FIRST: u8 = 0xa0;
/// `[1]` around something.
pub const SECOND: u8 = 0xa1;
/// `[1]` in the place of the tag of a bit string.
pub const SECOND_BITS: u8 = 0x81;

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next value; none when there is none, or it isn't whole.
    pub fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if bytes.is_empty() || bytes.len() > 3 {
                return None;
            }
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Value { tag, content })
    }

    /// What is in the next value, if it has this tag; otherwise nothing is read.
    pub fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let value = ahead.next().filter(|value| value.tag == tag)?;
        *self = ahead;
        Some(value.content)
    }

    /// A reader of what is in the next value, if it has this tag.
    pub fn enter(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }
}

/// A bit string of whole bytes.
pub fn bits(content: &[u8]) -> Option<&[u8]> {
    content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bytes)| bytes)
}
