//! `max_per_second` is held, and nobody else waits for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::support::{Inbox, shared};

#[tokio::test]
async fn a_rate_is_held_over_any_window_and_others_do_not_wait() -> Result<()> {
    const RATE: usize = 20;
    let tenant = shared().await.tenant().await?;
    let (slow, quick) = (Inbox::open().await?, Inbox::open().await?);
    tenant.webhook_with("slow", json!({"callback_url": slow.url(), "max_per_second": RATE}), json!({})).await?;
    tenant.webhook("quick", &quick.url()).await?;
    let ids = tenant.publish("a.b", 0..150).await?;
    quick.exactly(&ids).await?;
    ensure!(slow.len() < 150, "the quick one waited for the slow one");
    let posts = slow.exactly(&ids).await?;
    let first = posts[0].at;
    for (place, post) in posts.iter().enumerate() {
        let window =
            posts[place..].iter().take_while(|p| p.at.duration_since(post.at) < Duration::from_secs(5)).count();
        ensure!(window <= RATE * 5 * 11 / 10, "{window} in 5 s from {:?}", post.at.duration_since(first));
    }
    let took = posts[posts.len() - 1].at.duration_since(first);
    ensure!(took < Duration::from_secs(12), "{took:?} for 150 at {RATE} a second");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_keeps_its_order_under_a_rate() -> Result<()> {
    const RATE: usize = 100;
    let tenant = shared().await.tenant().await?;
    let inbox = Inbox::open().await?;
    tenant.webhook_with("slow", json!({"callback_url": inbox.url(), "max_per_second": RATE}), json!({})).await?;
    tenant.stop("slow").await?;
    let mut gap = tenant.publish("a.b", 0..300).await?;
    gap.extend(tenant.publish("a.b", 300..350).await?);
    tenant.start("slow").await?;
    let posts = inbox.exactly(&gap).await?;
    inbox.in_order(&gap)?;
    let took = posts[349].at.duration_since(posts[0].at);
    ensure!(took > Duration::from_secs(3), "{took:?} for 350 at {RATE} a second");
    Ok(())
}
