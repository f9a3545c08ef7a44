//! The routes of every face: how endpoints find and make them.

use http::{HeaderName, StatusCode, header};
use sluice::domain::face::FaceKind;
use sluice::domain::route::{Draft, Route, RouteKey};
use sluice::domain::scope::{Environment, Scope};
use sluice::engine::lifecycle::{Lifecycle, LifecycleError};
use sluice::store::routes::{CreateError, Routes};

use crate::http::problem::Problem;

/// A face's words for a route that cannot be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// What a route of this face is called, with its article.
    pub(crate) noun: &'static str,
    /// The error code where the id is taken.
    pub(crate) exists: &'static str,
    /// The error code where there are too many.
    pub(crate) limit: &'static str,
}

/// The route of that face and id.
///
/// # Errors
/// 404.
pub(crate) async fn find(routes: &Routes, scope: &Scope, face: FaceKind, id: &str) -> Result<Route, Problem> {
    routes.get(scope, &RouteKey::new(face, id)).await?.ok_or_else(Problem::not_found)
}

/// The routes of a face, by their ids.
///
/// # Errors
/// The database's.
pub(crate) async fn list(routes: &Routes, scope: &Scope, face: FaceKind) -> Result<Vec<Route>, Problem> {
    let routes = routes.list(scope).await?;
    Ok(routes.into_iter().filter(|route| route.face.kind() == face).collect())
}

/// Makes a route; it runs at once.
///
/// # Errors
/// 409 where its id is taken, 400 where there are too many.
pub(crate) async fn create(lifecycle: &Lifecycle, scope: &Scope, draft: Draft, words: Words) -> Result<Route, Problem> {
    let limit = draft.face.kind().limit();
    lifecycle.create(scope, draft).await.map_err(|error| match error {
        LifecycleError::Create(CreateError::Exists) => {
            let message = format!("{} with this id already exists.", words.noun);
            Problem::new(StatusCode::CONFLICT, words.exists, message)
        }
        LifecycleError::Create(CreateError::LimitReached) => {
            Problem::bad_request(words.limit, format!("There are {limit} of these already, which is the limit."))
        }
        LifecycleError::Create(CreateError::Store(error)) => error.into(),
        LifecycleError::Engine(error) => error.into(),
    })
}

/// The path of a resource in the caller's environment.
#[must_use]
pub(crate) fn location(scope: &Scope, path: &str) -> [(HeaderName, String); 1] {
    let prefix = match scope.environment {
        Environment::Production => "",
        Environment::Sandbox => "/sandbox",
    };
    [(header::LOCATION, format!("{prefix}{path}"))]
}
