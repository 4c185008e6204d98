//! The HTTP API: one function that asks, and tokens from wherever they come.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::future::BoxFuture;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    fault::{Action, Fault},
    frame::Token,
    limits::{EXPIRY_MARGIN, REQUEST},
    storage::Guest,
    tls::Tls,
};

/// What an application's token provider may fail with.
pub type TokenError = Box<dyn std::error::Error + Send + Sync>;

/// Where tokens come from.
pub(crate) enum Source {
    /// A guest of this name.
    Guest(Option<String>),
    /// The application's own function.
    Provider(Box<dyn Fn() -> BoxFuture<'static, Result<String, TokenError>> + Send + Sync>),
}

pub(crate) struct Http {
    client: reqwest::Client,
    tls: Tls,
    endpoint: String,
    source: Source,
    guest: Mutex<Option<Guest>>,
    /// Its sockets are somebody else's, and a ticket opens one.
    by_ticket: AtomicBool,
    /// One at a time: a connect and a request that start together become one guest, not two.
    token: tokio::sync::Mutex<Option<Token>>,
}

/// What an earlier client of this endpoint learned.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) guest: Option<Guest>,
    pub(crate) by_ticket: bool,
}

/// A request about to be sent.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) key: Option<&'a str>,
}

impl Ask<'_> {
    pub(crate) fn new(method: Method, path: String) -> Self {
        Self { method, path, query: Vec::new(), body: None, key: None }
    }

    pub(crate) fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

impl Http {
    pub(crate) fn new(endpoint: String, tls: Tls, source: Source, kept: Known) -> Result<Self, Fault> {
        let client = tls.apply(reqwest::Client::builder().timeout(REQUEST).redirect(Policy::none())).build();
        let client = client.map_err(|error| Fault::local("no_http", error.to_string(), Action::Stop))?;
        let (guest, by_ticket) = (Mutex::new(kept.guest), AtomicBool::new(kept.by_ticket));
        Ok(Self { client, tls, endpoint, source, guest, by_ticket, token: tokio::sync::Mutex::new(None) })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(crate) fn guest(&self) -> Option<Guest> {
        self.guest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_by_ticket(&self) -> bool {
        self.by_ticket.load(Ordering::Relaxed)
    }

    /// Where a socket opens that is not the host's own, once. `None` if they are, or if the host knows of no tickets.
    pub(crate) async fn way(&self, token: &Token) -> Result<Option<String>, Fault> {
        #[derive(Deserialize)]
        struct Ticket {
            ticket: String,
            url: Option<String>,
        }
        let ask = Ask::new(Method::POST, "/v1/ticket".into());
        let way = match answer(self.send(&ask, Some(token)).await?).await {
            Ok(Ticket { ticket, url: Some(url) }) => Some(
                Url::parse_with_params(&url, [("token", ticket)])
                    .map_err(|error| Fault::unreachable(&error))?
                    .to_string(),
            ),
            Ok(Ticket { url: None, .. }) => None,
            Err(fault) if fault.action == Action::Stop => None,
            Err(fault) => return Err(fault),
        };
        self.by_ticket.store(way.is_some(), Ordering::Relaxed);
        Ok(way)
    }

    /// A token to connect with. `fresh` says that a host refused the last one.
    pub(crate) async fn fresh_token(&self, fresh: bool) -> Result<Token, Fault> {
        let mut held = self.token.lock().await;
        let token = match &self.source {
            Source::Provider(provider) => Token(provider().await.map_err(|error| token_failed(&error.to_string()))?),
            Source::Guest(name) => self.guest_token(name.as_deref(), fresh).await?,
        };
        Ok(held.insert(token).clone())
    }

    async fn guest_token(&self, name: Option<&str>, fresh: bool) -> Result<Token, Fault> {
        let good = |guest: &Guest| !fresh && u128::from(guest.expires_at) > now_ms() + EXPIRY_MARGIN.as_millis();
        if let Some(guest) = self.guest().filter(good) {
            return Ok(guest.token);
        }
        let mut ask = Ask::new(Method::POST, "/v1/guest".into());
        ask.body = Some(name.map_or_else(|| json!({}), |name| json!({ "name": name })).to_string().into_bytes());
        let guest: Guest = answer(self.send(&ask, None).await?).await?;
        *self.guest.lock().unwrap_or_else(PoisonError::into_inner) = Some(guest.clone());
        Ok(guest.token)
    }

    /// Ask the host. One that refuses the token is asked once more, with a fresh one.
    pub(crate) async fn request<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Fault> {
        let held = self.token.lock().await.clone();
        let token = match held {
            Some(token) => token,
            None => self.fresh_token(false).await?,
        };
        match answer(self.send(&ask, Some(&token)).await?).await {
            Err(fault) if fault.action == Action::SignIn => {
                let token = self.fresh_token(true).await?;
                answer(self.send(&ask, Some(&token)).await?).await
            }
            done => done,
        }
    }

    async fn send(&self, ask: &Ask<'_>, token: Option<&Token>) -> Result<Response, Fault> {
        let url = format!("{}{}", self.endpoint, ask.path);
        let url = Url::parse_with_params(&url, &ask.query).map_err(|error| Fault::unreachable(&error))?;
        let mut request = self.client.request(ask.method.clone(), url);
        if let Some(Token(token)) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = ask.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &ask.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        request.send().await.map_err(|error| Fault::unreachable(&error))
    }
}

async fn answer<T: DeserializeOwned>(response: Response) -> Result<T, Fault> {
    let status = response.status();
    if let Some(moved) = moved(status, response.headers()) {
        return Err(moved);
    }
    let bytes = response.bytes().await.map_err(|error| Fault::unreachable(&error))?;
    if !status.is_success() {
        return Err(refusal(status.as_u16(), &bytes));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("The host's answer is not what it should be: {error}");
        Fault::local("unexpected_answer", message, Action::Stop)
    })
}

/// Said, not followed: a socket cannot follow, and a token should not. Most often it is a proxy that wants `https://`.
pub(crate) fn moved(status: StatusCode, headers: &HeaderMap) -> Option<Fault> {
    let to = headers.get(LOCATION).filter(|_| status.is_redirection())?;
    let message =
        format!("The endpoint sends its clients on to {}: connect there.", String::from_utf8_lossy(to.as_bytes()));
    // A page that says "back soon" is a redirect for now.
    let for_good = matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
    Some(Fault::local("moved", message, if for_good { Action::Stop } else { Action::Retry }))
}

/// An answer without our error body comes from something between us and the host.
fn refusal(status: u16, bytes: &[u8]) -> Fault {
    #[derive(Deserialize)]
    struct Refused {
        error: Fault,
    }
    serde_json::from_slice(bytes).map(|refused: Refused| refused.error).unwrap_or_else(|_| {
        let message = format!("The answer was HTTP {status}.");
        Fault::local("unexpected_answer", message, Action::of_status(status))
    })
}

/// What an application's function fails with is its own; it may well work the next time.
fn token_failed(message: &str) -> Fault {
    Fault::local("token_failed", message, Action::Retry)
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// JSON of what an application hands in.
pub(crate) fn json_of(what: &str, value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::local("not_json", format!("A {what} must serialise to JSON: {error}"), Action::Stop))
}

/// An answer's view or event as the application's type.
pub(crate) fn typed<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, Fault> {
    T::deserialize(value).map_err(|error| {
        Fault::local("unexpected_shape", format!("The {what} does not fit its type: {error}"), Action::Stop)
    })
}
