//! Other paths for the routes of the API, for apps whose addresses are known already and are to stay as they are.
//!
//! A path is exchanged before anything else looks at it, so an alias answers as its route does, refusals included.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Router, extract::Request, http::Uri, middleware};
use serde_json::{Value, json};

/// What stands between the parts of a path and its query.
const SEPARATORS: [char; 4] = ['/', '=', '&', '?'];

/// The aliases of an app.
#[derive(Debug, Clone, Default)]
pub struct Aliases(Arc<[Alias]>);

#[derive(Debug, Clone)]
struct Alias {
    from: String,
    to: String,
}

/// Why an alias cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAlias {
    /// There is nothing at the path that it leads to.
    #[error("{0} leads to {1}, which is no path of this app's OpenAPI document")]
    NoTarget(String, String),
    /// The path is a route's already, or could be that of an actor.
    #[error("{0} has a meaning already; an alias begins elsewhere than with /v1, and stands once")]
    Taken(String),
    /// The two do not name the same parts.
    #[error("{0} and {1} do not name the same parts in braces")]
    OtherParts(String, String),
}

impl Aliases {
    /// These paths, each with that for which it stands as the document of [`openapi`](super::docs::openapi) writes it. A query may follow it, such as
    /// `/v1/todo/{id}/events?after_seq={since}`. Of two that fit a request the first counts.
    ///
    /// # Errors
    /// [`BadAlias`]
    pub fn parse(pairs: &[(&str, &str)], document: &Value) -> Result<Self, BadAlias> {
        let mut aliases: Vec<Alias> = vec![];
        for (from, to) in pairs {
            let (text, target) = ((*from).to_owned(), (*to).to_owned());
            let is_taken = document["paths"].get(from).is_some() || aliases.iter().any(|alias| alias.from == *from);
            if is_taken || !from.starts_with('/') || from.starts_with("/v1/") || from.contains('?') {
                return Err(BadAlias::Taken(text));
            }
            if document["paths"].get(path(to)).is_none() {
                return Err(BadAlias::NoTarget(text, target));
            }
            if parts(from) != parts(to) {
                return Err(BadAlias::OtherParts(text, target));
            }
            aliases.push(Alias { from: text, to: target });
        }
        Ok(Self(aliases.into()))
    }

    /// This router, behind the aliases.
    pub(super) fn before(self, router: Router) -> Router {
        if self.0.is_empty() {
            return router;
        }
        // A layer around a router that has routes would run when one of them is chosen.
        let exchange = move |request| std::future::ready(self.exchange(request));
        Router::new().fallback_service(router).layer(middleware::map_request(exchange))
    }

    fn exchange(&self, mut request: Request) -> Request {
        if let Some(uri) = self.target(request.uri()) {
            *request.uri_mut() = uri;
        }
        request
    }

    fn target(&self, uri: &Uri) -> Option<Uri> {
        let mut target = self.0.iter().find_map(|alias| alias.fill(uri.path()))?;
        if let Some(query) = uri.query() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(query);
        }
        let mut uri = uri.clone().into_parts();
        uri.path_and_query = Some(target.parse().ok()?);
        Uri::from_parts(uri).ok()
    }

    /// Say in an OpenAPI document what stands at these paths: what stands at those for which they stand.
    pub fn list_in(&self, document: &mut Value) {
        for (nth, alias) in self.0.iter().enumerate() {
            let mut methods = document["paths"][path(&alias.to)].clone();
            for operation in methods.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
                alias.describe(nth + 1, operation);
            }
            document["paths"][&alias.from] = methods;
        }
    }
}

impl Alias {
    /// The path for which this one stands, if it is this alias's.
    fn fill(&self, path: &str) -> Option<String> {
        let (mut given, mut filled) = (path.split('/'), Vec::new());
        for part in self.from.split('/') {
            let given = given.next()?;
            match name(part) {
                Some(_) if !given.is_empty() => filled.push((part, given)),
                None if part == given => {}
                _ => return None,
            }
        }
        given.next().is_none().then(|| replaced(&self.to, &filled))
    }

    fn describe(&self, nth: usize, operation: &mut Value) {
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        operation["operationId"] = json!(format!("{}_{nth}", text(&operation["operationId"])));
        operation["summary"] = json!(format!("{}; stands for `{}`", text(&operation["summary"]), self.to));
        let (_, query) = self.to.split_once('?').unwrap_or_default();
        for (asked, part) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let parameters = operation["parameters"].as_array_mut().into_iter().flatten();
            let parameter = parameters.into_iter().find(|parameter| parameter["name"] == *asked);
            if let (Some(parameter), Some(name)) = (parameter, name(part)) {
                parameter["name"] = json!(name);
                parameter["in"] = json!("path");
                parameter["required"] = json!(true);
            }
        }
    }
}

fn path(to: &str) -> &str {
    to.split('?').next().unwrap_or_default()
}

/// The name of a part in braces.
/// The path with these parts filled in. What was given is not looked at again: it may look like a part itself.
fn replaced(path: &str, filled: &[(&str, &str)]) -> String {
    let fill = |piece: &str| {
        let part = piece.trim_end_matches(SEPARATORS);
        match filled.iter().find(|(name, _)| *name == part) {
            Some((_, given)) => format!("{given}{}", &piece[part.len()..]),
            None => piece.to_owned(),
        }
    };
    path.split_inclusive(SEPARATORS).map(fill).collect()
}

fn name(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

fn parts(path: &str) -> BTreeSet<&str> {
    path.split(SEPARATORS).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        let after = json!({ "name": "after_seq", "in": "query", "schema": { "type": "integer" } });
        let events = json!({ "operationId": "events_todo", "summary": "Read what happened", "parameters": [after] });
        json!({ "paths": { "/health": { "get": {} }, "/v1/todo/{id}/events": { "get": events } } })
    }

    const SINCE: (&str, &str) = ("/api/lists/{id}/events/{since}", "/v1/todo/{id}/events?after_seq={since}");

    fn target(uri: &str) -> Option<String> {
        let pairs = [("/api/health", "/health"), ("/api/lists/{id}/events", "/v1/todo/{id}/events"), SINCE];
        let aliases = Aliases::parse(&pairs, &document()).unwrap();
        aliases.target(&uri.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn a_path_becomes_that_for_which_it_stands() {
        for (asked, expected) in [
            ("/api/health", Some("/health")),
            ("/api/health?x=1", Some("/health?x=1")),
            ("/api/lists/a%2Fb/events?limit=2", Some("/v1/todo/a%2Fb/events?limit=2")),
            ("/api/lists/a/events/7?limit=2", Some("/v1/todo/a/events?after_seq=7&limit=2")),
            ("/api/lists/{since}/events/7", Some("/v1/todo/{since}/events?after_seq=7")),
            ("http://host/api/health", Some("http://host/health")),
            ("/api/lists//events", None),
            ("/api/health/", None),
            ("/api/lists/a/events/7/8", None),
            ("/health", None),
        ] {
            assert_eq!(target(asked).as_deref(), expected, "{asked}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |from: &str, to: &str| Aliases::parse(&[SINCE, (from, to)], &document()).unwrap_err();
        assert!(matches!(refused("/api/x", "/v1/nothing"), BadAlias::NoTarget(..)));
        assert!(matches!(refused("/api/x/{name}/events", "/v1/todo/{id}/events"), BadAlias::OtherParts(..)));
        for taken in ["/health", "/v1/todo/x", SINCE.0, "api", "/api?x={id}"] {
            assert!(matches!(refused(taken, "/health"), BadAlias::Taken(_)), "{taken}");
        }
    }

    #[test]
    fn the_document_says_what_stands_there() {
        let mut document = document();
        Aliases::parse(&[SINCE], &document).unwrap().list_in(&mut document);
        let operation = &document["paths"][SINCE.0]["get"];
        assert_eq!(operation["operationId"], "events_todo_1");
        assert_eq!(operation["summary"], format!("Read what happened; stands for `{}`", SINCE.1));
        let (name, place) = (&operation["parameters"][0]["name"], &operation["parameters"][0]["in"]);
        assert_eq!((name, place), (&json!("since"), &json!("path")));
    }
}
