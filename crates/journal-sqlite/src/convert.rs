//! Between the engine's types and SQLite's: numbers are signed there, names and hashes are checked on the way back.

use dormouse_core::{Address, Hash, Name, Time};
use rusqlite::{Row, types::Type};

/// A number as SQLite keeps it. What does not fit (the end of time) becomes the highest that does.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that must not be negative.
pub(crate) fn nat(number: i64) -> rusqlite::Result<u64> {
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))
}

pub(crate) fn nat_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    nat(row.get(column)?)
}

pub(crate) fn time_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Time> {
    nat_at(row, column).map(Time)
}

pub(crate) fn epoch_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    row.get(column)
}

pub(crate) fn hash_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    row.get(column).map(Hash)
}

/// The address in three columns from `column` on.
pub(crate) fn address_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Address> {
    let name = |column| -> rusqlite::Result<Name> {
        let text = row.get_ref(column)?.as_str().map_err(|error| unusable(column, error))?;
        text.parse().map_err(|error| unusable(column, error))
    };
    Ok(Address { tenant: name(column)?, kind: name(column + 1)?, id: name(column + 2)? })
}

/// A text that is not what was written there.
pub(crate) fn unusable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// The columns of an address as parameters.
pub(crate) fn texts(address: &Address) -> (&str, &str, &str) {
    (address.tenant.as_str(), address.kind.as_str(), address.id.as_str())
}
