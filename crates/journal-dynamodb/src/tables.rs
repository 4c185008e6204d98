//! The tables: names, keys, indexes.

use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::SdkError,
    operation::create_table::{CreateTableError, builders::CreateTableFluentBuilder},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
        StreamViewType,
    },
};

/// What the tables are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Runs, one item each. Its stream is what the index follows.
    pub journal: String,
    /// Snapshots, one item an actor.
    pub snapshots: String,
}

impl Tables {
    /// `PREFIX-journal` and so on.
    pub fn named(prefix: &str) -> Self {
        let name = |table: &str| format!("{prefix}-{table}");
        Self { journal: name("journal"), snapshots: name("snapshots") }
    }

    /// Make them, with what they need and no more: for emulators and first steps. What runs for long is made by whatever makes the rest of the account.
    ///
    /// # Errors
    /// What DynamoDB says; `ResourceInUseException` if one is there already.
    pub async fn create(&self, client: &Client) -> Result<(), Box<SdkError<CreateTableError, HttpResponse>>> {
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
        let stream = stream.build().expect("all is set");
        let journal = keyed(client, &self.journal, ("a", "S"), Some(("n", "N"))).stream_specification(stream);
        let snapshots = keyed(client, &self.snapshots, ("a", "S"), None);
        for table in [journal, snapshots] {
            table.send().await.map_err(Box::new)?;
        }
        Ok(())
    }
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
