//! What a kind brings to the suite, and the destinations it is tried with.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::Value;
use sluice::domain::attempt::Attempt;
use sluice::domain::destination::Destination;
use sluice::domain::scope::{Environment, Scope};
use sluice::outbound::{Destinations, Parcel, Target, TargetPolicy};
use sluice::ports::Ports;
use sluice::secrets::Keyring;

use super::tcp_lines::TcpLines;

/// A target's time to respond.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(700);
/// The id of everything that is sent.
pub(crate) const ID: &str = "evt_01:conformance-1";
/// The body of everything that is sent.
pub(crate) const BODY: &str = r#"{"tenant":"acme","name":"a.b","payload":{"n":1}}"#;

/// What an endpoint does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Accepts it.
    Accept,
    /// Says that it will never accept it.
    Refuse,
    /// Does not accept it now, and wants to be left alone for 7 s, if the protocol can say that.
    Fail,
    /// Does not respond.
    Hang,
}

/// Something that arrived: its name as the endpoint sees it, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) name: String,
    pub(crate) content: String,
}

/// A real endpoint of one kind.
pub(crate) trait Fixture: Sized {
    /// The kind's name.
    const KIND: &'static str;
    /// The parameter that says where the endpoint is.
    const ADDRESS: &'static str;
    /// Those that say which server it is.
    const ORIGIN: &'static [&'static str] = &[Self::ADDRESS];
    /// A parameter that may be left out, and that [`Fixture::parameters`] has.
    const OPTIONAL: &'static str;
    /// Whether a failure says how long to wait.
    const HAS_RETRY_AFTER: bool;

    /// Starts an endpoint.
    async fn start(manner: Manner) -> Result<Self>;

    /// Parameters that lead to it, with every secret that there can be.
    fn parameters(&self) -> Value;

    /// The secrets among them: where, and which.
    fn secrets(&self) -> Vec<(&'static str, String)>;

    /// What [`Fixture::ADDRESS`] is for another host and port, such as `10.0.0.1:443`.
    fn address(host: &str) -> String;

    /// Has parameters lead to another host and port, which speaks no TLS.
    fn move_to(parameters: &mut Value, host: &str) {
        parameters[Self::ADDRESS] = Self::address(host).replace("https:", "http:").into();
    }

    /// Everything that arrived so far. Checks that it came with its credentials and its signature.
    async fn arrived(&self) -> Result<Vec<Arrival>>;
}

/// The destinations of the suite, all with the same keys.
pub(crate) fn destinations(policy: TargetPolicy) -> Result<Destinations> {
    static KEYS: OnceLock<Keyring> = OnceLock::new();
    let ports = Ports::system();
    let keys = match KEYS.get() {
        Some(keys) => keys,
        None => {
            let keys = Keyring::throwaway(&ports)?;
            KEYS.get_or_init(|| keys)
        }
    };
    Ok(Destinations::standard(keys.clone(), ports, policy, TIMEOUT, None)?.with(TcpLines::new))
}

/// Destinations that may reach this machine, for the endpoints are here.
pub(crate) fn local() -> Result<Destinations> {
    destinations(TargetPolicy::AllowLoopback)
}

pub(crate) fn scope() -> Result<Scope> {
    Ok(Scope { tenant: "acme".parse()?, environment: Environment::Production })
}

/// Registers the endpoint.
pub(crate) async fn register<F: Fixture>(endpoint: &F) -> Result<Destination> {
    let accepted = local()?.accept(&scope()?, F::KIND, endpoint.parameters(), None).await;
    Ok(accepted.context("its own parameters")?.0)
}

/// Opens a destination.
pub(crate) fn prepare(destinations: &Destinations, destination: &Destination) -> Result<Arc<dyn Target>> {
    Ok(destinations.prepare(&scope()?, "rt_1", 1, destination)?)
}

/// Sends the one thing that is sent here.
pub(crate) async fn send(target: &dyn Target) -> Attempt {
    let (content_type, body, sent_at) =
        ("application/json", Bytes::from_static(BODY.as_bytes()), Ports::system().now());
    target.send(Parcel { id: ID, content_type, body, sent_at, replay: false }).await
}

/// Starts an endpoint, registers it, and sends to it.
pub(crate) async fn attempt<F: Fixture>(manner: Manner) -> Result<(F, Attempt)> {
    let endpoint = F::start(manner).await?;
    let target = prepare(&local()?, &register(&endpoint).await?)?;
    let attempt = send(target.as_ref()).await;
    Ok((endpoint, attempt))
}
