//! Certificates that follow others, while documents go both ways.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sluice_as2::keys::generate;
use sluice_as2::receipt::Disposition;
use sluice_as2::{Envelope, Identity, Limits, Policy, Recipient, open};

use super::INVOICE;
use crate::support::as2::{Protection, answer, hand_in, headers_of, keys, message, post, reaches, receipt_for, set_up};
use crate::support::inbox::Post;
use crate::support::{Api, Inbox, shared};

/// A partner that decrypts with any of its keys and signs its receipts with the one that is current.
struct Partner {
    keys: [Identity; 2],
    current: AtomicUsize,
}

impl Partner {
    fn new() -> Result<Self> {
        // The next one is valid since yesterday: of valid ones the newest is encrypted for.
        let yesterday = Timestamp::now() - SignedDuration::from_hours(24);
        let next = generate("next", yesterday, yesterday + SignedDuration::from_hours(24 * 700))?;
        let old = &keys()[1];
        let old = Identity::of_pem(&old.private_key_pem(), &old.certificate().to_pem())?;
        Ok(Self { keys: [old, next], current: AtomicUsize::new(0) })
    }

    fn signs(&self) -> &Identity {
        &self.keys[self.current.load(Ordering::Relaxed)]
    }

    /// Which key opens a message, and the receipt for it.
    fn take(&self, post: &Post) -> Result<(usize, sluice_as2::receipt::ReceiptMessage)> {
        let (headers, pinned, policy) = (headers_of(post), [keys()[0].certificate().clone()], Policy::default());
        let envelope = Envelope::read(&headers)?;
        for (place, key) in self.keys.iter().enumerate() {
            let recipient = Recipient { ours: &[key], partner: &pinned, policy: &policy, limits: Limits::default() };
            if let Ok(received) = open(&headers, post.received.body.to_vec(), &recipient) {
                let receipt = receipt_for(&envelope, &Disposition::Processed, Some(&received.mic), Some(self.signs()));
                return Ok((place, receipt));
            }
        }
        anyhow::bail!("no key opens it")
    }
}

/// Sends a document each way; both must arrive.
async fn both_ways(api: &Api, (open, path): (&Api, &str), partner: &Partner, id: &str) -> Result<()> {
    let sent = hand_in(api, INVOICE, "").await?;
    reaches(api, &sent, "delivered").await?;
    let ours = Protection { sign: Some(partner.signs()), ..Protection::default() };
    let came = message(id, INVOICE, ours);
    let reply = post(open, path, &came.headers, &came.body).await?;
    ensure!(reply.status == 200 && reply.text().contains("processed"), "{id}: {}", reply.text());
    ensure!(!reply.text().contains("error"), "{id}: {}", reply.text());
    Ok(())
}

#[tokio::test]
async fn the_next_certificate_of_a_partner_loses_no_document() -> Result<()> {
    let world = shared().await;
    let (tenant, open) = (world.tenant().await?, world.open()?);
    let (api, path) = (&tenant.api, format!("/as2/{}", tenant.id));
    let partner = Arc::new(Partner::new()?);
    let taking = Arc::clone(&partner);
    let inbox = Inbox::answering(move |post, _| answer(taking.take(post).expect("a message for one of the keys").1));
    let inbox = inbox.await?;
    set_up(api, &inbox.url(), json!({})).await?;
    let pin = async |keys: &[&Identity]| {
        let pem = keys.iter().map(|key| key.certificate().to_pem());
        let each = |pem: String| ["signing", "encryption"].map(|usage| json!({"usage": usage, "pem": pem}));
        let certificates: Vec<Value> = pem.flat_map(each).collect();
        api.patch("/v1/partners/p-1", &json!({"certificates": certificates})).await?.json(200)
    };
    let [old, next] = &partner.keys;
    both_ways(api, (&open, &path), &partner, "<1@p>").await?;
    // One that begins tomorrow is there ahead, and nothing is encrypted for it yet.
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let later = generate("later", tomorrow, tomorrow + SignedDuration::from_hours(24 * 700))?;
    pin(&[old, &later]).await?;
    both_ways(api, (&open, &path), &partner, "<ahead@p>").await?;
    // Ours has both before the partner begins, and keeps both for a while after.
    pin(&[old, next]).await?;
    both_ways(api, (&open, &path), &partner, "<2@p>").await?;
    partner.current.store(1, Ordering::Relaxed);
    both_ways(api, (&open, &path), &partner, "<3@p>").await?;
    pin(&[next]).await?;
    both_ways(api, (&open, &path), &partner, "<4@p>").await?;
    let opened: Vec<usize> =
        inbox.posts().iter().map(|post| partner.take(post).map(|taken| taken.0)).collect::<Result<_>>()?;
    ensure!(opened == [0, 0, 1, 1, 1], "{opened:?}");
    let page = api.get("/v1/transactions").await?.json(200)?;
    let all = page["transactions"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(all.len() == 10 && all.iter().all(|one| one["status"] == "delivered"), "{page}");
    // What is signed with the old key is refused now.
    let late = message("<5@p>", INVOICE, Protection { sign: Some(old), ..Protection::default() });
    let reply = post(&open, &path, &late.headers, &late.body).await?;
    ensure!(reply.text().contains("authentication-failed"), "{}", reply.text());
    Ok(())
}
