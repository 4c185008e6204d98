//! The tables: names, keys, indexes.

use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::SdkError,
    operation::create_table::{CreateTableError, builders::CreateTableFluentBuilder},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, StreamSpecification, StreamViewType,
    },
};

use crate::index::row::Parts;

/// What the tables are called, and into how many parts the index falls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Runs, one item each. Its stream is what the index follows.
    pub journal: String,
    /// Snapshots, one item an actor.
    pub snapshots: String,
    /// Rows, open tasks, and what lists need.
    pub index: String,
    pub(crate) parts: Parts,
}

/// Partition keys of the index for each thing that is looked for: 4,000 rows a second may change. Each question is as many queries, which is two read units a
/// look at what is due.
const PARTS: u8 = 4;

impl Tables {
    /// `PREFIX-journal` and so on.
    pub fn named(prefix: &str) -> Self {
        let name = |table: &str| format!("{prefix}-{table}");
        Self { journal: name("journal"), snapshots: name("snapshots"), index: name("index"), parts: Parts(PARTS) }
    }

    /// The same with an index of so many parts: more of them take more changes, and make each question dearer. The index has to be written anew for
    /// another number.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn in_parts(self, parts: u8) -> Self {
        assert!(parts > 0, "an index has a part");
        Self { parts: Parts(parts), ..self }
    }

    /// Make those that are not there, with what they need and no more: for emulators and first steps. What runs for long is made by whatever makes the
    /// rest of the account.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn create(&self, client: &Client) -> Result<(), Box<SdkError<CreateTableError, HttpResponse>>> {
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
        let stream = stream.build().expect("all is set");
        let journal = keyed(client, &self.journal, ("a", "S"), Some(("n", "N"))).stream_specification(stream);
        let snapshots = keyed(client, &self.snapshots, ("a", "S"), None);
        let index = keyed(client, &self.index, ("p", "S"), Some(("s", "S")));
        let index = SECONDARY.iter().fold(index, |table, (name, hash, range, all)| {
            let table = if *range == "s" { table } else { table.attribute_definitions(attribute(range, "S")) };
            table
                .attribute_definitions(attribute(hash, "S"))
                .global_secondary_indexes(secondary(name, hash, range, *all))
        });
        for table in [journal, snapshots, index] {
            let is_there = |error: &SdkError<CreateTableError, _>| {
                error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception)
            };
            table
                .send()
                .await
                .map(drop)
                .or_else(|error| if is_there(&error) { Ok(()) } else { Err(Box::new(error)) })?;
        }
        Ok(())
    }
}

/// The secondary indexes of the table `index`: name, partition key, sort key, and whether they hold whole items. An item without the keys is in none.
const SECONDARY: [(&str, &str, &str, bool); 4] = [
    ("due", "wp", "ws", false),
    ("present", "op", "s", false),
    ("lists", "lp", "ls", true),
    ("ready", "kp", "ks", true),
];

fn secondary(name: &str, hash: &str, range: &str, all: bool) -> GlobalSecondaryIndex {
    let held = if all { ProjectionType::All } else { ProjectionType::KeysOnly };
    let index = GlobalSecondaryIndex::builder().index_name(name);
    let index = index.key_schema(key_element(hash, KeyType::Hash)).key_schema(key_element(range, KeyType::Range));
    index.projection(Projection::builder().projection_type(held).build()).build().expect("all is set")
}

fn keyed(client: &Client, name: &str, hash: (&str, &str), range: Option<(&str, &str)>) -> CreateTableFluentBuilder {
    let mut table = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in [(Some(hash), KeyType::Hash), (range, KeyType::Range)] {
        let Some((name, of)) = key else { continue };
        table = table.attribute_definitions(attribute(name, of)).key_schema(key_element(name, kind));
    }
    table
}

fn attribute(name: &str, of: &str) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::from(of));
    attribute.build().expect("all is set")
}

fn key_element(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("all is set")
}
