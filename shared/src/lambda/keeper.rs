//! Reads the rings of master keys from Secrets Manager, each from a secret of its own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use lambda_runtime::Error;
use zeroize::Zeroizing;

use crate::app::Keys;
use crate::domain::time::Millis;
use crate::ports::Ports;
use crate::rings::{Ring, RingText};
use crate::secrets::Keyring;
use crate::tokens::TokenRing;

/// How long a look for a key that is not known may take: an invocation waits for it.
const LOOK: Duration = Duration::from_secs(3);

/// The variable that names the secret of a ring, and how long the ring is believed. A key that is not on it is looked
/// up at once; what is noticed later is a key that was removed, or made the current one.
const fn place(ring: Ring) -> (&'static str, Duration) {
    match ring {
        Ring::Secrets => ("SLUICE_KEYS_SECRET_ID", Duration::from_secs(300)),
        Ring::Tokens => ("SLUICE_TOKEN_KEYS_SECRET_ID", Duration::from_secs(60)),
    }
}

/// Keeps the rings of a function fresh.
pub(super) struct Keeper {
    client: Client,
    rings: Vec<Kept>,
    ports: Ports,
}

struct Kept {
    ring: Ring,
    secret_id: String,
    read_at: Mutex<Millis>,
}

impl Kept {
    /// Whether it must be read again. The first caller to get `true` reads it; others keep using the old keys.
    fn is_due(&self, now: Millis) -> bool {
        let mut read_at = self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = now.since(*read_at) >= place(self.ring).1;
        if due {
            *read_at = now;
        }
        due
    }
}

impl Keeper {
    /// Of these rings.
    pub(super) fn new(config: &aws_config::SdkConfig, rings: &[Ring], ports: &Ports) -> Result<Self, Error> {
        let kept = |ring: &Ring| {
            let variable = place(*ring).0;
            let secret_id =
                std::env::var(variable).map_err(|_| format!("{variable} is missing: template.yaml sets it"))?;
            Ok::<_, Error>(Kept { ring: *ring, secret_id, read_at: Mutex::new(ports.now()) })
        };
        let rings = rings.iter().map(kept).collect::<Result<_, _>>()?;
        Ok(Self { client: Client::new(config), rings, ports: ports.clone() })
    }

    /// The keys of its rings, and of no other.
    pub(super) async fn keys(&self) -> Result<Keys, Error> {
        let mut keys = Keys { secrets: Keyring::empty(), tokens: None };
        for Kept { ring, secret_id, .. } in &self.rings {
            let text = read(&self.client, secret_id, &self.ports).await?;
            let newest = newest(secret_id.clone(), self.ports.clone());
            match ring {
                Ring::Secrets => keys.secrets = Keyring::new(&text)?.looking_up(newest, self.ports.clone()),
                Ring::Tokens => keys.tokens = Some(TokenRing::new(&text)?.looking_up(newest, self.ports.clone())),
            }
        }
        Ok(keys)
    }

    /// Reads again what is old. Where that fails, the old keys stay.
    pub(super) async fn refresh(&self, secrets: &Keyring, tokens: Option<&TokenRing>) {
        for kept in self.rings.iter().filter(|kept| kept.is_due(self.ports.now())) {
            let refresh = async {
                let text = read(&self.client, &kept.secret_id, &self.ports).await?;
                match (kept.ring, tokens) {
                    (Ring::Secrets, _) => secrets.replace(&Keyring::new(&text)?),
                    (Ring::Tokens, Some(tokens)) => tokens.replace(&TokenRing::new(&text)?),
                    (Ring::Tokens, None) => {}
                }
                Ok::<_, Error>(())
            };
            if let Err(error) = refresh.await {
                tracing::warn!(%error, ring = ?kept.ring, "the master keys could not be read again");
            }
        }
    }
}

async fn read(client: &Client, secret_id: &str, ports: &Ports) -> Result<RingText, Error> {
    let answer = client.get_secret_value().secret_id(secret_id).send().await?;
    let made_at = answer.created_date.and_then(|date| date.to_millis().ok()).map_or_else(|| ports.now(), Millis);
    let text = Zeroizing::new(answer.secret_string.ok_or("the secret of the master keys has no text")?);
    Ok(RingText::parse(&text, made_at)?)
}

/// Reads a ring while its caller, who is not asynchronous, waits: on a thread and with connections of its own, because
/// the caller may hold up the runtime that drives the others.
fn newest(secret_id: String, ports: Ports) -> impl Fn() -> Option<RingText> + Send + Sync + 'static {
    let look = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let look = async {
                let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
                read(&Client::new(&config), &secret_id, &ports).await
            };
            tokio::time::timeout(LOOK, look).await?
        })
    };
    move || {
        let looked = std::thread::scope(|scope| scope.spawn(&look).join());
        let looked = looked.unwrap_or_else(|_| Err("the thread that reads them panicked".into()));
        looked.inspect_err(|error| tracing::warn!(%error, "newer master keys could not be looked up")).ok()
    }
}
