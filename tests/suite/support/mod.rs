//! What the end-to-end and chaos tests are made of: a running system, tenants, a client, receivers.

pub(crate) mod api;
pub(crate) mod as2;
pub(crate) mod bucket;
pub(crate) mod by_hand;
pub(crate) mod clock;
pub(crate) mod delays;
pub(crate) mod inbox;
pub(crate) mod mortal;
pub(crate) mod mutual_tls;
pub(crate) mod odd_sftp;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod shop;
pub(crate) mod sshd;
pub(crate) mod target;
pub(crate) mod token_endpoint;
pub(crate) mod world;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub(crate) use api::{Api, Reply};
pub(crate) use by_hand::ByHand;
pub(crate) use clock::Ahead;
pub(crate) use inbox::Inbox;
pub(crate) use shop::Shop;
pub(crate) use world::{Tenant, World, shared};

/// How long something may take that should take a second or two: the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(30);

const INTERVAL: Duration = Duration::from_millis(25);

/// Looks again and again until there is an answer; gives up, saying what was waited for, once the time is over.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > within {
            bail!("not within {within:?}: {what}");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Waits until `count` has stood still for a while: what would come twice or too much has come by then.
pub(crate) async fn quiet(count: impl Fn() -> usize) -> Result<usize> {
    const STILL: Duration = Duration::from_millis(700);
    let (mut last, mut since) = (count(), Instant::now());
    eventually("quiet", SOON, async || {
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        Ok((since.elapsed() >= STILL).then_some(now))
    })
    .await
}
