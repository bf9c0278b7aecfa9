//! Forms with a file in them (RFC 7578), read whole: as much of it as browsers send.

/// One field of the form.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The field's name.
    pub name: String,
    /// What the file is called; none for a field that holds no file.
    pub file_name: Option<String>,
    /// What is in it.
    pub content: &'a [u8],
}

/// How many fields are read.
const MOST: usize = 50;

/// What separates the fields, as the header `Content-Type` says; none when it isn't such a form.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let found = rest.split(';').find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    });
    found.filter(|boundary| (1..=70).contains(&boundary.len()))
}

/// The fields in their order; none when it isn't whole, or there are too many.
pub fn parts<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<Part<'a>>> {
    let (first, between) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    // A browser sends nothing before the first.
    let mut rest = body.strip_prefix(first.as_bytes())?;
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let (head, after) = split(rest.strip_prefix(b"\r\n")?, b"\r\n\r\n")?;
        let (content, after) = split(after, between.as_bytes())?;
        if parts.len() == MOST {
            return None;
        }
        parts.push(part(head, content)?);
        rest = after;
    }
    Some(parts)
}

fn split<'a>(bytes: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(by.len()).position(|found| found == by)?;
    Some((bytes.get(..at)?, bytes.get(at + by.len()..)?))
}

fn part<'a>(head: &[u8], content: &'a [u8]) -> Option<Part<'a>> {
    let head = String::from_utf8_lossy(head);
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    Some(Part {
        name: parameter(disposition, "name")?,
        file_name: parameter(disposition, "filename"),
        content,
    })
}

/// A quoted parameter. What would end it is sent as `%22`, and line ends as `%0D%0A`.
fn parameter(disposition: &str, wanted: &str) -> Option<String> {
    let mut rest = disposition;
    while let Some((before, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"')?;
        let name = before.rsplit([';', ' ']).next().unwrap_or_default();
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = "--x\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\nabc\r\n--x\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"AuthKey_1 %221%22.p8\"\r\nContent-Type: text/plain\r\n\r\n\
        one\r\n-two--x\r\n\r\n--x\r\ncontent-disposition: form-data; name=\"none\"; filename=\"\"\r\n\r\n\r\n--x--\r\n";

    fn read(body: &str) -> Option<Vec<(String, Option<String>, String)>> {
        let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
        let all = parts(body.as_bytes(), "x")?;
        Some(all.into_iter().map(|part| (part.name, part.file_name, text(part.content))).collect())
    }

    #[test]
    fn fields_and_files_are_read_as_browsers_send_them() {
        let field = |name: &str, file: Option<&str>, content: &str| {
            (name.to_owned(), file.map(str::to_owned), content.to_owned())
        };
        assert_eq!(
            read(BODY).unwrap(),
            [
                field("form_token", None, "abc"),
                field("file", Some("AuthKey_1 \"1\".p8"), "one\r\n-two--x\r\n"),
                field("none", Some(""), ""),
            ]
        );
        assert_eq!(read("--x--\r\n").unwrap(), []);
    }

    #[test]
    fn what_is_not_whole_is_no_form() {
        for end in 0..BODY.len() - 4 {
            assert!(read(&BODY[..end]).is_none(), "{end}");
        }
        for wrong in ["", "--y--", "x", "--x", "--x\r\n\r\n\r\nv\r\n--x--", "--x\r\nA: b\r\n\r\nv\r\n--x--"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        let one = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n";
        assert!(read(&format!("{}--x--", one.repeat(MOST))).is_some());
        assert!(read(&format!("{}--x--", one.repeat(MOST + 1))).is_none());
    }

    #[test]
    fn the_boundary_is_the_headers() {
        assert_eq!(boundary("multipart/form-data; boundary=----WebKit"), Some("----WebKit"));
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Some("a b"));
        for wrong in
            ["", "multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary="]
        {
            assert_eq!(boundary(wrong), None, "{wrong}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "x".repeat(71))), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(body in prop::collection::vec(any::<u8>(), 0..300), b in "[x-]{1,4}") {
            let _ = parts(&body, &b);
            let _ = parts(&[format!("--{b}\r\n").as_bytes(), &body].concat(), &b);
        }

        #[test]
        fn a_file_comes_as_it_was_sent(content in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assume!(!content.windows(5).any(|part| part == b"\r\n--x"));
            let head = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"k\"\r\n\r\n";
            let body = [&head[..], &content, b"\r\n--x--\r\n"].concat();
            let all = parts(&body, "x").unwrap();
            prop_assert_eq!(all[0].content, &content[..]);
        }
    }
}
