//! Configurations: entity tags, pages, masks, what needs what, tests, previews.

use anyhow::{Context as _, Result, ensure};
use axum::http::Method;
use serde_json::{Value, json};

use super::{id, load, make, mapping, pipeline, profile};
use crate::support::{Api, Reply, Shop, shared};

const PATHS: [&str; 4] = ["/v1/connection-profiles", "/v1/mapping-configurations", "/v1/instances", "/v1/schedules"];

pub(super) async fn put(api: &Api, path: &str, etag: &str, body: &Value) -> Result<Reply> {
    api.send(Method::PUT, path, |request| {
        request.header("if-match", etag).header("content-type", "application/json").body(body.to_string())
    })
    .await
}

async fn delete(api: &Api, path: &str, etag: &str) -> Result<Reply> {
    api.send(Method::DELETE, path, |request| request.header("if-match", etag)).await
}

#[tokio::test]
async fn each_kind_is_written_over_what_was_read() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let schedule = json!({"instanceId": instance, "entityType": "order", "cron": "0 0 1 1 *"});
    make(api, "/v1/schedules", &schedule).await?;
    for path in PATHS {
        let page = api.get(path).await?.json(200)?;
        let first = page["items"][0].clone();
        let one = format!("{path}/{}", id(&first)?);
        let reply = api.get(&one).await?;
        let (etag, mut body) = (reply.header("etag").to_owned(), reply.json(200)?);
        ensure!(!etag.is_empty(), "{path} has no entity tag");
        for name in ["id", "createdAt", "updatedAt", "effectiveStatus", "lastRun", "nextRun", "lastCorrelationId"] {
            body.as_object_mut().context("an object")?.remove(name);
        }
        api.put(&one, &body).await?.error(428, "precondition_required")?;
        put(api, &one, "\"999\"", &body).await?.error(412, "precondition_failed")?;
        let changed = put(api, &one, &etag, &body).await?;
        changed.json(200)?;
        ensure!(changed.header("etag") != etag, "{path}: the entity tag stays");
        put(api, &one, &etag, &body).await?.error(412, "precondition_failed")?;
        put(api, &one, "*", &body).await?.json(200)?;
        api.delete(&one).await?.error(428, "precondition_required")?;
        delete(api, &one, &etag).await?.error(412, "precondition_failed")?;
        put(api, &format!("{path}/none"), "*", &body).await?.error(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test]
async fn lists_have_pages_and_totals() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(make(api, "/v1/connection-profiles", &profile("http://127.0.0.1:9")).await?);
    }
    let mut seen = Vec::new();
    for page in 1..=4 {
        let list = api.get(&format!("/v1/connection-profiles?page={page}&pageSize=2")).await?.json(200)?;
        ensure!(list["total"] == 7 && list["page"] == page && list["pageSize"] == 2, "{list}");
        for item in list["items"].as_array().context("items")? {
            seen.push(id(item)?);
        }
    }
    ensure!(seen == made, "{seen:?}");
    let beyond = api.get("/v1/connection-profiles?page=10000&pageSize=100").await?.json(200)?;
    ensure!(beyond["items"] == json!([]), "{beyond}");
    for (query, pointer) in
        [("page=0", "?page"), ("page=10001", "?page"), ("pageSize=0", "?pageSize"), ("pageSize=101", "?pageSize")]
    {
        ensure!(api.get(&format!("/v1/connection-profiles?{query}")).await?.pointers()? == [pointer]);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_needed_is_not_deleted() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let (from, to) = (Shop::open(0).await?, Shop::open(0).await?);
    let instance = pipeline(api, &from, &to, json!({})).await?;
    let schedule = json!({"instanceId": instance, "entityType": "order", "cron": "0 0 1 1 *"});
    let schedule = make(api, "/v1/schedules", &schedule).await?;
    let shown = api.get(&format!("/v1/instances/{instance}")).await?.json(200)?;
    ensure!(shown["effectiveStatus"] == "active", "{shown}");
    let source = format!("/v1/connection-profiles/{}", shown["sourceProfileId"].as_str().context("an id")?);
    let used = delete(api, &source, "*").await?.error(409, "in_use")?;
    ensure!(used["details"][0]["usedBy"] == json!([instance]), "{used}");
    let map = &shown["mappings"][0]["mappingConfigurationId"];
    let map = format!("/v1/mapping-configurations/{}", map.as_str().context("an id")?);
    delete(api, &map, "*").await?.error(409, "in_use")?;
    delete(api, &format!("/v1/instances/{instance}"), "*").await?.error(409, "in_use")?;
    let mut disabled = profile(&from.url());
    disabled["enabled"] = json!(false);
    put(api, &source, "*", &disabled).await?.json(200)?;
    let shown = api.get(&format!("/v1/instances/{instance}")).await?.json(200)?;
    ensure!(shown["effectiveStatus"] == "dependencyInactive", "{shown}");
    let off = api.act(&format!("/v1/instances/{instance}/deactivate")).await?.json(200)?;
    ensure!(off["effectiveStatus"] == "inactive", "{off}");
    for path in [format!("/v1/schedules/{schedule}"), format!("/v1/instances/{instance}"), source, map] {
        delete(api, &path, "*").await?.empty(204)?;
        api.get(&path).await?.error(404, "not_found")?;
    }
    Ok(())
}

#[tokio::test]
async fn secrets_are_masked_and_kept() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let mut body = profile("http://127.0.0.1:9");
    body["connection"]["auth"] = json!({"type": "bearer", "token": "very-secret-token"});
    let made = api.post("/v1/connection-profiles", &body).await?;
    let one = format!("/v1/connection-profiles/{}", id(&made.json(201)?)?);
    ensure!(!made.text().contains("very-secret"), "{}", made.text());
    let shown = api.get(&one).await?.json(200)?;
    ensure!(shown["connection"]["auth"]["token"] == "••••••••", "{shown}");
    body["connection"]["auth"]["token"] = json!("••••••••");
    put(api, &one, "*", &body).await?.json(200)?;
    // It would be sent elsewhere.
    body["connection"]["baseUrl"] = json!("http://127.0.0.1:10");
    let moved = put(api, &one, "*", &body).await?.error(400, "secret_required")?;
    ensure!(moved["details"][0]["pointer"] == "/connection/auth/token", "{moved}");
    let list = api.get("/v1/connection-profiles").await?.text() + &api.get("/v1/audit-log").await?.text();
    ensure!(!list.contains("very-secret"), "{list}");
    Ok(())
}

#[tokio::test]
async fn a_profile_is_tested_by_a_real_call() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let shop = Shop::open(1).await?;
    let good = api.post("/v1/connection-profiles/test", &profile(&shop.url())).await?.json(200)?;
    ensure!(good["success"] == true && shop.reads().len() == 1, "{good}");
    let saved = make(api, "/v1/connection-profiles", &profile(&shop.url())).await?;
    let good = api.act(&format!("/v1/connection-profiles/{saved}/test")).await?.json(200)?;
    ensure!(good["success"] == true && shop.reads().len() == 2, "{good}");
    let gone = api.post("/v1/connection-profiles/test", &profile("http://127.0.0.1:1")).await?.json(200)?;
    ensure!(gone["success"] == false && gone["message"].as_str().is_some_and(|text| !text.is_empty()), "{gone}");
    for (url, code) in [("http://169.254.169.254", "forbidden_address"), ("ftp://shop", "validation_failed")] {
        api.post("/v1/connection-profiles", &profile(url)).await?.error(400, code)?;
        api.post("/v1/connection-profiles/test", &profile(url)).await?.error(400, code)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_mapping_is_checked_and_previewed_stage_by_stage() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let made = make(api, "/v1/mapping-configurations", &mapping()).await?;
    let path = format!("/v1/mapping-configurations/{made}/preview");
    // Nineteen digits, as a number and as a text.
    let sample = r#"{"sample": {"id": 7, "total_price": 1234567890123456789.105, "updated_at": "2026-01-01T00:00:00Z",
        "line_items": [{"sku": "a", "gift_card": true}, {"sku": "b"}]}}"#;
    let shown = api.post_text(&path, sample).await?.json(200)?;
    let record = &shown["records"][0];
    ensure!(record["normalized"]["total"] == "1234567890123456789.105", "{shown}");
    ensure!(record["transformed"]["DocTotal"] == "1234567890123456789.11", "{shown}");
    ensure!(record["transformed"]["DocumentLines"] == json!([{"ItemCode": "b"}]), "{shown}");
    let page = r#"{"sample": {"orders": [{"id": 1, "total_price": "1"}, {"id": 2, "total_price": "x"}]}}"#;
    let shown = api.post_text(&path, page).await?.json(200)?;
    ensure!(shown["records"][1]["error"]["field"] == "total", "{shown}");
    let mut bad = mapping();
    bad["normalization"]["fields"][1]["source"] = json!("$.total[");
    bad["transformation"]["fields"][1]["transform"] = json!("shout");
    bad["more"] = json!(1);
    let pointers = api.post("/v1/mapping-configurations", &bad).await?.pointers()?;
    ensure!(pointers.iter().any(|pointer| pointer.contains("more")), "{pointers:?}");
    bad.as_object_mut().context("an object")?.remove("more");
    let pointers = api.post("/v1/mapping-configurations", &bad).await?.pointers()?;
    for wanted in ["/normalization/fields/1/source", "/transformation/fields/1/transform"] {
        ensure!(pointers.iter().any(|pointer| pointer == wanted), "{pointers:?}");
    }
    let large = json!({"name": "x".repeat(200 * 1024)});
    api.post("/v1/mapping-configurations", &large).await?.error(400, "validation_failed")?;
    let huge = json!({"name": "x".repeat(5 * 1024 * 1024)});
    api.post("/v1/mapping-configurations", &huge).await?.error(413, "payload_too_large")?;
    let schema = api.get("/v1/mapping-configurations/schema").await?.json(200)?;
    ensure!(schema["$schema"].as_str().is_some_and(|text| text.contains("2020-12")), "{schema}");
    Ok(())
}

#[tokio::test]
async fn an_instance_names_what_exists_and_fits() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let map = make(api, "/v1/mapping-configurations", &mapping()).await?;
    let shop = make(api, "/v1/connection-profiles", &profile("http://127.0.0.1:9")).await?;
    let entity = |load: Value| json!({"mappingConfigurationId": map, "load": load});
    let nobody = json!({
        "name": "n", "sourceProfileId": "prf_none", "targetProfileId": "prf_none",
        "mappings": [{"mappingConfigurationId": "map_none", "load": load()}],
    });
    let wanted = ["/sourceProfileId", "/targetProfileId", "/mappings/0/mappingConfigurationId"];
    ensure!(api.post("/v1/instances", &nobody).await?.pointers()? == wanted);
    let twice = json!({
        "name": "n", "sourceProfileId": shop, "targetProfileId": shop,
        "mappings": [entity(load()), entity(load()), entity(json!({"system": "eventStream", "name": "a.b"}))],
    });
    let pointers = api.post("/v1/instances", &twice).await?.pointers()?;
    ensure!(pointers.contains(&"/mappings/1".to_owned()), "{pointers:?}");
    ensure!(pointers.contains(&"/mappings/2/load/system".to_owned()), "{pointers:?}");
    Ok(())
}

/// Lost without it: a page of more than a function can answer is a 502 without a word of what to do about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_too_large_says_so() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let api = &tenant.api;
    let mut large = mapping();
    let fields = large["normalization"]["fields"].as_array_mut().context("a list")?;
    // About 120 KiB, of 128 that are allowed.
    let source = format!("$.{}", "s".repeat(240));
    fields.extend((0..350).map(|n| json!({"target": format!("f{n}"), "source": source, "type": "string"})));
    for n in 0..45 {
        large["name"] = format!("large-{n}").into();
        make(api, "/v1/mapping-configurations", &large).await?;
    }
    let error = api.get("/v1/mapping-configurations?pageSize=100").await?.error(400, "page_too_large")?;
    ensure!(error["message"].as_str().is_some_and(|words| words.contains("pageSize")), "{error}");
    let mut names = std::collections::BTreeSet::new();
    for page in 1..=3 {
        let reply = api.get(&format!("/v1/mapping-configurations?pageSize=20&page={page}")).await?;
        ensure!(reply.body.len() < 4 * 1024 * 1024, "a page of {} bytes", reply.body.len());
        let page = reply.json(200)?;
        let items = page["items"].as_array().context("a list")?;
        names.extend(items.iter().filter_map(|item| item["name"].as_str().map(str::to_owned)));
    }
    ensure!(names.len() == 45, "{} of 45", names.len());
    Ok(())
}
