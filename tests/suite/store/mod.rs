//! The store over a real server: what cannot be seen through the API.

mod catalogue;
mod forget;
mod leases;
mod queries;
mod token_keys;
mod transactions;
mod versions;

use std::sync::Arc;

use anyhow::Result;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use sluice::app::{Clients, Patience, Resources};
use sluice::domain::scope::{Environment, Scope};
use sluice::ports::Ports;
use sluice::secrets::Keyring;
use sluice::store::{Db, Tables};
use sluice_local::embedded::{S3Keys, Servers};
use sluice_local::folder::Folder;
use sluice_local::provision;
use sluice_local::usage::{Observer, Usage};
use tempfile::TempDir;

/// An embedded DynamoDB with the tables, and what the store is made of.
pub(crate) struct Store {
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) tables: Tables,
    db: Db,
    keys: Keyring,
    pub(crate) resources: Resources,
    usage: Arc<Usage>,
    pub(crate) clients: Clients,
    pub(crate) servers: Servers,
    _folder: TempDir,
}

impl Store {
    pub(crate) async fn start() -> Result<Self> {
        let temporary = tempfile::tempdir()?;
        let folder = Folder::open(temporary.path())?;
        let s3 = S3Keys { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() };
        let servers = Servers::start(&folder, &s3, &Ports::system()).await?;
        let usage = Arc::new(Usage::default());
        let observer = SharedInterceptor::new(Observer(Arc::clone(&usage)));
        let (dynamodb, sqs) = servers.configs().await;
        let clients = Clients::new(&dynamodb, &sqs, Patience::LOCAL, Some(observer));
        let resources = provision::resources(&clients).await?;
        let (client, tables, ports) = (clients.dynamodb.clone(), resources.tables.clone(), Ports::system());
        let db = Db::new(client.clone(), tables.clone(), ports.clone());
        let keys = Keyring::throwaway(&ports)?;
        Ok(Self { client, tables, db, keys, resources, usage, clients, servers, _folder: temporary })
    }

    /// Sets one attribute of an item, whatever it was.
    async fn set(&self, table: &str, (pk, sk): (&str, &str), name: &str, value: &str) -> Result<()> {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let update = self.client.update_item().table_name(table);
        let update = update.key("pk", S(pk.to_owned())).key("sk", S(sk.to_owned()));
        let update = update.update_expression("SET #name = :value").expression_attribute_names("#name", name);
        update.expression_attribute_values(":value", S(value.to_owned())).send().await?;
        Ok(())
    }
}

pub(crate) fn scope() -> Result<Scope> {
    Ok(Scope { tenant: "acme".parse()?, environment: Environment::Production })
}
