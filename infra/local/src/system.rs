//! The running system: embedded servers, API, workers and schedule in one process.

use std::convert::identity;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use sluice::app::{App, Clients, Keys, Patience};
use sluice::domain::time::Millis;
use sluice::outbound::Destinations;
use sluice::ports::Ports;
use sluice::queue::QueueUrls;
use sluice::settings::Settings;
use sluice_api::http::audit::SourceIp;
use sluice_workers::{BootstrapAnswer, BootstrapRequest};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::StartError;
use crate::chaos::{self, Chaos};
use crate::drain::drain;
use crate::embedded::{REGION, S3Keys, Servers};
use crate::folder::Folder;
use crate::keys;
use crate::listen::{self, Limits, RequestBody, Shares};
use crate::own;
use crate::pollers::Pollers;
use crate::provision::{self, LocalCredentials, S3Access, hex};
use crate::retention;
use crate::usage::{Observer, Report, Usage};

/// The bucket of the embedded S3.
const BUCKET: &str = "sluice-exports";
/// The newest chunks that are kept in memory for the workers; older ones are read from the log.
const RECENT_BYTES: usize = 32 * 1024 * 1024;
/// How long requests under way may take once the process is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the API listens; port 0 takes any.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// The settings.
    pub settings: Settings,
    /// Adds kinds of destination to those of the product; `identity` adds none.
    pub destinations: fn(Destinations) -> Destinations,
    /// Time and randomness; the embedded servers have the machine's own.
    pub ports: Ports,
    /// Makes AWS as unkind as the real one.
    pub chaos: Option<Chaos>,
    /// Has workers that share nothing but the servers, each with one call at a time, as Lambda's processes have; `None`
    /// is one that shares everything with the API.
    pub workers: Option<usize>,
}

/// The settings of the local run: the environment's, with loopback targets allowed, a shorter grace, for there is
/// but one clock, and no limits.
///
/// # Errors
/// The first setting that is not valid.
pub fn local_settings(defaults: &[(&str, &str)]) -> Result<Settings, StartError> {
    const LOCAL: [(&str, &str); 11] = [
        ("SLUICE_DOCUMENT_MAX_BYTES", "52428800"),
        ("SLUICE_ALLOW_INSECURE_TARGETS", "loopback"),
        ("SLUICE_LOG_GRACE_MILLISECONDS", "3000"),
        ("SLUICE_PUBLISH_MAX_BYTES", "5242880"),
        ("SLUICE_CLOCK_TOLERANCE_MILLISECONDS", "0"),
        ("SLUICE_ROUTES_AHEAD_MILLISECONDS", "0"),
        ("SLUICE_ROUTES_BELIEVED_MILLISECONDS", "100"),
        ("SLUICE_REQUESTS_PER_MINUTE", "0"),
        ("SLUICE_TENANT_REQUESTS_PER_MINUTE", "0"),
        ("SLUICE_FAILED_AUTHENTICATIONS_PER_MINUTE", "0"),
        ("SLUICE_EVENTS_PER_DAY", "0"),
    ];
    let local =
        |name: &str| defaults.iter().chain(&LOCAL).find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    Settings::read(|name| std::env::var(name).ok().or_else(|| local(name))).map_err(|e| StartError(e.to_string()))
}

/// The settings of a process that serves at an address. Others than this machine's programs may reach it beyond
/// loopback: then its requests reach public addresses only, unless the environment says otherwise.
///
/// # Errors
/// The first setting that is not valid.
pub fn served_settings(listen: SocketAddr) -> Result<Settings, StartError> {
    let is_local = listen.ip().to_canonical().is_loopback();
    local_settings(if is_local { &[] } else { &[("SLUICE_ALLOW_INSECURE_TARGETS", "off")] })
}

/// A running system.
pub struct System {
    /// The first user's credentials.
    pub credentials: LocalCredentials,
    /// The parts, for tests and benches.
    pub app: App,
    usage: Arc<Usage>,
    backend: Backend,
    pollers: Vec<Pollers>,
    api: JoinHandle<()>,
    stop: CancellationToken,
}

/// The data folder, and the servers over it, unless others stand in for them.
struct Backend {
    folder: Folder,
    servers: Option<Servers>,
    outside: Option<String>,
    /// When the folder, and so all records, became this process's. `None`: others may use them, or have other clocks.
    sole_since: Option<Millis>,
    /// See [`Resources::recent_bytes`](sluice::app::Resources).
    recent_bytes: Option<usize>,
    keys: Keys,
    s3_keys: S3Keys,
    /// Those of the app and of the pollers.
    clients: Clients,
    /// Those that tables and queues are made with: they meet no chaos.
    calm: Clients,
}

impl Backend {
    async fn start(data: &Path, ports: &Ports, usage: &Arc<Usage>, chaos: Option<&Chaos>) -> Result<Self, StartError> {
        let (folder, since) = (Folder::open(data)?, ports.now());
        let (keys, s3_keys) = (keys::load(&folder, ports)?, s3_keys(&folder, ports)?);
        let outside = std::env::var("AWS_ENDPOINT_URL").ok();
        let servers = match outside {
            Some(_) => None,
            None => Some(Servers::start(&folder, &s3_keys, ports).await?),
        };
        let sole_since = (servers.is_some() && chaos.is_none()).then_some(since);
        let access = access(servers.as_ref(), outside.clone(), s3_keys.clone());
        let calm = clients(servers.as_ref(), usage, None).await.with_s3(access.client());
        make_bucket(&calm.s3, provision::DOCUMENTS).await?;
        let clients = match chaos {
            Some(_) => clients(servers.as_ref(), usage, chaos).await.with_s3(access.client()),
            None => calm.clone(),
        };
        Ok(Self { folder, servers, outside, sole_since, recent_bytes: None, keys, s3_keys, clients, calm })
    }

    /// The app over them, and where its queues are.
    async fn app(
        &self,
        settings: Settings,
        ports: Ports,
        destinations: fn(Destinations) -> Destinations,
    ) -> Result<(App, QueueUrls), StartError> {
        let mut resources = provision::resources(&self.calm).await?;
        (resources.sole_since, resources.recent_bytes) = (self.sole_since, self.recent_bytes);
        let urls = resources.queues.clone();
        let app = App::new(&self.clients, resources, settings, self.keys.clone(), ports, destinations);
        Ok((app.map_err(|e| StartError::new("HTTP client", e))?, urls))
    }

    async fn stop(self) {
        if let Some(servers) = self.servers {
            servers.stop().await;
        }
    }
}

/// Creates the operator's tenant in a data folder that no process uses, as `admin.bootstrap` does on AWS.
///
/// # Errors
/// One clear line.
pub async fn bootstrap(
    data: &Path,
    settings: Settings,
    request: &BootstrapRequest,
) -> Result<BootstrapAnswer, StartError> {
    let ports = Ports::system();
    let backend = Backend::start(data, &ports, &Arc::default(), None).await?;
    let (app, _) = backend.app(settings, ports, identity).await?;
    let answer = sluice_workers::bootstrap(&app, request).await.map_err(|e| StartError::new("bootstrap", e));
    backend.stop().await;
    answer
}

impl System {
    /// Starts everything; returns once the API answers.
    ///
    /// # Errors
    /// One clear line.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let listener = listen::bind(options.listen)
            .map_err(|e| StartError::new(format!("cannot listen on {}", options.listen), e))?;
        let address = listener.local_addr().map_err(|e| StartError::new("listener", e))?;
        let (ports, usage) = (options.ports, Arc::new(Usage::default()));
        let chaos = options.chaos;
        let mut backend = Backend::start(&options.data, &ports, &usage, chaos.as_ref()).await?;
        backend.recent_bytes = (backend.sole_since.is_some() && options.workers.is_none()).then_some(RECENT_BYTES);
        let mut settings = options.settings;
        let s3_port = backend.servers.as_ref().map(|servers| servers.s3_address.port());
        settings.reach = settings.reach.without_ports(address.port(), s3_port);
        settings.public_url.get_or_insert_with(|| format!("http://{address}"));
        let (app, urls) = backend.app(settings.clone(), ports.clone(), options.destinations).await?;
        let s3 = bucket(backend.servers.as_ref(), backend.outside.clone(), backend.s3_keys.clone()).await?;
        let credentials = provision::credentials(&backend.folder, &app, &format!("http://{address}"), s3).await?;

        let workers = match (&chaos, options.workers) {
            (None, None) => vec![(app.clone(), None)],
            // The workers run in processes of their own, on AWS: then their clocks are not the API's.
            (Some(_), _) => vec![(backend.app(settings, chaos::behind(&ports), options.destinations).await?.0, None)],
            (None, Some(count)) => {
                let mut workers = Vec::with_capacity(count);
                for _ in 0..count {
                    let worker = backend.app(settings.clone(), ports.clone(), options.destinations).await?.0;
                    workers.push((worker, Some(1)));
                }
                workers
            }
        };
        let start = |(app, parallel): &(App, Option<usize>)| {
            let queues = (&backend.clients.sqs, &urls);
            Pollers::start(app, queues, &usage, chaos.as_ref(), *parallel)
        };
        let pollers = workers.iter().map(start).collect();
        let stop = CancellationToken::new();
        if backend.servers.is_some() {
            let bucket = backend.folder.file("s3").join(provision::DOCUMENTS);
            tokio::spawn(retention::keep(bucket, app.settings.document_retention, stop.clone()));
        }
        let api = tokio::spawn(serve(listener, router(app.clone(), &usage), stop.clone()));
        Ok(Self { credentials, app, usage, backend, pollers, api, stop })
    }

    /// The client of the queues, for tests.
    #[must_use]
    pub fn queues(&self) -> &aws_sdk_sqs::Client {
        &self.backend.calm.sqs
    }

    /// The usage so far, as AWS would bill it.
    #[must_use]
    pub fn usage(&self) -> Report {
        self.usage.report()
    }

    /// Finishes what is under way, and closes every file.
    pub async fn stop(self) {
        self.app.engine.poller.close();
        self.stop.cancel();
        if tokio::time::timeout(DRAIN, self.api).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        futures::future::join_all(self.pollers.into_iter().map(Pollers::stop)).await;
        drop(self.app);
        self.backend.stop().await;
    }
}

/// The endpoints, counted, and what only the local run has.
fn router(app: App, usage: &Arc<Usage>) -> Router {
    let own = own::router(usage, app.ports.clone());
    let counted = sluice_api::router(app).layer(middleware::from_fn_with_state(Arc::clone(usage), count));
    counted.nest("/_local", own).layer(middleware::from_fn(drain)).layer(middleware::map_request(note_source))
}

/// Records the source address: the peer of the connection.
async fn note_source(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(SourceIp(peer.ip().to_string()));
    request
}

async fn count(State(usage): State<Arc<Usage>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = next.run(request).await;
    usage.request(begun.elapsed());
    response
}

async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let limits = Limits::of(Shares::of_process().api);
    let handle = move |request: http::Request<RequestBody>| router.clone().oneshot(request);
    listen::serve(listener, limits, handle, stop.cancelled_owned()).await;
}

/// The clients: of the embedded servers, or of what `AWS_ENDPOINT_URL` names.
async fn clients(servers: Option<&Servers>, usage: &Arc<Usage>, chaos: Option<&Chaos>) -> Clients {
    let observer = Some(SharedInterceptor::new(Observer(Arc::clone(usage))));
    let (dynamodb, sqs) = match servers {
        Some(servers) => servers.configs().await,
        None => {
            let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
            (config.clone(), config)
        }
    };
    match chaos {
        Some(chaos) => Clients::new(&chaos.over(dynamodb), &chaos.over(sqs), Patience::AWS, observer),
        None => Clients::new(&dynamodb, &sqs, Patience::LOCAL, observer),
    }
}

/// The embedded bucket, or one of that name in the outside S3.
async fn bucket(servers: Option<&Servers>, outside: Option<String>, keys: S3Keys) -> Result<S3Access, StartError> {
    let access = access(servers, outside, keys);
    make_bucket(&access.client(), BUCKET).await?;
    Ok(access)
}

async fn make_bucket(client: &aws_sdk_s3::Client, name: &str) -> Result<(), StartError> {
    if client.head_bucket().bucket(name).send().await.is_err() {
        let created = client.create_bucket().bucket(name).send().await;
        created.map_err(|e| StartError::new(name, aws_sdk_s3::error::DisplayErrorContext(&e)))?;
    }
    Ok(())
}

/// How the embedded S3 is reached, or the outside one.
fn access(servers: Option<&Servers>, outside: Option<String>, keys: S3Keys) -> S3Access {
    let (endpoint_url, access_key_id, secret_access_key) = match (servers, outside) {
        (Some(servers), _) => (servers.s3_url(), keys.access_key_id, keys.secret_access_key),
        (None, endpoint) => {
            let variable = |name| std::env::var(name).unwrap_or_default();
            (endpoint.unwrap_or_default(), variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
        }
    };
    S3Access { endpoint_url, access_key_id, secret_access_key, region: REGION.to_owned(), bucket: BUCKET.to_owned() }
}

impl S3Access {
    /// A client for the bucket, as its owner has one.
    #[must_use]
    pub fn client(&self) -> aws_sdk_s3::Client {
        let credentials = Credentials::new(&self.access_key_id, &self.secret_access_key, None, None, "local");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(credentials)
            .endpoint_url(&self.endpoint_url)
            .force_path_style(true);
        aws_sdk_s3::Client::from_conf(config.build())
    }
}

fn s3_keys(folder: &Folder, ports: &Ports) -> Result<S3Keys, StartError> {
    const FILE: &str = "s3-keys.json";
    if let Some(keys) = folder.read(FILE)? {
        return Ok(keys);
    }
    let access_key_id = format!("AKLOCAL{}", hex(&ports.bytes::<6>()).to_ascii_uppercase());
    let keys = S3Keys { access_key_id, secret_access_key: hex(&ports.bytes::<20>()) };
    folder.write(FILE, &keys)?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use sluice::outbound::TargetPolicy;

    use super::*;

    #[test]
    fn who_listens_beyond_loopback_reaches_public_targets_only() {
        for (listen, policy) in [
            ("127.0.0.1:3000", TargetPolicy::AllowLoopback),
            ("[::1]:3000", TargetPolicy::AllowLoopback),
            ("[::ffff:127.0.0.1]:3000", TargetPolicy::AllowLoopback),
            ("0.0.0.0:3000", TargetPolicy::PublicOnly),
            ("[::]:3000", TargetPolicy::PublicOnly),
            ("192.168.1.2:3000", TargetPolicy::PublicOnly),
        ] {
            let settings = served_settings(listen.parse().expect("an address")).expect("settings");
            assert_eq!(settings.reach.policy, policy, "{listen}");
        }
    }
}
