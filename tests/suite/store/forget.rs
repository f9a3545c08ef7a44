//! Forgetting a route leaves nothing of it, and everything of others.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use sluice::domain::partition::{AnyPartition as _, GlobalPartition, RouteFamily};
use sluice::store::routes::Routes;

use super::{Store, scope};

impl Store {
    async fn keys(&self) -> Result<BTreeSet<(String, String)>> {
        let mut keys = BTreeSet::new();
        for table in [&self.tables.config, &self.tables.activity] {
            let found = self.client.scan().table_name(table).send().await?;
            for item in found.items() {
                let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
                keys.insert((text("pk").context("pk")?, text("sk").context("sk")?));
            }
        }
        Ok(keys)
    }
}

#[tokio::test]
async fn every_family_of_a_route_is_cleared() -> Result<()> {
    let (store, scope) = (Store::start().await?, scope()?);
    let routes = Routes::new(store.db.clone(), store.keys.clone());
    let (config, activity) = (&store.tables.config, &store.tables.activity);
    for uid in ["rt_1", "rt_2"] {
        for family in RouteFamily::ALL {
            let table = if *family == RouteFamily::Export { config } else { activity };
            let partition = scope.route_partition(*family, uid);
            for sk in ["1", "2"] {
                store.set(table, (partition.as_str(), sk), "x", "y").await?;
            }
        }
        for global in GlobalPartition::ALL.iter().filter(|global| global.is_of_routes()) {
            store.set(config, (global.as_str(), scope.sort_key(uid).as_str()), "x", "y").await?;
        }
        routes.add_failures(&scope, uid, 3).await?;
    }
    let before = store.keys().await?;
    let of_other: BTreeSet<_> =
        before.iter().filter(|(pk, sk)| !format!("{pk}{sk}").contains("rt_1")).cloned().collect();
    // Two of each family, one of each global partition, and the count of failures.
    ensure!(of_other.len() == RouteFamily::ALL.len() * 2 + 3 + 1, "{of_other:?}");
    routes.forget_route(&scope, "rt_1").await?;
    ensure!(store.keys().await? == of_other, "{:?}", store.keys().await?);
    ensure!((routes.failures(&scope, "rt_1").await?, routes.failures(&scope, "rt_2").await?) == (0, 3));
    store.servers.stop().await;
    Ok(())
}
