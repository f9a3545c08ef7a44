//! The store over a real server: what cannot be seen through the API.

mod catalogue;
mod forget;
mod queries;
mod transactions;

use anyhow::Result;
use sluice::domain::scope::{Environment, Scope};
use sluice::ports::Ports;
use sluice::secrets::Keyring;
use sluice::store::{Db, Tables};
use sluice_local::embedded::{S3Keys, Servers};
use sluice_local::folder::Folder;
use sluice_local::provision;
use tempfile::TempDir;

/// An embedded DynamoDB with the tables, and what the store is made of.
struct Store {
    client: aws_sdk_dynamodb::Client,
    tables: Tables,
    db: Db,
    keys: Keyring,
    servers: Servers,
    _folder: TempDir,
}

impl Store {
    async fn start() -> Result<Self> {
        let temporary = tempfile::tempdir()?;
        let folder = Folder::open(temporary.path())?;
        let s3 = S3Keys { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() };
        let servers = Servers::start(&folder, &s3, &Ports::system()).await?;
        let clients = servers.clients(None).await;
        let tables = provision::resources(&clients).await?.tables;
        let (client, ports) = (clients.dynamodb, Ports::system());
        let db = Db::new(client.clone(), tables.clone(), ports.clone());
        Ok(Self { client, tables, db, keys: Keyring::throwaway(&ports)?, servers, _folder: temporary })
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

fn scope() -> Result<Scope> {
    Ok(Scope { tenant: "acme".parse()?, environment: Environment::Production })
}
