//! What EDI envelopes say: EDIFACT and its acknowledgments, and envelopes that are wrong.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sluice_as2::receipt::Disposition;

use crate::support::as2::{Protection, answer, hand_in, message, post, reaches, receipt, set_up};
use crate::support::{Inbox, SOON, eventually, shared};

const ORDERS: &[u8] = b"UNA:+.? 'UNB+UNOC:3+US:ZZ+THEM:ZZ+261127:1000+REF42'UNH+1+ORDERS:D:96A:UN'BGM+220+128576+9'\
UNT+3+1'UNZ+1+REF42'";
const CONTRL: &[u8] = b"UNB+UNOC:3+THEM:ZZ+US:ZZ+261127:1001+C7'UNH+1+CONTRL:D:3:UN'UCI+REF42+US:ZZ+THEM:ZZ+8'\
UCM+1+ORDERS:D:96A:UN+7'UNT+4+1'UNZ+1+C7'";

#[tokio::test]
async fn a_contrl_is_matched_to_what_it_acknowledges() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let (api, path) = (&tenant.api, format!("/as2/{}", tenant.id));
    let partner = Inbox::answering(|post, _| answer(receipt(post, &Disposition::Processed))).await?;
    set_up(api, &partner.url(), json!({})).await?;
    let id = hand_in(api, ORDERS, "").await?;
    let sent = reaches(api, &id, "delivered").await?;
    ensure!(sent["document_type"] == "ORDERS", "{sent}");
    let numbers = json!([{"standard": "edifact", "interchange": "REF42", "groups": [], "messages": ["1"]}]);
    ensure!(sent["document"]["control_numbers"] == numbers, "{sent}");
    let came = message("<contrl@p>", CONTRL, Protection::default());
    ensure!(post(&open, &path, &came.headers, &came.body).await?.status == 200);
    let found = eventually("it is matched", SOON, async || {
        let shown = api.get(&format!("/v1/transactions/{id}")).await?.json(200)?;
        Ok(shown["document"]["acknowledgments"].get(0).is_some().then_some(shown))
    });
    let found = found.await?;
    let all = &found["document"]["acknowledgments"];
    ensure!(all[0]["status"] == "received" && all[1]["status"] == "accepted", "{found}");
    Ok(())
}

#[tokio::test]
async fn wrong_counts_are_accepted_and_said() -> Result<()> {
    let tenant = shared().await.tenant().await?;
    let (api, partner) =
        (&tenant.api, Inbox::answering(|post, _| answer(receipt(post, &Disposition::Processed))).await?);
    set_up(api, &partner.url(), json!({})).await?;
    let wrong = String::from_utf8(ORDERS.to_vec())?.replace("UNT+3+1", "UNT+9+1").replace("UNZ+1", "UNZ+2");
    let id = hand_in(api, wrong.as_bytes(), "").await?;
    let sent = reaches(api, &id, "delivered").await?;
    let defects = sent["document"]["defects"].as_array().context("defects")?.clone();
    ensure!(defects.len() == 2 && defects.iter().all(|one| one.as_str().is_some_and(|text| text.len() > 10)), "{sent}");
    Ok(())
}

/// Names that need quotes in headers, and file names that do.
#[tokio::test]
async fn names_with_spaces_quotes_and_backslashes_arrive_as_they_are() -> Result<()> {
    let api = &shared().await.tenant().await?.api;
    let (us, them, file) = (r#"Our "own" \ Ltd"#, r#"Their "A\S2""#, "in voice \"1\".edi");
    let partner = Inbox::open().await?;
    api.post("/v1/identities", &json!({"id": "us", "name": "Us", "as2_id": us, "key": {"generate": "rsa-3072"}}))
        .await?
        .json(201)?;
    let as2 = json!({"url": partner.url(), "as2_id": them, "encrypt": "none", "sign": "none", "mdn": "none"});
    let profile = json!({"id": "p-1", "name": "P", "transport": "as2", "as2": as2});
    api.post("/v1/partners", &profile).await?.json(201)?;
    let query = format!("?file_name={}", file.replace(' ', "%20").replace('"', "%22"));
    hand_in(api, b"a line\r\nand a bare one\nwithout an end", &query).await?;
    let came = partner.wait_for(1).await?.remove(0);
    let headers = crate::support::as2::headers_of(&came);
    let envelope = sluice_as2::Envelope::read(&headers)?;
    ensure!((envelope.from.as_str(), envelope.to.as_str()) == (us, them), "{envelope:?}");
    ensure!(came.received.body == b"a line\r\nand a bare one\nwithout an end"[..], "{:?}", came.received.body);
    ensure!(came.received.header("content-disposition").contains(r#"in voice \"1\".edi"#), "{headers:?}");
    Ok(())
}
