//! A walk over every operation of the OpenAPI document: as a stranger, without credentials, without the scope, by the
//! wrong method, with a body of the wrong kind or size. What is added to the document is walked by itself.

mod fixtures;
mod operations;

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::Value;
use sluice::domain::credentials::Permission;

use crate::e2e::documents::is_signed;
use crate::support::{Api, Reply, shared};
use fixtures::{Fixtures, body, query, with_json};
use operations::{Operation, all, is_scoped, methods};

/// Calls an operation with a good body, where it takes one.
async fn call(api: &Api, operation: &Operation, path: &str) -> Result<Reply> {
    let send = |request| match operation.body {
        Some(_) => with_json(request, &body(&operation.id)),
        None => request,
    };
    api.send(operation.method.clone(), path, send).await
}

/// Sends what is refused twice: the second answer is RFC 9457's, and has the same facts.
async fn refused(
    api: &Api,
    (method, path): (&Method, &str),
    (status, code): (u16, &str),
    more: impl Fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Result<(Reply, Value)> {
    let place = || format!("{method} {path}");
    let problem = api.send(method.clone(), path, |r| more(r).header("accept", "application/problem+json")).await?;
    ensure!(problem.header("content-type") == "application/problem+json", "{}: {:?}", place(), problem.headers);
    let facts: Value = serde_json::from_slice(&problem.body).with_context(place)?;
    ensure!(facts["status"] == status && facts["error_code"] == code, "{}: {facts}", place());
    ensure!(facts["request_id"] == problem.header("x-request-id"), "{}: {facts}", place());
    let plain = api.send(method.clone(), path, more).await?;
    let error = plain.error(status, code).with_context(place)?;
    ensure!(error["details"] == facts["details"] && error["message"] == facts["detail"], "{}: {facts}", place());
    Ok((plain, error))
}

#[tokio::test]
async fn a_stranger_finds_nothing_of_anybody() -> Result<()> {
    let world = shared().await;
    let (owner, other) = (world.tenant().await?, world.tenant().await?);
    let operations: Vec<Operation> = all()?.into_iter().filter(|operation| !operation.is_open()).collect();
    let fixtures = Fixtures::make(&owner, &operations).await?;
    let path_of =
        |operation: &Operation| operation.filled(|parameter| fixtures.value(parameter)) + query(&operation.id);

    // The owner first: every cache is warm, and every fixture is what it says.
    let mut seen = Vec::new();
    for operation in operations.iter().filter(|operation| operation.reads()) {
        let (path, reply) = (path_of(operation), call(&owner.api, operation, &path_of(operation)).await?);
        // The transaction is no document's: `e2e::as2` looks at those.
        let has_none = reply.status == 404 && ["transactions.document", "transactions.mdn"].contains(&&*operation.id);
        ensure!(reply.status == 200 || has_none || is_the_operators(&reply), "{path}: {}", reply.text());
        if reply.status == 200 {
            seen.push((path, reply));
        }
    }

    // Who writes under a name of its own choice comes last: from then on it has something there.
    let (last, first): (Vec<&Operation>, Vec<_>) = operations.iter().partition(|operation| operation.makes_its_name());
    for (name, stranger) in [
        ("another tenant", other.api.clone()),
        ("its sandbox", other.api.sandbox()),
        ("the own sandbox", owner.api.sandbox()),
    ] {
        for operation in &first {
            let (path, reply) = (path_of(operation), call(&stranger, operation, &path_of(operation)).await?);
            let place = format!("{name}: {} {path}", operation.method);
            for value in fixtures.values() {
                let shown = operation.parameters().is_empty() && reply.text().contains(value);
                ensure!(!shown, "{place} shows {value}: {}", reply.text());
            }
            if !operation.parameters().is_empty() {
                let error = reply.error(404, "not_found").with_context(|| place.clone())?;
                ensure!(error["details"] == Value::Array(Vec::new()), "{place} tells more: {error}");
            }
        }
        for operation in &last {
            call(&stranger, operation, &path_of(operation)).await?;
        }
    }
    // And nothing of it changed anything.
    // The audit log has grown, and the token of a consumer's empty page moves on with the time.
    let moves = |path: &str| path.contains("audit-log") || path.contains("/consumers/");
    for (path, before) in seen.iter().filter(|(path, _)| !moves(path)) {
        let now = owner.api.get(path).await?;
        ensure!(
            (now.status, &now.body) == (before.status, &before.body),
            "{path}: {} then {}",
            before.text(),
            now.text()
        );
    }
    println!("walked {} operations with {} fixtures", operations.len(), fixtures.values().count());
    Ok(())
}

/// Tenants are made and listed by the operator alone: everybody else is told so.
fn is_the_operators(reply: &Reply) -> bool {
    reply.error(403, "operator_only").is_ok()
}

#[tokio::test]
async fn every_operation_asks_for_credentials_and_for_its_scope() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    for operation in all()? {
        let Some(scope) = &operation.scope else { continue };
        let path = operation.filled(|_| "x".to_owned());
        // A body that is not even JSON: nothing of it may be looked at before the caller is known.
        let broken = |request: reqwest::RequestBuilder| request.body("{broken");
        let others: Vec<&str> = Permission::ALL.iter().map(|p| p.as_str()).filter(|other| other != scope).collect();
        let limited = world.limited(&tenant, &others.join(" ")).await?;
        for sandbox in [false, true].into_iter().filter(|sandbox| !sandbox || is_scoped(&operation)) {
            let at = |api: &Api| if sandbox { api.sandbox() } else { api.clone() };
            let (reply, _) = refused(&at(&open), (&operation.method, &path), (401, "unauthorized"), broken).await?;
            let challenge = reply.header("www-authenticate");
            ensure!(challenge.contains("Bearer") && challenge.contains("ApiKey"), "{path}: {challenge}");
            let lacking = (403, "insufficient_scope");
            let (_, error) = refused(&at(&limited), (&operation.method, &path), lacking, broken).await?;
            ensure!(error["details"][0]["scope"] == scope.as_str(), "{} {path}: {error}", operation.method);
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_path_names_the_methods_it_takes() -> Result<()> {
    let open = shared().await.open()?;
    for (path, methods) in methods()? {
        let all = [Method::PUT, Method::DELETE, Method::PATCH, Method::POST, Method::GET];
        for method in all.into_iter().filter(|method| !methods.contains(method.as_str())) {
            let (reply, _) = refused(&open, (&method, &path), (405, "method_not_allowed"), |request| request).await?;
            let allow = reply.header("allow");
            ensure!(methods.iter().all(|method| allow.contains(method)), "{path} takes {methods:?} and says {allow}");
            ensure!(!allow.contains(method.as_str()), "{method} {path} is not allowed: {allow}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_body_is_of_the_right_kind_and_size() -> Result<()> {
    // Who may do all of them: it is the body that is refused.
    let operator = shared().await.operator()?;
    // The largest that any operation takes, and a byte.
    let large = vec![b' '; 5 * 1024 * 1024 + 1];
    // What is signed is read only if there is somebody who could have signed it. Documents are of any kind.
    let of_any_kind = |operation: &Operation| is_signed(&operation.id) || operation.id == "documents.create";
    let read = |operation: &Operation| operation.body.is_some() && !of_any_kind(operation);
    for operation in all()?.into_iter().filter(read) {
        let (at, path) = (&operation.method, operation.filled(|_| "x".to_owned()));
        let kind = (415, "unsupported_media_type");
        for wrong in ["text/plain", "application/xml", ""] {
            refused(&operator, (at, &path), kind, |r| r.header("content-type", wrong).body("{}")).await?;
        }
        let size = (413, "payload_too_large");
        let reply =
            refused(&operator, (at, &path), size, |r| r.header("content-type", "application/json").body(large.clone()));
        reply.await?;
    }
    Ok(())
}
