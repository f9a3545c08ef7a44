//! Authentication and authorization. A handler names the permission it needs in its signature: [`Needs`].

mod authenticator;
pub(super) mod caller;
mod failures;
mod tokens;

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, MatchedPath, OriginalUri};
use http::request::Parts;
use http::{StatusCode, header};
use sluice::domain::credentials::Permission;
use sluice::domain::scope::Environment;

use super::problem::Problem;

pub use authenticator::{Authenticator, Presented, TOKEN_SECONDS};
pub use caller::Caller;
use caller::insufficient_scope;
pub(crate) use failures::Source;
pub(crate) use tokens::Tokens;

impl<S> FromRequestParts<S> for Caller
where
    Arc<Authenticator>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // The first extractor of a request looks the caller up and counts the request; later ones get the same caller.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let authorization = authorization.ok_or_else(Problem::unauthorized)?.to_owned();
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
        let environment = Environment::of_path(path);
        let authenticator = Arc::<Authenticator>::from_ref(state);
        let Ok(source) = Source::from_request_parts(parts, state).await;
        let caller = authenticator.caller(&authorization, environment, source).await?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// A permission as a type.
pub trait Requirement: Send {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! requirements {
    ($($name:ident),+) => {
        $(
            #[doc = concat!("A handler that takes `Needs<", stringify!($name), ">` asks for this scope.")]
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl Requirement for $name {
                const PERMISSION: Permission = Permission::$name;
            }
        )+
    };
}

requirements!(
    EventsWrite,
    EventsRead,
    IntegrationsRead,
    IntegrationsWrite,
    PartnersRead,
    PartnersWrite,
    TransactionsRead,
    AutomationsRun,
    WebhooksRead,
    WebhooksWrite,
    PipelinesRead,
    PipelinesWrite,
    Admin
);

/// A caller with the permission `R`.
#[derive(Clone, Debug)]
pub struct Needs<R> {
    /// The caller.
    pub caller: Caller,
    permission: PhantomData<R>,
}

impl<S, R> FromRequestParts<S> for Needs<R>
where
    Arc<Authenticator>: FromRef<S>,
    S: Send + Sync,
    R: Requirement,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.permissions.allow(R::PERMISSION) {
            return Ok(Self { caller, permission: PhantomData });
        }
        Err(insufficient_scope(R::PERMISSION.as_str()))
    }
}

/// An admin of the operator's tenant, for endpoints that manage tenants. Others get 403, or 404 where the path names
/// one.
#[derive(Clone, Debug)]
pub struct Operator;

impl<S> FromRequestParts<S> for Operator
where
    Arc<Authenticator>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Needs::<Admin>::from_request_parts(parts, state).await?.caller;
        if caller.operator {
            return Ok(Self);
        }
        // For others, no tenant is there: one that they name is told apart from nothing.
        if parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str().contains('{')) {
            return Err(Problem::not_found());
        }
        let message = "Only the operator's admins can manage tenants.";
        Err(Problem::new(StatusCode::FORBIDDEN, "operator_only", message))
    }
}
