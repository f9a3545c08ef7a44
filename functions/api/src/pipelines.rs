//! What the endpoints of pipelines share: pages by number, entity tags, errors.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice::domain::pipeline::config::{Config, Kind};
use sluice::domain::scope::Scope;
use sluice::engine::pipelines::Unacceptable;
use sluice::store::StoreError;
use sluice::store::pipelines::{Configs, CreateError, Kept};

use crate::http::auth::Caller;
use crate::http::problem::Problem;

const PAGE_SIZE: usize = 25;
const MAX_PAGE_SIZE: usize = 100;
const MAX_PAGE: usize = 10_000;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageNumber {
    /// From 1.
    #[param(minimum = 1, maximum = 10_000)]
    page: Option<u32>,
    /// 1 to 100, default 25.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<u32>,
}

/// A page and its size; pages count from 0.
pub(crate) type Place = (usize, usize);

impl PageNumber {
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        place(self.page, self.page_size)
    }
}

/// The page that is asked for.
pub(crate) fn place(page: Option<u32>, size: Option<u32>) -> Result<Place, Problem> {
    let page = page.unwrap_or(1) as usize;
    let size = size.map_or(PAGE_SIZE, |size| size as usize);
    if !(1..=MAX_PAGE).contains(&page) {
        return Err(Problem::field("?page", format!("must be 1 to {MAX_PAGE}")));
    }
    if !(1..=MAX_PAGE_SIZE).contains(&size) {
        return Err(Problem::field("?pageSize", format!("must be 1 to {MAX_PAGE_SIZE}")));
    }
    Ok((page - 1, size))
}

/// A page of a list.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paged<T> {
    items: Vec<T>,
    /// From 1.
    #[schema(minimum = 1, maximum = 10_000)]
    page: usize,
    #[schema(minimum = 1, maximum = 100)]
    page_size: usize,
    /// Of all pages.
    #[schema(minimum = 0, maximum = 20_000)]
    total: usize,
}

impl<T> Paged<T> {
    pub(crate) fn new(items: Vec<T>, (page, page_size): Place, total: usize) -> Json<Self> {
        Json(Self { items, page: page + 1, page_size, total })
    }

    /// A page of all of them.
    pub(crate) fn of<S: Into<T>>(all: Vec<S>, place @ (page, size): Place) -> Json<Self> {
        let total = all.len();
        let items = all.into_iter().skip(page.saturating_mul(size)).take(size).map(Into::into).collect();
        Self::new(items, place, total)
    }
}

/// A configuration with its entity tag, and where it is if it is new.
pub(crate) struct Tagged<T> {
    status: StatusCode,
    etag: String,
    location: Option<String>,
    body: T,
}

impl<T> Tagged<T> {
    /// One that is there.
    pub(crate) fn of<S: Clone>(config: Config<S>) -> Self
    where
        T: From<Config<S>>,
    {
        Self { status: StatusCode::OK, etag: config.etag(), location: None, body: config.into() }
    }

    /// One that is new, below that path.
    pub(crate) fn new<S: Clone>(caller: &Caller, path: &str, config: Config<S>) -> Self
    where
        T: From<Config<S>>,
    {
        let location = format!("{}/v1/{path}/{}", caller.scope.environment.path_prefix(), config.id);
        Self { status: StatusCode::CREATED, location: Some(location), ..Self::of(config) }
    }

    /// The same with a changed body.
    pub(crate) fn map<U>(self, body: impl FnOnce(T) -> U) -> Tagged<U> {
        Tagged { status: self.status, etag: self.etag, location: self.location, body: body(self.body) }
    }

    /// The same with a changed body, if it can be made.
    pub(crate) async fn try_map<U, E>(self, body: impl AsyncFnOnce(T) -> Result<U, E>) -> Result<Tagged<U>, E> {
        let Self { status, etag, location, body: own } = self;
        Ok(Tagged { status, etag, location, body: body(own).await? })
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.extend(HeaderValue::try_from(self.etag).ok().map(|etag| (ETAG, etag)));
        let location = self.location.and_then(|location| HeaderValue::try_from(location).ok());
        headers.extend(location.map(|location| (LOCATION, location)));
        response
    }
}

/// One of a kind.
pub(crate) async fn find<T: Kept>(configs: &Configs<T>, scope: &Scope, id: &str) -> Result<Config<T>, Problem> {
    configs.get(scope, id).await?.ok_or_else(Problem::not_found)
}

/// One of a kind, as the caller has read it: `If-Match` names its entity tag.
pub(crate) async fn matching<T: Kept>(
    configs: &Configs<T>,
    scope: &Scope,
    id: &str,
    headers: &HeaderMap,
) -> Result<Config<T>, Problem> {
    let config = find(configs, scope, id).await?;
    let Some(asked) = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) else {
        let message = "Send `If-Match` with the entity tag that was read.";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", message));
    };
    let own = config.etag();
    let matches = asked.split(',').map(str::trim).any(|tag| tag == "*" || tag == own);
    if matches { Ok(config) } else { Err(stale()) }
}

/// 412.
fn stale() -> Problem {
    let message = "It was changed since it was read. Read it again.";
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", message)
}

/// What a write over an earlier revision came to.
pub(crate) fn written(result: Result<(), StoreError>) -> Result<(), Problem> {
    match result {
        Err(StoreError::Conflict) => Err(stale()),
        other => Ok(other?),
    }
}

/// A configuration that was created.
pub(crate) fn created<T: Kind>(result: Result<Config<T>, CreateError>) -> Result<Config<T>, Problem> {
    match result {
        Ok(config) => Ok(config),
        Err(CreateError::LimitReached) => {
            let message = format!("There are {} already, which is the limit.", T::MAX);
            Err(Problem::bad_request("limit_exceeded", message))
        }
        // Ids are random.
        Err(CreateError::Exists) => Err(Problem::unavailable(&"an id was taken")),
        Err(CreateError::Store(error)) => Err(error.into()),
    }
}

/// 409 for what others need.
pub(crate) fn in_use(users: &[String]) -> Result<(), Problem> {
    if users.is_empty() {
        return Ok(());
    }
    let message = "It is in use.";
    Err(Problem::new(StatusCode::CONFLICT, "in_use", message).detail(json!({ "usedBy": users })))
}

impl From<Unacceptable> for Problem {
    fn from(error: Unacceptable) -> Self {
        match error {
            Unacceptable::Refused(refusal) => Self::of_refusal("", refusal),
            Unacceptable::Engine(error) => error.into(),
        }
    }
}
