//! The rows of the table of connections.
//!
//! | row | `p` | `s` | `f` | what else |
//! |---|---|---|---|---|
//! | a connection | `c/ID` | `-` | `p/TENANT/PRINCIPAL` | who: `i`, `d`, `r`; `n` tenant, `b` token issued, `t` token expires, `o` outbox |
//! | somebody who watches | `a/TENANT/KIND/ID` | `v/ID` the view, `e/ID` events | `c/ID` | who: `i`, `d`, `r`; `w` since when |
//! | the mark of what was pushed | `a/TENANT/KIND/ID` | `-` | | `k` epoch, `l` after which commit, `m` up to which |
//! | a ticket that was used | `t/NAME` | `-` | | `c` the connection that has it |
//!
//! Who is the principal `i`, its name `d` and its roles `r`. `u` is when a row expires, in milliseconds; `expires` the same in seconds, for DynamoDB to delete it
//! some day after. `f` is the key of the index `found`. What stands before a slash holds none, so no two names share a key.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use aws_sdk_dynamodb::types::AttributeValue;
use dormouse_core::{Address, Name, Principal, Time, Viewer, frame::As};
use dormouse_engine::identity::Session;
use dormouse_lambda::{Connected, Pushed, Watching};

/// A row as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The sort key of a row that is the only one of its kind in its partition.
const ALONE: &str = "-";

pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Since TTL counts seconds and deletes from then on: the next whole one.
pub(crate) fn seconds(time: Time) -> AttributeValue {
    number(time.0.div_ceil(1_000))
}

pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn number_in(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn text_in<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn parsed<T: FromStr>(item: &Item, name: &str) -> Option<T> {
    text_in(item, name)?.parse().ok()
}

/// Whether a row still counts: DynamoDB may delete it days after it expired.
pub(crate) fn is_there(item: &Item, now: Time) -> bool {
    number_in(item, "u").is_some_and(|until| now.0 < until)
}

pub(crate) fn of_connection(connection: &str) -> AttributeValue {
    text(format!("c/{connection}"))
}

pub(crate) fn of_principal(tenant: &Name, principal: &str) -> AttributeValue {
    text(format!("p/{tenant}/{principal}"))
}

pub(crate) fn of_actor(address: &Address) -> AttributeValue {
    text(format!("a/{address}"))
}

pub(crate) fn connection_key(connection: &str) -> Item {
    item([("p", of_connection(connection)), ("s", text(ALONE))])
}

pub(crate) fn watching_key(address: &Address, connection: &str, of: As) -> Item {
    let of = match of {
        As::View => "v",
        As::Events => "e",
    };
    item([("p", of_actor(address)), ("s", text(format!("{of}/{connection}")))])
}

/// Who, in attributes.
pub(crate) fn who(viewer: &Viewer) -> [(&'static str, AttributeValue); 3] {
    let roles = viewer.roles.iter().map(text).collect();
    let principal = &viewer.principal;
    [("i", text(&principal.id)), ("d", text(&principal.name)), ("r", AttributeValue::L(roles))]
}

fn who_in(item: &Item) -> Option<Viewer> {
    let roles = item.get("r")?.as_l().ok()?.iter().map(|role| role.as_s().ok().cloned());
    let principal = Principal { id: text_in(item, "i")?.to_owned(), name: text_in(item, "d")?.to_owned() };
    Some(Viewer::new(principal, roles.collect::<Option<_>>()?))
}

pub(crate) fn ticket(name: &str, connection: &str, expires: Time) -> Item {
    item([
        ("p", text(format!("t/{name}"))),
        ("s", text(ALONE)),
        ("c", text(connection)),
        ("u", number(expires.0)),
        ("expires", seconds(expires)),
    ])
}

pub(crate) fn connected(row: &Connected) -> Item {
    let Session { viewer, tenant, issued, expires } = &row.session;
    let mut item = item([
        ("f", of_principal(tenant, &viewer.principal.id)),
        ("n", text(tenant)),
        ("b", number(issued.0)),
        ("t", number(expires.0)),
        ("o", text(&row.outbox)),
        ("u", number(row.expires.0)),
        ("expires", seconds(row.expires)),
    ]);
    item.extend(connection_key(&row.connection));
    item.extend(who(viewer).map(|(name, value)| (name.to_owned(), value)));
    item
}

/// What a row says of a connection; nothing if no program of ours wrote it.
pub(crate) fn connected_in(item: &Item) -> Option<Connected> {
    let time = |name| number_in(item, name).map(Time);
    let (issued, expires) = (time("b")?, time("t")?);
    let session = Session { viewer: who_in(item)?, tenant: parsed(item, "n")?, issued, expires };
    let (connection, outbox, expires) = (connection_in(item)?, parsed(item, "o")?, time("u")?);
    Some(Connected { connection, session, outbox, expires })
}

/// Of which connection the row of a connection is.
pub(crate) fn connection_in(item: &Item) -> Option<Arc<str>> {
    text_in(item, "p")?.strip_prefix("c/").map(Into::into)
}

/// What a row says of somebody who watches; nothing if no program of ours wrote it.
pub(crate) fn watching_in(item: &Item) -> Option<Watching> {
    let time = |name| number_in(item, name).map(Time);
    let (of, connection) = text_in(item, "s")?.split_once('/')?;
    let of = match of {
        "v" => As::View,
        "e" => As::Events,
        _ => return None,
    };
    let address = text_in(item, "p")?.strip_prefix("a/")?.parse().ok()?;
    let (viewer, since, expires) = (who_in(item)?, time("w")?, time("u")?);
    Some(Watching { address, connection: connection.into(), of, viewer, since, expires })
}

pub(crate) fn mark_key(address: &Address) -> Item {
    item([("p", of_actor(address)), ("s", text(ALONE))])
}

pub(crate) fn is_mark(item: &Item) -> bool {
    text_in(item, "s") == Some(ALONE)
}

/// The mark is among the rows of who watches, so that one query reads both.
pub(crate) fn mark(address: &Address, pushed: &Pushed) -> Item {
    let Pushed { epoch, after, upto, expires } = *pushed;
    let mut item = item([
        ("k", number(epoch.into())),
        ("l", number(after)),
        ("m", number(upto)),
        ("u", number(expires.0)),
        ("expires", seconds(expires)),
    ]);
    item.extend(mark_key(address));
    item
}

pub(crate) fn mark_in(item: &Item) -> Option<Pushed> {
    let (epoch, after, upto) = (number_in(item, "k")?, number_in(item, "l")?, number_in(item, "m")?);
    Some(Pushed { epoch: epoch.try_into().ok()?, after, upto, expires: Time(number_in(item, "u")?) })
}
