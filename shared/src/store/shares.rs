//! How many pieces of slow work are under way for a subject, over all workers. Each is a lease: a worker that dies gives
//! its place back in time.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};

use super::{Db, Item, Key, StoreError};
use crate::domain::partition::ScopeFamily;
use crate::domain::scope::Scope;
use crate::domain::time::Millis;

/// How long a place is held without a sign of life: longer than a worker call.
const HELD: Duration = Duration::from_secs(150);
/// What the attribute of a place begins with.
const PLACE: &str = "at_";
/// The most that are cleared away with one write.
const MAX_CLEARED: usize = 20;

/// Slow work of every scope, by its subject.
#[derive(Clone, Debug)]
pub struct Shares {
    db: Db,
}

/// The places that are taken, and those that were never given back.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// How many are taken.
    pub count: usize,
    over: Vec<String>,
}

fn key(scope: &Scope, subject: &str) -> Key {
    Key::new(&scope.partition(ScopeFamily::Shares), subject)
}

impl Shares {
    /// Over the activity table.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The places that are taken of a subject.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn taken(&self, scope: &Scope, subject: &str) -> Result<Taken, StoreError> {
        let get = self.db.client.get_item().table_name(&self.db.tables.activity);
        // A moment late is early enough: it is a matter of seconds.
        let get =
            get.set_key(Some(key(scope, subject).attributes())).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let item = get.send().await?.item.unwrap_or_default();
        Ok(count(&item, self.run_out()))
    }

    /// Takes a place; gives how many are taken then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(&self, scope: &Scope, subject: &str, holder: &str, known: &Taken) -> Result<usize, StoreError> {
        let until = self.db.ports.now().plus(HELD);
        let cleared: Vec<(String, &String)> =
            known.over.iter().take(MAX_CLEARED).enumerate().map(|(n, place)| (format!("#over{n}"), place)).collect();
        let names: Vec<&str> = cleared.iter().map(|(name, _)| name.as_str()).collect();
        let remove = if names.is_empty() { String::new() } else { format!(" REMOVE {}", names.join(", ")) };
        let mut update = self.update(scope, subject, holder);
        for (name, place) in &cleared {
            update = update.expression_attribute_names(name, *place);
        }
        let answer = update
            .update_expression(format!("SET #place = :until, expires_at = :expires{remove}"))
            .expression_attribute_values(":until", AttributeValue::N(until.0.to_string()))
            .expression_attribute_values(":expires", AttributeValue::N(until.plus(HELD).as_secs().to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        Ok(count(&answer.attributes.unwrap_or_default(), self.run_out()).count)
    }

    /// Gives a place back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_back(&self, scope: &Scope, subject: &str, holder: &str) -> Result<(), StoreError> {
        self.update(scope, subject, holder).update_expression("REMOVE #place").send().await?;
        Ok(())
    }

    fn run_out(&self) -> Millis {
        self.db.run_out(HELD, self.db.ports.now())
    }

    fn update(&self, scope: &Scope, subject: &str, holder: &str) -> UpdateItemFluentBuilder {
        let update = self.db.client.update_item().table_name(&self.db.tables.activity);
        update
            .set_key(Some(key(scope, subject).attributes()))
            .expression_attribute_names("#place", format!("{PLACE}{holder}"))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

fn count(item: &Item, run_out: Millis) -> Taken {
    let mut taken = Taken::default();
    for (name, value) in item.iter().filter(|(name, _)| name.starts_with(PLACE)) {
        let until: i64 = value.as_n().ok().and_then(|until| until.parse().ok()).unwrap_or_default();
        if until > run_out.0 {
            taken.count += 1;
        } else {
            taken.over.push(name.clone());
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_the_dead_are_free() {
        let number = |n: i64| AttributeValue::N(n.to_string());
        let item = Item::from([
            ("pk".to_owned(), AttributeValue::S("x".to_owned())),
            ("at_a".to_owned(), number(100)),
            ("at_b".to_owned(), number(99)),
        ]);
        let taken = count(&item, Millis(99));
        assert_eq!((taken.count, taken.over), (1, vec!["at_b".to_owned()]));
    }
}
