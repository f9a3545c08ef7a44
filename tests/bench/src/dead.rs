//! Targets that are dead: one refuses connections, the other takes requests and never answers them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use hyper::StatusCode;
use serde_json::{Value, json};
use sluice_local::receiver::{Receiver, status};
use tokio::net::TcpSocket;
use tokio::sync::watch;

/// How long a slow target takes for an event.
const SLOW: Duration = Duration::from_secs(10);

/// How a target is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// It refuses connections.
    Refusing,
    /// It takes requests, and lets them run into the timeout.
    Hanging,
    /// It takes every event, and ten seconds for each.
    Slow,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refusing => "refuses connections",
            Self::Hanging => "hangs until the timeout",
            Self::Slow => "takes ten seconds for each event",
        })
    }
}

/// A dead target.
pub(crate) enum Dead {
    /// A port that is taken, and that nobody listens on.
    Refusing(TcpSocket),
    /// A receiver that answers once it is told to.
    Hanging { receiver: Receiver, answers: watch::Sender<bool>, answered: Arc<AtomicU64> },
    /// A receiver that answers after a while.
    Slow(Receiver),
}

impl Dead {
    pub(crate) async fn start(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Refusing => refusing().context("a port"),
            Kind::Hanging => hanging().await.context("a receiver"),
            Kind::Slow => slow().await.context("a receiver"),
        }
    }

    /// The parameters of a webhook to it. A target may take 2 seconds, so that a round is over soon.
    pub(crate) fn callback(&self) -> Result<Value> {
        let (url, timeout) = match self {
            Self::Refusing(socket) => (format!("http://{}/hook", socket.local_addr()?), 2),
            Self::Hanging { receiver, .. } => (receiver.url("/hook"), 2),
            Self::Slow(receiver) => (receiver.url("/hook"), 15),
        };
        Ok(json!({"callback_url": url, "timeout_seconds": timeout}))
    }

    /// Has it answer from now on, if it can.
    pub(crate) fn revive(&self) {
        if let Self::Hanging { answers, .. } = self {
            answers.send_replace(true);
        }
    }

    /// Requests it has answered.
    pub(crate) fn answered(&self) -> u64 {
        match self {
            Self::Refusing(_) | Self::Slow(_) => 0,
            Self::Hanging { answered, .. } => answered.load(Ordering::Relaxed),
        }
    }
}

fn refusing() -> std::io::Result<Dead> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(Dead::Refusing(socket))
}

async fn slow() -> std::io::Result<Dead> {
    let receiver = Receiver::start(|_| async {
        tokio::time::sleep(SLOW).await;
        status(StatusCode::NO_CONTENT)
    });
    Ok(Dead::Slow(receiver.await?))
}

async fn hanging() -> std::io::Result<Dead> {
    let (answers, told) = watch::channel(false);
    let answered = Arc::<AtomicU64>::default();
    let count = Arc::clone(&answered);
    let receiver = Receiver::start(move |_| {
        let (mut told, count) = (told.clone(), Arc::clone(&count));
        async move {
            // It ends only with the target itself.
            let _ = told.wait_for(|answers| *answers).await;
            count.fetch_add(1, Ordering::Relaxed);
            status(StatusCode::NO_CONTENT)
        }
    });
    Ok(Dead::Hanging { receiver: receiver.await?, answers, answered })
}
