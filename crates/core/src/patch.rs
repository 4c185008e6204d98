//! RFC 6902 patches from one compact JSON text to the next, without building either.
//!
//! Both texts are walked side by side and equal spans are skipped by comparing bytes: a tenth of the memory and a third of the time of
//! a diff over values. Only `add`, `remove` and `replace` are emitted.

use std::collections::BTreeMap;

/// The operations that turn `old` into `new`, as a JSON array; `None` when they would be longer than half of `new`,
/// so that the whole view is the better frame. Both must be compact JSON as `serde_json` writes it.
pub fn diff(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let mut patch = Patch { ops: vec![b'['], path: Vec::new(), bytes_max: new.len() / 2 };
    let complete = patch.value(old, new);
    patch.ops.push(b']');
    (complete && patch.ops.len() <= patch.bytes_max.max(2)).then_some(patch.ops)
}

struct Patch {
    ops: Vec<u8>,
    /// The JSON pointer of the place, as it stands inside a JSON string.
    path: Vec<u8>,
    bytes_max: usize,
}

impl Patch {
    /// Returns false as soon as the patch is too long to be worth it.
    fn value(&mut self, old: &[u8], new: &[u8]) -> bool {
        if old == new {
            return true;
        }
        match (old.first(), new.first()) {
            (Some(b'{'), Some(b'{')) => self.object(old, new),
            (Some(b'['), Some(b'[')) => self.array(old, new),
            _ => self.op("replace", Some(new)),
        }
    }

    fn object(&mut self, old: &[u8], new: &[u8]) -> bool {
        let (before, length) = (self.ops.len(), self.path.len());
        if let Some(complete) = self.same_keys(old, new) {
            return complete;
        }
        // What was said of the keys before the first that differ is said again.
        self.ops.truncate(before);
        self.path.truncate(length);
        let (old, new): (Vec<_>, Vec<_>) = (Entries::of(old).collect(), Entries::of(new).collect());
        let before: BTreeMap<&[u8], &[u8]> = old.iter().copied().collect();
        let after: BTreeMap<&[u8], &[u8]> = new.iter().copied().collect();
        let gone = old.iter().filter(|(key, _)| !after.contains_key(key));
        gone.into_iter().all(|(key, _)| self.inside(key, |patch| patch.op("remove", None)))
            && new.iter().all(|(key, value)| {
                self.inside(key, |patch| match before.get(key) {
                    Some(was) => patch.value(was, value),
                    None => patch.op("add", Some(value)),
                })
            })
    }

    /// Most objects keep their keys, as those of types do. `None` if these do not.
    fn same_keys(&mut self, old: &[u8], new: &[u8]) -> Option<bool> {
        let mut new = Entries::of(new);
        for (key, was) in Entries::of(old) {
            let (same, value) = new.next_like(was)?;
            if same != key {
                return None;
            }
            if !self.inside(key, |patch| patch.value(was, value)) {
                return Some(false);
            }
        }
        new.next().is_none().then_some(true)
    }

    fn array(&mut self, old: &[u8], new: &[u8]) -> bool {
        let (mut old, mut new) = (Entries::of(old), Entries::of(new));
        let at = |index: usize| index.to_string().into_bytes();
        for i in 0.. {
            match old.next() {
                Some((_, was)) => match new.next_like(was) {
                    Some((_, value)) if was == value => {}
                    Some((_, value)) if self.inside(&at(i), |patch| patch.value(was, value)) => {}
                    Some(_) => return false,
                    None => {
                        let last = i + old.count();
                        return (i..=last).rev().all(|i| self.inside(&at(i), |patch| patch.op("remove", None)));
                    }
                },
                None => {
                    return new
                        .zip(i..)
                        .all(|((_, value), i)| self.inside(&at(i), |patch| patch.op("add", Some(value))));
                }
            }
        }
        unreachable!("one of the arrays ends first")
    }

    /// Do something one step further down. `key` is as it stands inside a JSON string; escapes hold no `~` and no `/`.
    fn inside(&mut self, key: &[u8], act: impl FnOnce(&mut Self) -> bool) -> bool {
        let length = self.path.len();
        self.path.push(b'/');
        for &byte in key {
            match byte {
                b'~' => self.path.extend_from_slice(b"~0"),
                b'/' => self.path.extend_from_slice(b"~1"),
                _ => self.path.push(byte),
            }
        }
        let complete = act(self);
        self.path.truncate(length);
        complete
    }

    fn op(&mut self, op: &str, value: Option<&[u8]>) -> bool {
        if self.ops.last().is_some_and(|last| *last == b'}') {
            self.ops.push(b',');
        }
        self.ops.extend_from_slice(b"{\"op\":\"");
        self.ops.extend_from_slice(op.as_bytes());
        self.ops.extend_from_slice(b"\",\"path\":\"");
        self.ops.extend_from_slice(&self.path);
        self.ops.push(b'"');
        if let Some(value) = value {
            self.ops.extend_from_slice(b",\"value\":");
            self.ops.extend_from_slice(value);
        }
        self.ops.push(b'}');
        self.ops.len() <= self.bytes_max
    }
}

/// The entries of a compact object or array: (key inside its quotes, value). Array entries have an empty key.
struct Entries<'a> {
    json: &'a [u8],
    at: usize,
    keyed: bool,
}

impl<'a> Entries<'a> {
    fn of(json: &'a [u8]) -> Self {
        Self { json, at: 1, keyed: json[0] == b'{' }
    }

    /// The next entry; where its value has the bytes of `other`, its end is known without looking for it.
    fn next_like(&mut self, other: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
        let key = self.next_key()?;
        let rest = &self.json[self.at..];
        // A number may be the beginning of a longer one.
        let is_same = rest.starts_with(other) && matches!(rest.get(other.len()), None | Some(b',' | b'}' | b']'));
        let end = if is_same { self.at + other.len() } else { end_of(self.json, self.at) };
        Some((key, self.value_to(end)))
    }

    /// Steps over the next key. An entry of an array has an empty one.
    fn next_key(&mut self) -> Option<&'a [u8]> {
        if matches!(self.json.get(self.at), None | Some(b'}' | b']')) {
            return None;
        }
        if !self.keyed {
            return Some(&[]);
        }
        let end = end_of_string(self.json, self.at);
        let key = &self.json[self.at + 1..end - 1];
        self.at = end + 1;
        Some(key)
    }

    fn value_to(&mut self, end: usize) -> &'a [u8] {
        let value = &self.json[self.at..end];
        self.at = if self.json.get(end) == Some(&b',') { end + 1 } else { end };
        value
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.next_key()?;
        let end = end_of(self.json, self.at);
        Some((key, self.value_to(end)))
    }
}

/// Where the value that begins at `start` ends.
fn end_of(json: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at < json.len() {
        match json[at] {
            b'"' => at = end_of_string(json, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b'}' | b']' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(json.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn text(json: &str) -> Vec<u8> {
        json.as_bytes().to_vec()
    }

    #[test]
    fn only_what_changed_is_said() {
        let old =
            text(r#"{"title":"Saturday market","items":{"1":{"done":false},"2":{"done":true}},"pending_count":1}"#);
        let new =
            text(r#"{"title":"Saturday market","items":{"1":{"done":true},"2":{"done":true}},"pending_count":0}"#);
        let ops = String::from_utf8(diff(&old, &old).unwrap()).unwrap();
        assert_eq!(ops, "[]");
        assert_eq!(diff(&old, &new), None, "longer than half of this small view");
        let mut patch = Patch { ops: vec![], path: vec![], bytes_max: 1000 };
        assert!(patch.value(&old, &new));
        assert_eq!(
            String::from_utf8(patch.ops).unwrap(),
            r#"{"op":"replace","path":"/items/1/done","value":true},{"op":"replace","path":"/pending_count","value":0}"#
        );
    }

    #[test]
    fn a_value_that_only_begins_like_the_old_one_is_another() {
        for (old, new, ops) in [
            ("[1]", "[12]", r#"{"op":"replace","path":"/0","value":12}"#),
            (r#"{"n":-1}"#, r#"{"n":-10}"#, r#"{"op":"replace","path":"/n","value":-10}"#),
            ("[1,2,3]", "[1]", r#"{"op":"remove","path":"/2"},{"op":"remove","path":"/1"}"#),
            ("[1]", "[1,2,3]", r#"{"op":"add","path":"/1","value":2},{"op":"add","path":"/2","value":3}"#),
            (r#"{"a":1,"b":1}"#, r#"{"a":2}"#, r#"{"op":"remove","path":"/b"},{"op":"replace","path":"/a","value":2}"#),
        ] {
            let mut patch = Patch { ops: vec![], path: vec![], bytes_max: 1000 };
            assert!(patch.value(old.as_bytes(), new.as_bytes()));
            assert_eq!(String::from_utf8(patch.ops).unwrap(), ops);
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9i64..9).prop_map(Value::from),
            "[a-c~/\"\\\\é\n]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c~/\"\\\\é]{0,2}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_patch_applied_gives_the_new_text(old in json(), new in json()) {
            let (old_text, new_text) = (serde_json::to_vec(&old).unwrap(), serde_json::to_vec(&new).unwrap());
            let mut patch = Patch { ops: vec![b'['], path: vec![], bytes_max: usize::MAX };
            prop_assert!(patch.value(&old_text, &new_text));
            patch.ops.push(b']');
            let ops: json_patch::Patch = serde_json::from_slice(&patch.ops).unwrap();
            let mut value = old;
            json_patch::patch(&mut value, &ops).unwrap();
            prop_assert_eq!(value, new);
        }
    }
}
