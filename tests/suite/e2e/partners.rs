//! Trading partners: their configuration, its secrets and its limits.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::partner_certificates::{certificate, days};
use crate::support::{Api, shared};

const PATH: &str = "/v1/partners";
const MASK: &str = "••••••••";
/// The example of RFC 8410.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE \
                   KEY-----\n";

/// A profile with everything in it.
pub(super) fn full(id: &str) -> Value {
    json!({
        "id": id, "name": "Example Ltd", "transport": "as2",
        "as2": {
            "url": "http://127.0.0.1:9/as2?token=secret-query", "as2_id": "EXAMPLE", "identity": "us", "encrypt": "3des",
            "mdn": "async", "basic_auth": {"username": "us", "password": "secret-basic"},
        },
        "sftp": {
            "host": "127.0.0.1", "username": "us", "private_key": KEY,
            "inbound": {"directory": "/out", "after": "move", "move_to": "/old"},
        },
        "identifiers": {"duns": "123456789"},
        "contacts": [{"name": "Ann", "email": "ann@example.com", "role": "EDI"}],
        "sla": {"deliver_within_seconds": 3600},
    })
}

/// Registers a partner of that id and no more.
async fn simple(api: &Api, id: &str) -> Result<Value> {
    api.post(PATH, &json!({"id": id, "name": id, "transport": "webhook"})).await?.json(201)
}

#[tokio::test]
async fn a_partner_is_registered_shown_changed_and_deleted() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let path = "/v1/partners/example";
    tenant.api.get(path).await?.error(404, "not_found")?;
    let reply = tenant.api.post(PATH, &full("example")).await?;
    let made = reply.json(201)?;
    ensure!(reply.header("location") == path, "{:?}", reply.headers);
    ensure!(made["as2"]["sign"] == "sha256" && made["as2"]["mdn_timeout_minutes"] == 30, "{made}");
    ensure!(made["sftp"]["port"] == 22 && made["sftp"]["outbound"]["directory"] == ".", "{made}");
    ensure!(made["status"] == "active" && made["certificates"] == json!([]) && made.get("live").is_none(), "{made}");
    tenant.api.post(PATH, &full("example")).await?.error(409, "partner_already_exists")?;

    let mut shown = tenant.api.get(path).await?.json(200)?;
    ensure!(shown["live"]["certificates_expiring"] == json!([]), "{shown}");
    shown.as_object_mut().context("an object")?.remove("live");
    ensure!(shown == made, "{shown} {made}");

    let patch = json!({
        "name": "New", "as2": {"subject": "Invoices", "identity": null}, "sla": null, "status": "inactive",
        "identifiers": {"gln": "4000000000000", "duns": null}, "contacts": [],
    });
    let changed = tenant.api.patch(path, &patch).await?.json(200)?;
    ensure!(changed["name"] == "New" && changed["status"] == "inactive" && changed.get("sla").is_none(), "{changed}");
    ensure!(changed["as2"]["subject"] == "Invoices" && changed["as2"].get("identity").is_none(), "{changed}");
    ensure!(changed["as2"]["encrypt"] == "3des" && changed["contacts"] == json!([]), "{changed}");
    ensure!(changed["identifiers"] == json!({"gln": "4000000000000"}), "{changed}");
    ensure!(changed["created_at"] == made["created_at"], "{changed}");
    ensure!(tenant.api.patch(path, &json!({"sftp": null})).await?.json(200)?.get("sftp").is_none());
    ensure!(tenant.api.patch(path, &json!({})).await?.json(200)?["name"] == "New");

    tenant.api.delete(path).await?.empty(204)?;
    tenant.api.delete(path).await?.error(404, "not_found")?;
    tenant.api.patch(path, &json!({})).await?.error(404, "not_found")?;
    simple(&tenant.api, "example").await?;
    tenant.api.delete("/v1/partners/example?force=true").await?.empty(204)?;
    ensure!(tenant.api.delete("/v1/partners/example?force=perhaps").await?.pointers()? == ["?"]);
    Ok(())
}

#[tokio::test]
async fn an_id_is_made_where_none_is_given() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let reply = tenant.api.sandbox().post(PATH, &json!({"name": "n", "transport": "s3"})).await?;
    let id = reply.json(201)?["id"].as_str().context("an id")?.to_owned();
    ensure!(reply.header("location") == format!("/sandbox/v1/partners/{id}"), "{:?}", reply.headers);
    tenant.api.sandbox().get(&format!("/v1/partners/{id}")).await?.json(200)?;
    tenant.api.get(&format!("/v1/partners/{id}")).await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn partners_of_one_id_are_others_in_every_scope() -> Result<()> {
    let world = shared().await;
    let (tenant, other) = (world.tenant().await?, world.tenant().await?);
    let apis = [tenant.api.clone(), tenant.api.sandbox(), other.api.clone(), other.api.sandbox()];
    for (n, api) in apis.iter().enumerate() {
        let body = json!({"id": "same", "name": format!("number {n}"), "transport": "webhook"});
        api.post(PATH, &body).await?.json(201)?;
    }
    tenant.api.patch("/v1/partners/same", &json!({"name": "number 4"})).await?.json(200)?;
    other.api.sandbox().delete("/v1/partners/same").await?.empty(204)?;
    for (api, name) in apis.iter().zip(["number 4", "number 1", "number 2"]) {
        let list = api.get(PATH).await?.json(200)?;
        let names: Vec<&Value> =
            list["partners"].as_array().context("a list")?.iter().map(|one| &one["name"]).collect();
        ensure!(names == [name], "{list}");
    }
    apis[3].get("/v1/partners/same").await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn secrets_are_masked_and_sent_back_masks_keep_them() -> Result<()> {
    let world = shared().await;
    let tenant = world.tenant().await?;
    let path = "/v1/partners/example";
    let made = tenant.api.post(PATH, &full("example")).await?.json(201)?;
    ensure!(made["as2"]["basic_auth"] == json!({"username": "us", "password": MASK}), "{made}");
    ensure!(made["sftp"]["private_key"] == MASK && made["sftp"].get("password").is_none(), "{made}");
    // Shown again, sent back, merged around: it stays the secret, which nobody sees.
    let back = json!({"as2": made["as2"], "sftp": made["sftp"]});
    let kept = tenant.api.patch(path, &back).await?.json(200)?;
    ensure!(kept["as2"] == made["as2"] && kept["sftp"] == made["sftp"], "{kept}");
    tenant.api.patch(path, &json!({"as2": {"basic_auth": {"username": "them"}}})).await?.json(200)?;
    for path in [path, PATH, "/v1/audit-log"] {
        let text = tenant.api.get(path).await?.text();
        ensure!(!text.contains("secret-basic") && !text.contains("MC4CAQAwBQYDK2VwBCIE"), "{path}: {text}");
    }
    ensure!(
        world.secret_of_partner(&tenant, "example", "/as2/basic_auth/password").await?.as_deref()
            == Some("secret-basic")
    );
    ensure!(world.secret_of_partner(&tenant, "example", "/sftp/private_key").await?.as_deref() == Some(KEY));
    // Another way in replaces the first.
    let switch = json!({"sftp": {"private_key": null, "password": "secret-password"}});
    let switched = tenant.api.patch(path, &switch).await?.json(200)?;
    ensure!(switched["sftp"]["password"] == MASK && switched["sftp"].get("private_key").is_none(), "{switched}");
    ensure!(world.secret_of_partner(&tenant, "example", "/sftp/password").await?.as_deref() == Some("secret-password"));
    // It is for its own server alone.
    for moved in [json!({"sftp": {"host": "localhost"}}), json!({"sftp": {"port": 2_222}})] {
        let refused = tenant.api.patch(path, &moved).await?.error(400, "secret_required")?;
        ensure!(refused["details"][0]["pointer"] == "/sftp/password", "{refused}");
    }
    // A mask with nothing behind it is no secret.
    let masked = json!({"sftp": {"password": null, "private_key": MASK}});
    ensure!(tenant.api.patch(path, &masked).await?.pointers()? == ["/sftp/private_key"]);
    let mut unknown = full("other");
    unknown["as2"]["basic_auth"]["password"] = MASK.into();
    ensure!(tenant.api.post(PATH, &unknown).await?.pointers()? == ["/as2/basic_auth/password"]);
    Ok(())
}

#[tokio::test]
async fn bad_fields_are_pointed_at() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    for (pointer, bad, expected) in [
        ("/id", json!("a b"), "/id"),
        ("/name", json!(""), "/name"),
        ("/name", json!(7), "/name"),
        ("/transport", json!("fax"), "/transport"),
        ("/status", json!("asleep"), "/status"),
        ("/more", json!(1), "/more"),
        ("/as2/more", json!(1), "/as2/more"),
        ("/as2/sign", json!("md5"), "/as2/sign"),
        ("/as2/encrypt", json!("rot13"), "/as2/encrypt"),
        ("/as2/mdn_timeout_minutes", json!(0), "/as2/mdn_timeout_minutes"),
        ("/as2/basic_auth/more", json!(1), "/as2/basic_auth/more"),
        ("/as2/url", json!("not a URL"), "/as2/url"),
        ("/sftp/more", json!(1), "/sftp/more"),
        ("/sftp/port", json!(70_000), "/sftp/port"),
        ("/sftp/password", json!("both"), "/sftp"),
        ("/sftp/host", json!("a/b"), "/sftp/host"),
        ("/sftp/private_key", json!("not a key"), "/sftp/private_key"),
        ("/sftp/host_key_fingerprints", json!(["MD5:00"]), "/sftp/host_key_fingerprints/0"),
        ("/sftp/inbound/after", json!("burn"), "/sftp/inbound/after"),
        ("/sftp/inbound/move_to", json!(null), "/sftp/inbound/move_to"),
        ("/contacts/0/email", json!("ann"), "/contacts/0/email"),
        ("/identifiers/duns", json!(1), "/identifiers/duns"),
        ("/sla/deliver_within_seconds", json!(0), "/sla/deliver_within_seconds"),
        ("/certificates", json!([{"usage": "other", "pem": ""}]), "/certificates/0/usage"),
        ("/certificates", json!([{"usage": "tls", "pem": "", "more": 1}]), "/certificates/0/more"),
    ] {
        let mut body = full("example");
        let (parent, name) = pointer.rsplit_once('/').context("a pointer")?;
        body.pointer_mut(parent).context("a parent")?[name] = bad;
        let reply = tenant.api.post(PATH, &body).await?;
        ensure!(reply.pointers()? == [expected], "{pointer}: {}", reply.text());
        ensure!(!reply.text().contains("secret-"), "{}", reply.text());
    }
    for (field, url, code) in [
        ("/as2/url", json!("http://10.0.0.1/"), "forbidden_address"),
        ("/as2/url", json!("http://example.com/"), "insecure_url"),
        ("/sftp/host", json!("169.254.169.254"), "forbidden_address"),
        ("/sftp/host", json!("fd00::1"), "forbidden_address"),
    ] {
        let mut body = full("example");
        *body.pointer_mut(field).context("a field")? = url;
        let error = tenant.api.post(PATH, &body).await?.error(400, code)?;
        ensure!(error["details"][0]["pointer"] == field, "{error}");
    }
    tenant.api.get("/v1/partners/example").await?.error(404, "not_found")?;
    Ok(())
}

#[tokio::test]
async fn bad_changes_change_nothing() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let path = "/v1/partners/example";
    tenant.api.post(PATH, &full("example")).await?.json(201)?;
    let configuration = async || {
        let mut shown = tenant.api.get(path).await?.json(200)?;
        // Its server is looked at meanwhile.
        shown["live"].take();
        anyhow::Ok(shown)
    };
    let before = configuration().await?;
    for (patch, pointer) in [
        (json!({"id": "other"}), "/id"),
        (json!({"as2": {"sign": "md5"}}), "/as2/sign"),
        (json!({"as2": {"more": 1}}), "/as2/more"),
        (json!({"as2": {"url": null}}), "/as2"),
        (json!({"sftp": {"host": ""}}), "/sftp/host"),
        (json!({"sftp": []}), "/sftp"),
        (json!({"name": "x".repeat(201)}), "/name"),
        (json!({"name": "fine", "contacts": [{"name": "n", "email": "no"}]}), "/contacts/0/email"),
    ] {
        ensure!(tenant.api.patch(path, &patch).await?.pointers()? == [pointer], "{patch}");
    }
    ensure!(tenant.api.patch(path, &json!([])).await?.pointers()? == [""]);
    ensure!(configuration().await? == before);
    Ok(())
}

#[tokio::test]
async fn changes_at_the_same_time_do_not_undo_each_other() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    simple(&tenant.api, "example").await?;
    let patch = async |n: usize| {
        let patch = json!({"identifiers": {format!("n{n}"): "v"}});
        let reply = tenant.api.patch("/v1/partners/example", &patch).await?;
        if reply.status == 409 {
            reply.error(409, "conflict")?;
            return anyhow::Ok(None);
        }
        reply.json(200)?;
        Ok(Some(format!("n{n}")))
    };
    let done: Vec<String> = try_join_all((0..10).map(patch)).await?.into_iter().flatten().collect();
    let shown = tenant.api.get("/v1/partners/example").await?.json(200)?;
    let there: Vec<&String> = shown["identifiers"].as_object().context("an object")?.keys().collect();
    ensure!(!done.is_empty() && there == done.iter().collect::<Vec<_>>(), "{done:?} {shown}");
    Ok(())
}

#[tokio::test]
async fn a_repeated_registration_gives_the_first_answer_again() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let body = json!({"name": "n", "transport": "as2"}).to_string();
    let send = |request: reqwest::RequestBuilder| {
        request.header("content-type", "application/json").header("idempotency-key", "k1").body(body.clone())
    };
    let first = tenant.api.send(axum::http::Method::POST, PATH, send).await?;
    let again = tenant.api.send(axum::http::Method::POST, PATH, send).await?;
    ensure!(again.json(201)? == first.json(201)? && again.header("location") == first.header("location"));
    let list = tenant.api.get(PATH).await?.json(200)?;
    ensure!(list["partners"].as_array().is_some_and(|all| all.len() == 1), "{list}");
    let audit = tenant.api.get("/v1/audit-log").await?.json(200)?;
    let entry = &audit["entries"][0];
    ensure!(entry["action"] == "partners.create" && entry["entity_id"] == first.json(201)?["id"], "{audit}");
    Ok(())
}

#[tokio::test]
async fn partners_are_listed_in_pages() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let mut expected: Vec<String> = (0..300).map(|n| format!("partner-{n}")).collect();
    for some in expected.chunks(20) {
        try_join_all(some.iter().map(|id| simple(&tenant.api, id))).await?;
    }
    expected.sort_unstable();
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = tenant.api.get(&format!("{PATH}?limit=70{cursor}")).await?.json(200)?;
        let partners = page["partners"].as_array().context("a list")?;
        ensure!(partners.len() <= 70, "{}", partners.len());
        found.extend(partners.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ensure!(found == expected && pages == 5, "{pages} pages, {} partners", found.len());
    ensure!(tenant.api.get(&format!("{PATH}?limit=501")).await?.pointers()? == ["?limit"]);
    ensure!(tenant.api.get(&format!("{PATH}?cursor=%21")).await?.pointers()? == ["?cursor"]);
    ensure!(tenant.api.sandbox().get(PATH).await?.json(200)?["partners"] == json!([]));
    Ok(())
}

#[tokio::test]
async fn a_scope_has_at_most_1000() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let ids: Vec<String> = (0..1_000).map(|n| format!("p{n}")).collect();
    for some in ids.chunks(20) {
        try_join_all(some.iter().map(|id| simple(&tenant.api, id))).await?;
    }
    let more = json!({"id": "more", "name": "n", "transport": "as2"});
    tenant.api.post(PATH, &more).await?.error(400, "partner_limit_exceeded")?;
    let sandbox = tenant.api.sandbox();
    sandbox.post(PATH, &more).await?.json(201)?;
    let promote = "/sandbox/v1/partners/more/promote";
    tenant.api.act(promote).await?.error(400, "partner_limit_exceeded")?;
    tenant.api.post(promote, &json!({"overwrite": true})).await?.error(400, "partner_limit_exceeded")?;
    tenant.api.delete("/v1/partners/p7").await?.empty(204)?;
    tenant.api.post(PATH, &more).await?.json(201)?;
    Ok(())
}

#[tokio::test]
async fn a_large_partner_fits_into_its_record() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let mut body = full("large");
    let name = |n: usize| format!("{n}{}", "n".repeat(62));
    body["identifiers"] = (0..50).map(|n| (name(n), json!("v".repeat(256)))).collect();
    body["contacts"] =
        (0..20).map(|_| json!({"name": "n".repeat(200), "email": "a@b.c", "role": "r".repeat(100)})).collect();
    let large = |n: u8| {
        json!({"usage": "tls", "pem": certificate(|params| {
            days(params, -1, 90);
            let content = vec![n; 45_000];
            params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], content));
        })})
    };
    body["certificates"] = (0..2).map(large).collect();
    tenant.api.post(PATH, &body).await?.json(201)?;
    let shown = tenant.api.get("/v1/partners/large").await?.json(200)?;
    ensure!(shown["certificates"].as_array().is_some_and(|all| all.len() == 2));
    Ok(())
}
