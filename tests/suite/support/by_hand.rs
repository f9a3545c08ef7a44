//! A system whose workers a test calls itself: with the deadlines it wants, in as many processes as it wants, over an AWS
//! that takes its time.

use std::convert::identity;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, QueueAttributeName};
use sluice::app::{App, Clients, Keys, Patience, Resources};
use sluice::deadline::Deadline;
use sluice::domain::face::FaceKind;
use sluice::domain::route::RouteKey;
use sluice::engine::messages::Recipient;
use sluice::ports::{Clock, Ports};
use sluice::queue::Queue;
use sluice::secrets::Keyring;
use sluice::settings::Settings;
use sluice_local::embedded::{S3Keys, Servers};
use sluice_local::folder::Folder;
use sluice_local::provision::{self, S3Access};
use sluice_local::system::local_settings;
use sluice_workers::Worker;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::delays::Delays;
use super::mortal::Life;
use super::world::{SETTINGS, tenant_of};
use super::{Api, Tenant};

const BUCKET: &str = "exports";

/// The servers, the API, and a process for workers.
pub(crate) struct ByHand {
    /// The API's process, which is the first that works.
    pub(crate) app: App,
    /// How long requests to DynamoDB and SQS wait.
    pub(crate) delays: Delays,
    clients: Clients,
    resources: Resources,
    settings: Settings,
    keys: Keyring,
    base: String,
    s3: S3Access,
    servers: Servers,
    api: JoinHandle<std::io::Result<()>>,
    folder: TempDir,
}

impl ByHand {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_keeping(None, settings).await
    }

    /// One whose processes keep so many bytes of the newest chunks at hand.
    pub(crate) async fn start_keeping(recent_bytes: Option<usize>, settings: &[(&str, &str)]) -> Result<Self> {
        let (temporary, ports, delays) = (tempfile::tempdir()?, Ports::system(), Delays::default());
        let folder = Folder::open(temporary.path())?;
        let s3_keys = S3Keys { access_key_id: "test".to_owned(), secret_access_key: "test-secret".to_owned() };
        let servers = Servers::start(&folder, &s3_keys, &ports).await?;
        let (dynamodb, sqs) = servers.configs().await;
        let clients = Clients::new(&delays.over(dynamodb), &delays.over(sqs), Patience::LOCAL, None);
        let resources = Resources { recent_bytes, ..provision::resources(&clients).await? };
        let settings: Vec<(&str, &str)> = settings.iter().chain(&SETTINGS).copied().collect();
        let (settings, keys) = (local_settings(&settings)?, Keyring::throwaway(&ports)?);
        let s3 = S3Access {
            endpoint_url: servers.s3_url(),
            access_key_id: s3_keys.access_key_id,
            secret_access_key: s3_keys.secret_access_key,
            region: "us-east-1".to_owned(),
            bucket: BUCKET.to_owned(),
        };
        for bucket in [BUCKET, &resources.documents] {
            s3.client().create_bucket().bucket(bucket).send().await?;
        }
        let clients = clients.with_s3(s3.client());
        let app = process(&clients, &resources, &settings, &keys, ports)?;
        let (base, api) = serve(app.clone()).await?;
        Ok(Self { app, delays, clients, resources, settings, keys, base, s3, servers, api, folder: temporary })
    }

    /// Another process over the same records, with state of its own.
    pub(crate) fn process(&self) -> Result<App> {
        process(&self.clients, &self.resources, &self.settings, &self.keys, Ports::system())
    }

    /// The same on another clock.
    pub(crate) fn process_on(&self, clock: impl Clock) -> Result<App> {
        let ports = Ports::new(clock, sluice::ports::System);
        process(&self.clients, &self.resources, &self.settings, &self.keys, ports)
    }

    /// A process that takes the place of all before it, with an API of its own, and lives that long.
    pub(crate) async fn successor(&self, life: &Life) -> Result<Successor> {
        self.successor_on(life, sluice::ports::System).await
    }

    /// The same on another clock.
    pub(crate) async fn successor_on(&self, life: &Life, clock: impl Clock) -> Result<Successor> {
        let ports = Ports::new(clock, sluice::ports::System);
        // What an earlier one began lies before it, by the clock too.
        ports.wait_until(ports.now().plus(Duration::from_millis(1))).await;
        let resources = Resources { sole_since: Some(ports.now()), ..self.resources.clone() };
        let (dynamodb, sqs) = self.servers.configs().await;
        let clients = Clients::new(&life.over(dynamodb), &life.over(sqs), Patience::LOCAL, None);
        let clients = clients.with_s3(life.over_bucket(&self.clients.s3));
        let app = process(&clients, &resources, &self.settings, &self.keys, ports)?;
        let (base, api) = serve(app.clone()).await?;
        Ok(Successor { app, base, api })
    }

    /// A new tenant with every scope.
    pub(crate) async fn tenant(&self) -> Result<Tenant> {
        tenant_of(&self.app, &Api::open(&self.base)?, self.s3.clone()).await
    }

    /// An integration's route, as messages name it, once it is live.
    pub(crate) async fn recipient(&self, tenant: &Tenant, integration: &str) -> Result<Recipient> {
        self.recipient_of(tenant, &RouteKey::new(FaceKind::Integration, integration)).await
    }

    /// The same of any route.
    pub(crate) async fn recipient_of(&self, tenant: &Tenant, key: &RouteKey) -> Result<Recipient> {
        let scope = tenant.scope();
        let route = self.app.stores.routes.get(&scope, key).await?.context("a route")?;
        // What is published before that comes by replay as well.
        self.app.ports.wait_until(route.state.live_from()).await;
        Ok(Recipient::new(&scope, &route.uid))
    }

    /// How many messages wait in a queue, or are worked on.
    pub(crate) async fn waiting(&self, queue: Queue) -> Result<usize> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let get = self.clients.sqs.get_queue_attributes().queue_url(self.resources.queues.of(queue));
        let all = get.set_attribute_names(Some(names.to_vec())).send().await?.attributes.context("attributes")?;
        names.iter().map(|name| Ok(all.get(name).context("a count")?.parse::<usize>()?)).sum()
    }

    /// Parts of uploads to the embedded S3 that were begun and not ended. It cannot list them.
    pub(crate) fn parts(&self) -> Result<usize> {
        let root = self.folder.path().join("s3");
        let mut names = Vec::new();
        for folder in [root.join(BUCKET), root] {
            names.extend(std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())));
        }
        let names: Vec<_> = names.into_iter().collect::<Result<_, _>>()?;
        Ok(names.iter().filter(|name| name.to_string_lossy().contains("upload")).count())
    }

    /// Takes up to so many of a worker's messages, from 1 to 10; waits some seconds for the first.
    pub(crate) async fn take(&self, worker: Worker, most: i32, wait: i32) -> Result<SqsEvent> {
        let receive = self.clients.sqs.receive_message().queue_url(self.resources.queues.of(worker.queue()));
        let received = receive.max_number_of_messages(most).wait_time_seconds(wait).send().await?;
        let mut event = SqsEvent::default();
        for message in received.messages.unwrap_or_default() {
            let mut record = SqsMessage::default();
            (record.message_id, record.body) = (message.message_id, message.body);
            record.receipt_handle = message.receipt_handle;
            event.records.push(record);
        }
        Ok(event)
    }

    /// Calls a worker as Lambda would, and deletes what is done; gives how many messages failed.
    pub(crate) async fn call(&self, app: &App, worker: Worker, event: &SqsEvent, deadline: Deadline) -> Result<usize> {
        let failed = worker.run(app, event, deadline).await.batch_item_failures;
        let done = |record: &&SqsMessage| {
            failed.iter().all(|failure| Some(&failure.item_identifier) != record.message_id.as_ref())
        };
        self.delete(worker, event.records.iter().filter(done)).await?;
        Ok(failed.len())
    }

    /// Deletes messages of a worker.
    pub(crate) async fn delete(&self, worker: Worker, records: impl IntoIterator<Item = &SqsMessage>) -> Result<()> {
        let entry = |(place, record): (usize, &SqsMessage)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(place.to_string());
            entry.set_receipt_handle(record.receipt_handle.clone()).build()
        };
        let entries = records.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
        if !entries.is_empty() {
            let delete = self.clients.sqs.delete_message_batch().queue_url(self.resources.queues.of(worker.queue()));
            delete.set_entries(Some(entries)).send().await?;
        }
        Ok(())
    }

    /// Matches everything that was published against the routes.
    pub(crate) async fn dispatch(&self) -> Result<()> {
        loop {
            let event = self.take(Worker::Dispatch, 10, 0).await?;
            if event.records.is_empty() {
                return Ok(());
            }
            let failed = self.call(&self.app, Worker::Dispatch, &event, Deadline::after(super::SOON)).await?;
            ensure!(failed == 0, "{failed} chunks could not be dispatched");
        }
    }

    pub(crate) async fn stop(self) {
        self.api.abort();
        drop(self.app);
        self.servers.stop().await;
    }
}

/// A process that came after others.
pub(crate) struct Successor {
    pub(crate) app: App,
    pub(crate) base: String,
    api: JoinHandle<std::io::Result<()>>,
}

impl Drop for Successor {
    fn drop(&mut self) {
        self.api.abort();
    }
}

async fn serve(app: App) -> Result<(String, JoinHandle<std::io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    Ok((base, tokio::spawn(axum::serve(listener, sluice_api::router(app)).into_future())))
}

fn process(clients: &Clients, resources: &Resources, settings: &Settings, keys: &Keyring, ports: Ports) -> Result<App> {
    let keys = Keys { secrets: keys.clone(), tokens: None };
    Ok(App::new(clients, resources.clone(), settings.clone(), keys, ports, identity)?)
}
