//! Images of the stream as Lambda gives them, and what each tells: attributes are JSON objects of their type and value, bytes in base64.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use dormouse_core::Address;
use serde_json::Value;

use crate::items::{Item, Lesson, number_in, text_in};

/// An item of the table of runs, as JSON has it. `None` if some attribute is of a type that these items have none of.
pub fn item_from_json(image: &Value) -> Option<Item> {
    image.as_object()?.iter().map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

fn attribute(value: &Value) -> Option<AttributeValue> {
    let (kind, value) = value.as_object().filter(|object| object.len() == 1)?.iter().next()?;
    let text = value.as_str()?;
    match kind.as_str() {
        "S" => Some(AttributeValue::S(text.to_owned())),
        "N" => Some(AttributeValue::N(text.to_owned())),
        "B" => BASE64_STANDARD.decode(text).ok().map(|bytes| AttributeValue::B(Blob::new(bytes))),
        _ => None,
    }
}

/// What an item tells who follows the stream: commits of an actor, or none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whose.
    pub address: Address,
    /// In which life of its history.
    pub epoch: u32,
    /// The commit before the first of them.
    pub after: u64,
    /// The last of them.
    pub upto: u64,
    /// Whether they set a wake or open tasks.
    pub asks: bool,
}

/// An image that does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an image of the stream is damaged: {what}")]
pub struct Untold {
    /// Whose it is, and the commit before the first of its commits, if its key reads.
    pub of: Option<(Address, u64)>,
    /// What is wrong.
    pub what: &'static str,
}

impl Told {
    /// What this image tells.
    ///
    /// # Errors
    /// [`Untold`]: nothing can be absorbed of it.
    pub fn read(image: &Value) -> Result<Self, Untold> {
        let of = || {
            let key: Item = [("a", &image["a"]), ("n", &image["n"])]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), attribute(value)?)))
                .collect();
            let first: u64 = number_in(&key, "n")?;
            Some((text_in(&key, "a")?.parse().ok()?, first.checked_sub(1)?))
        };
        let untold = |what| Untold { of: of(), what };
        let item = item_from_json(image).ok_or_else(|| untold("an attribute"))?;
        let Lesson { address, place, change, .. } = Lesson::read(&item).map_err(|bad| untold(bad.what))?;
        let asks = change.wake.flatten().is_some() || !change.opened.is_empty();
        let after = place.first.checked_sub(1).ok_or_else(|| untold("the place of a run"))?;
        Ok(Self { address, epoch: place.head.epoch, after, upto: place.head.seq, asks })
    }
}

#[cfg(test)]
mod tests {
    use dormouse_core::Time;
    use dormouse_journal::{IndexChange, Run, conformance::sample::Writer};
    use serde_json::json;

    use super::*;
    use crate::items::{of_mark, of_run};

    fn json_of(item: &Item) -> Value {
        let attribute = |value: &AttributeValue| match value {
            AttributeValue::S(text) => json!({ "S": text }),
            AttributeValue::N(number) => json!({ "N": number }),
            AttributeValue::B(bytes) => json!({ "B": BASE64_STANDARD.encode(bytes) }),
            other => panic!("no item has {other:?}"),
        };
        item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
    }

    fn run(index: IndexChange) -> Run {
        let mut writer = Writer::new("main/todo/a");
        writer.run(4);
        Run { index, ..writer.run(3) }
    }

    #[test]
    fn an_image_reads_back_from_json() {
        let run = run(IndexChange { present: Some(true), ..IndexChange::default() });
        let (whole, mark) = (of_run(&run), of_mark(&run.address, &run.head, 9));
        for item in [&whole, &mark] {
            assert_eq!(item_from_json(&json_of(item)).as_ref(), Some(item));
        }
        let told = Told { address: run.address.clone(), epoch: 1, after: 4, upto: 7, asks: false };
        assert_eq!(Told::read(&json_of(&whole)), Ok(told.clone()));
        assert_eq!(Told::read(&json_of(&mark)), Ok(Told { epoch: 9, after: 7, upto: 7, ..told }));
    }

    #[test]
    fn who_sets_a_wake_asks_and_who_takes_it_away_does_not() {
        let asks = |wake| {
            let run = run(IndexChange { wake: Some(wake), ..IndexChange::default() });
            Told::read(&json_of(&of_run(&run))).unwrap().asks
        };
        assert!(asks(Some(Time(5))) && !asks(None));
    }

    #[test]
    fn of_what_is_damaged_the_key_may_read() {
        let whole = json_of(&of_run(&run(IndexChange::default())));
        let of = Some(("main/todo/a".parse().unwrap(), 4));
        for (name, value) in [
            ("r", json!({ "B": "AQID" })),
            ("r", json!({ "B": "*" })),
            ("h", json!({ "BOOL": true })),
            ("h", json!(null)),
            ("c", json!({ "N": "x" })),
            ("more", json!({ "S": "a", "N": "1" })),
        ] {
            let mut image = whole.clone();
            image[name] = value;
            assert_eq!(Told::read(&image).unwrap_err().of, of, "{image}");
        }
        for (name, value) in [("a", json!({ "S": "main" })), ("n", json!({ "N": "0" })), ("n", json!(null))] {
            let mut image = whole.clone();
            image[name] = value;
            assert_eq!(Told::read(&image).unwrap_err().of, None, "{image}");
        }
        assert_eq!(Told::read(&json!(null)).unwrap_err().of, None);
    }
}
