//! Reads the top level of a JSON object without building it.
//!
//! The driver shares the cores with the server that it measures, so it may not spend more on a frame than the server
//! did. What it reads was just made by a serialiser; broken JSON ends the walk and the frame counts as nothing.

use memchr::memchr2;

/// The fields of an object, as written: strings keep their quotes.
pub struct Fields<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Of the object that `text` is.
    pub fn of(text: &'a [u8]) -> Self {
        let mut fields = Self { text, at: 0 };
        fields.space();
        // Anything but an object has no fields.
        if fields.peek() == Some(b'{') {
            fields.at += 1
        } else {
            fields.at = text.len()
        }
        fields
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Moves behind a string that starts here.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            let found = self.at + memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            if self.text[found] == b'"' {
                self.at = found + 1;
                return Some(());
            }
            self.at = found + 2;
        }
    }

    /// Moves behind an object or array that starts here.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        match self.peek()? {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            _ => {
                while self.peek().is_some_and(|byte| !matches!(byte, b',' | b'}') && !byte.is_ascii_whitespace()) {
                    self.at += 1;
                }
            }
        }
        Some(&self.text[start..self.at])
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.space();
        if self.peek()? == b',' {
            self.at += 1;
            self.space();
        }
        if self.peek()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        self.string()?;
        let key = &self.text[start..self.at - 1];
        self.space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.space();
        Some((key, self.value()?))
    }
}

/// The number that `value` is.
pub fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// The text that `value` is, if it is a string without escapes; ids, positions and etags have none.
pub fn text(value: &[u8]) -> Option<&str> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') { None } else { str::from_utf8(inner).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field that serde finds, with the same value.
    fn check(json: &str) {
        let whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        let mut seen = 0;
        for (key, value) in Fields::of(json.as_bytes()) {
            let value: serde_json::Value = serde_json::from_slice(value).unwrap();
            assert_eq!(whole.get(str::from_utf8(key).unwrap()), Some(&value), "{json}");
            seen += 1;
        }
        assert_eq!(seen, whole.len(), "{json}");
    }

    #[test]
    fn finds_the_same_top_level_as_serde() {
        check("{}");
        check(r#"{"n":17,"seq":5,"count":5}"#);
        check(r#" { "type" : "patch" , "ops" : [ {"op":"replace","path":"/count","value":3} ] , "x" : null } "#);
        check(r#"{"a":"quote \" and } and \\","b":{"type":"accepted","c":["]",{}]},"d":-1.5e3}"#);
    }

    #[test]
    fn broken_json_yields_what_came_before() {
        assert_eq!(Fields::of(br#"{"a":1,"b":"open"#).count(), 1);
        assert_eq!(Fields::of(b"[1,2]").count(), 0);
        assert_eq!(Fields::of(b"").count(), 0);
    }

    #[test]
    fn numbers_and_texts() {
        assert_eq!(number(b"412"), Some(412));
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
        assert_eq!(text(br#""1:412:9f86""#), Some("1:412:9f86"));
        assert_eq!(text(br#""a\nb""#), None);
    }
}
