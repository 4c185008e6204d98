//! The table of connections: its name, its keys, its index.

use std::error::Error;

use aws_sdk_dynamodb::{
    Client,
    operation::create_table::CreateTableError,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, TimeToLiveSpecification,
    },
};

/// The index by which the rows of a connection and those of a principal are found. Only rows with `f` are in it.
pub(crate) const FOUND: &str = "found";

/// What the table is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
}

impl Table {
    /// `PREFIX-connections`.
    pub fn named(prefix: &str) -> Self {
        Self { name: format!("{prefix}-connections") }
    }

    /// Make it unless it is there, on demand, with its index and its TTL: for emulators and first steps. What runs for long is made by whatever makes the rest of the
    /// account.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn create(&self, client: &Client) -> Result<(), Box<dyn Error + Send + Sync>> {
        let table = client.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        let table = ["p", "s", "f"].iter().fold(table, |table, name| table.attribute_definitions(attribute(name)));
        let table = table.key_schema(key("p", KeyType::Hash)).key_schema(key("s", KeyType::Range));
        match table.global_secondary_indexes(found()).send().await {
            Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {
                return Ok(());
            }
            made => drop(made?),
        }
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires").build()?;
        client.update_time_to_live().table_name(&self.name).time_to_live_specification(ttl).send().await?;
        Ok(())
    }
}

/// The whole rows: a second look at each in the table would cost as much again.
fn found() -> GlobalSecondaryIndex {
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    let index = GlobalSecondaryIndex::builder().index_name(FOUND).key_schema(key("f", KeyType::Hash));
    index.projection(all).build().expect("all is set")
}

fn attribute(name: &str) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
    attribute.build().expect("all is set")
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("all is set")
}
