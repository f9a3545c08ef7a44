//! A worker that dies while it sends documents, by AS2 or SFTP.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sluice::domain::document::SENT;
use sluice_as2::receipt::Disposition;
use sluice_workers::Worker;

use super::{MANY, SETTINGS, dies, told_once, transactions};
use crate::support::as2::{answer, hand_in, headers_of, opened, receipt, set_up};
use crate::support::mortal::{Last, Life};
use crate::support::sshd::Sshd;
use crate::support::{ByHand, Inbox, Tenant};

/// Every call that the worker makes for a document is its last one once; gives the documents by their transactions.
async fn every_crash(hand: &ByHand, tenant: &Tenant, last: Last) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut documents = BTreeMap::new();
    for calls in 1..MANY {
        let document = format!("document {calls} {last:?}").into_bytes();
        let id = hand_in(&tenant.api, &document, "?document_type=list").await?;
        documents.insert(id, document);
        hand.dispatch().await?;
        // Only what is of this document.
        let messages = hand.take(Worker::Deliver, 10, 5).await?;
        ensure!(messages.records.len() == 1, "{} messages", messages.records.len());
        let life = Life::of(calls, last);
        let process = hand.successor(&life).await?;
        let died = dies(&process.app, Worker::Deliver, &messages, &life).await?;
        let process = hand.successor(&Life::long()).await?;
        if died && last == Last::Late {
            // Between its repetition and one more.
            ensure!(!dies(&process.app, Worker::Deliver, &messages, &Life::long()).await?);
            life.arrive().await;
        }
        ensure!(!dies(&process.app, Worker::Deliver, &messages, &Life::long()).await?);
        hand.delete(Worker::Deliver, &messages.records).await?;
        if !died {
            ensure!((5..MANY - 1).contains(&calls), "{} crashes", calls - 1);
            break;
        }
    }
    let shown = transactions(&tenant.api, "outbound").await?;
    let undelivered: Vec<_> = shown.iter().filter(|one| one["status"] != "delivered").collect();
    ensure!(shown.len() == documents.len() && undelivered.is_empty(), "{} {undelivered:?}", shown.len());
    let ids: Vec<String> = documents.keys().cloned().collect();
    told_once(&hand.app, tenant, SENT, &ids).await?;
    Ok(documents)
}

async fn by_as2(last: Last) -> Result<()> {
    let hand = ByHand::start(&SETTINGS).await?;
    let tenant = hand.tenant().await?;
    let partner = Inbox::answering(|post, _| answer(receipt(post, &Disposition::Processed))).await?;
    set_up(&tenant.api, &partner.url(), json!({})).await?;
    let documents = every_crash(&hand, &tenant, last).await?;
    let ids: Vec<String> = documents.keys().cloned().collect();
    told_once(&hand.app, &tenant, "mdn.received", &ids).await?;
    let mut messages = BTreeMap::new();
    for post in partner.posts() {
        let id = headers_of(&post).get("message-id").context("a message's id")?.to_owned();
        let first = messages.entry(id).or_insert_with(|| post.clone());
        ensure!(first.received.body == post.received.body, "the same id, and other bytes");
    }
    let mut came = Vec::new();
    for post in messages.values() {
        came.push(opened(post)?.1.document.bytes);
    }
    let mut expected: Vec<Vec<u8>> = documents.into_values().collect();
    came.sort();
    expected.sort();
    ensure!(came == expected, "{} messages for {} documents", came.len(), expected.len());
    // Some were sent before the worker died.
    ensure!(partner.len() > expected.len(), "{} posts", partner.len());
    hand.stop().await;
    Ok(())
}

async fn by_sftp(last: Last) -> Result<()> {
    let (hand, sshd) = (ByHand::start(&SETTINGS).await?, Sshd::start().await?);
    let tenant = hand.tenant().await?;
    let mut sftp = sshd.parameters()?;
    sftp["outbound"] = json!({"directory": "in"});
    sshd.put("in/", b"")?;
    let partner = json!({"id": "p-1", "name": "Partner", "transport": "sftp", "sftp": sftp});
    tenant.api.post("/v1/partners", &partner).await?.json(201)?;
    let documents = every_crash(&hand, &tenant, last).await?;
    let names = sshd.names("in")?;
    ensure!(names.len() == documents.len(), "{} files for {} documents: {names:?}", names.len(), documents.len());
    let mut files = Vec::new();
    for name in &names {
        ensure!(name.ends_with(".edi"), "{name} is no whole file");
        files.push(fs::read(sshd.home().join("in").join(name))?);
    }
    let mut documents: Vec<Vec<u8>> = documents.into_values().collect();
    files.sort();
    documents.sort();
    ensure!(files == documents, "the files have other contents: {names:?}");
    hand.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_crash_before_any_call_of_a_sending_leaves_one_message() -> Result<()> {
    by_as2(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_sending_leaves_one_message() -> Result<()> {
    by_as2(Last::Made).await
}

#[tokio::test]
async fn what_arrives_after_a_document_was_sent_again_comes_too_late() -> Result<()> {
    by_as2(Last::Late).await
}

#[tokio::test]
async fn a_crash_before_any_call_of_an_upload_leaves_one_file() -> Result<()> {
    by_sftp(Last::NotMade).await
}

#[tokio::test]
async fn a_crash_after_any_call_of_an_upload_leaves_one_file() -> Result<()> {
    by_sftp(Last::Made).await
}

#[tokio::test]
async fn what_arrives_after_a_file_was_uploaded_again_comes_too_late() -> Result<()> {
    by_sftp(Last::Late).await
}
