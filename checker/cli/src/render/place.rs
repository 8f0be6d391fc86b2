//! Where a JSON pointer (RFC 6901) leads in a text, so that findings can name lines.
//!
//! Claim: in one JSON value without duplicate keys, the place of the value that the pointer names, if there is one. In any other text some place or none: a
//! finding then names a line that is wrong or none, and no verdict depends on it. One pass, no recursion.

use crate::files::Position;

/// The place of the value that `pointer` names.
pub(crate) fn position_of(text: &[u8], pointer: &str) -> Option<Position> {
    let mut scan = Scan { text, at: 0 };
    scan.blank();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        match scan.next()? {
            b'{' => scan.member(&token)?,
            b'[' => scan.element(token.parse().ok()?)?,
            _ => return None,
        }
    }
    scan.peek().map(|_| Position::of(text, scan.at))
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Passes white space and the byte that must follow.
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.blank();
        (self.next()? == byte).then_some(())
    }

    /// From inside an object to the value of this key.
    fn member(&mut self, key: &str) -> Option<()> {
        loop {
            self.blank();
            let start = self.at;
            self.string()?;
            let name: Option<String> = serde_json::from_slice(self.text.get(start..self.at)?).ok();
            self.expect(b':')?;
            self.blank();
            if name.as_deref() == Some(key) {
                return Some(());
            }
            self.value()?;
            self.expect(b',')?;
        }
    }

    /// From inside an array to its element of this number.
    fn element(&mut self, number: usize) -> Option<()> {
        for _ in 0..number {
            self.value()?;
            self.expect(b',')?;
        }
        self.blank();
        (self.peek()? != b']').then_some(())
    }

    /// Passes a string.
    fn string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.next().map(drop)?,
                _ => (),
            }
        }
    }

    /// Passes a value, whatever is inside.
    fn value(&mut self) -> Option<()> {
        self.blank();
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' if depth == 0 => return None,
                _ => {
                    self.at += 1;
                    // A number or a word ends where one of these begins.
                    let inside = |byte: u8| !byte.is_ascii_whitespace() && !matches!(byte, b',' | b']' | b'}' | b'"');
                    while depth == 0 && self.peek().is_some_and(inside) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_their_values() {
        let text = "{\n  \"a\": [1, {\"é/~\": \"x]\\\"\", \"b\": true}],\n  \"\": null, \"c\": {}\n}";
        for (pointer, place) in [
            ("", Some((1, 1))),
            ("/a", Some((2, 8))),
            ("/a/0", Some((2, 9))),
            ("/a/1", Some((2, 12))),
            ("/a/1/é~1~0", Some((2, 20))),
            ("/a/1/b", Some((2, 33))),
            ("/", Some((3, 7))),
            ("/c", Some((3, 18))),
            ("/a/2", None),
            ("/a/x", None),
            ("/a/0/0", None),
            ("/c/d", None),
            ("/d", None),
        ] {
            let expected = place.map(|(line, column)| Position { line, column });
            assert_eq!(position_of(text.as_bytes(), pointer), expected, "{pointer:?}");
        }
    }

    #[test]
    fn no_text_is_too_strange() {
        for text in ["", "{", "{\"a", "{\"a\":", "{\"a\\", "[", "[,", "[1", "}", "{,}", "\u{feff}{}", "{\"a\"1}"] {
            for pointer in ["/a", "/1", "/0/0", "/a/a"] {
                assert_eq!(position_of(text.as_bytes(), pointer), None, "{text} {pointer}");
            }
        }
        let deep = "[".repeat(1_000_000);
        assert_eq!(position_of(deep.as_bytes(), "/1"), None);
    }
}
