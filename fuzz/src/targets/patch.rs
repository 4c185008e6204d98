//! Patches of views: `apply(diff(a, b), a) == b`, and never longer than half of `b`.

use dormouse_core::{patch::diff, strict};
use serde_json::{Value, json};

use crate::text::{number, text};

/// Two lines are two views. One is a view, and the other is made from it by a small change that the input chooses.
pub fn patch(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    let Some(old) = view(one) else { return };
    let given = view(other);
    let new = given.clone().unwrap_or_else(|| changed(&old, number(data)));
    between(&old, &new);
    between(&new, &old);
    // Small views are sent whole; inside a large one each change is worth saying.
    let padding = "x".repeat(8 * text.len() + 300);
    let padded = |value: &Value| json!({ "of": value, "padding": &padding });
    let (there, back) = (between(&padded(&old), &padded(&new)), between(&padded(&new), &padded(&old)));
    assert!(given.is_some() || there && back, "a small change of a large view has a patch, and so has the way back");
}

/// Views are no deeper than what comes in, and their numbers are exact.
fn view(text: &str) -> Option<Value> {
    strict::check(text.as_bytes()).ok()?;
    serde_json::from_str(text).ok()
}

/// Whether there is a patch.
fn between(old: &Value, new: &Value) -> bool {
    let (old_text, new_text) = (compact(old), compact(new));
    let Some(ops) = diff(&old_text, &new_text) else { return false };
    assert!(ops.len() <= (new_text.len() / 2).max(2), "the whole view is shorter");
    let ops: json_patch::Patch = serde_json::from_slice(&ops).expect("a patch is a list of operations");
    let mut value = old.clone();
    json_patch::patch(&mut value, &ops).expect("a patch fits what it was made for");
    assert_eq!(&value, new, "the view after the patch");
    true
}

fn compact(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("it was JSON")
}

/// The same view with one of its values replaced, gone, or followed by another.
fn changed(value: &Value, choice: u64) -> Value {
    let mut new = value.clone();
    change(&mut new, choice);
    new
}

fn change(value: &mut Value, choice: u64) {
    let (what, which) = (choice % 4, (choice / 4) as usize);
    let next = |of: usize| (which / of) as u64 + 1;
    match value {
        Value::Array(items) if what > 0 && !items.is_empty() => {
            let length = items.len();
            change(&mut items[which % length], next(length));
        }
        Value::Array(items) => items.push(Value::from(which % 9)),
        Value::Object(fields) if what > 0 && !fields.is_empty() => {
            let length = fields.len();
            let key = fields.keys().nth(which % length).cloned().expect("one of its keys");
            match fields.get_mut(&key) {
                Some(field) if what > 1 => change(field, next(length)),
                _ => drop(fields.remove(&key)),
            }
        }
        Value::Object(fields) => drop(fields.insert(["", "a/b", "~", "\"", "é"][which % 5].to_owned(), Value::Null)),
        leaf => *leaf = [Value::Null, Value::from(1), Value::from("~/\"\\")][which % 3].clone(),
    }
}
