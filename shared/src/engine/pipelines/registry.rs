//! Configurations of pipelines: every check before one is written, and whether one is needed before it is deleted.

use zeroize::Zeroizing;

use super::{EngineError, Pipelines};
use crate::connectors::{Connectors, TestReport};
use crate::deep;
use crate::domain::mapping::{Mapping, Preview};
use crate::domain::pipeline::config::Config;
use crate::domain::pipeline::cron::Cron;
use crate::domain::pipeline::instance::Instance;
use crate::domain::pipeline::profile::{StoredProfile, WrittenProfile};
use crate::domain::pipeline::schedule::Schedule;
use crate::domain::pipeline::specification::{MAX_DOCUMENT_BYTES, MappingConfiguration};
use crate::domain::pipeline::system::{System, SystemKind};
use crate::domain::pipeline::zone::ZoneName;
use crate::domain::scope::Scope;
use crate::domain::sealed::MASK;
use crate::domain::value::Value;
use crate::outbound::moved::{self, Origins, origin};
use crate::outbound::written::Faults;
use crate::outbound::{Reach, Refusal, Vault};
use crate::store::StoreError;

/// Records that a preview shows.
const PREVIEWED: usize = 10;

/// Checks configurations.
#[derive(Clone)]
pub struct Registry {
    pub(crate) pipelines: Pipelines,
    pub(crate) vault: Vault,
    pub(crate) reach: Reach,
    pub(crate) connectors: Connectors,
}

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Unacceptable {
    /// What is wrong with it.
    #[error("it is not valid")]
    Refused(Refusal),
    /// Our own side.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for Unacceptable {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Refusal> for Unacceptable {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Where the secret at a pointer of a profile is sent.
fn origins<S>(system: &System<S>, pointer: &str) -> Origins {
    let own = pointer.strip_prefix("/connection").unwrap_or(pointer);
    system.sends(own).iter().map(|url| origin(url)).collect()
}

impl Registry {
    /// A profile as it is stored. Of `kept`, what is stored already, masked secrets stay.
    ///
    /// # Errors
    /// [`Unacceptable`].
    pub async fn profile(
        &self,
        scope: &Scope,
        written: WrittenProfile,
        kept: Option<&StoredProfile>,
    ) -> Result<StoredProfile, Unacceptable> {
        let mut faults = Faults::default();
        faults.extend(written.problems(kept));
        if let Some(kept) = kept {
            let masked = written.connection.secrets().into_iter().filter(|(_, text)| *text == MASK);
            let (before, after) = (&kept.connection, &written.connection);
            let is_kept = |pointer: &str| before.secrets().iter().any(|(known, _)| known == pointer);
            let masks = masked.filter(|(pointer, _)| is_kept(pointer));
            let masks = masks.map(|(pointer, _)| format!("/connection{pointer}")).collect();
            moved::check(&mut faults, masks, |pointer| origins(before, pointer), |pointer| origins(after, pointer));
        }
        let of_buckets = written.connection.kind() == SystemKind::FlatFile;
        let reach = if of_buckets { self.reach.of_buckets() } else { self.reach };
        for (pointer, url) in written.connection.addresses() {
            faults.url(&format!("/connection{pointer}"), &url, reach).await;
        }
        faults.finish(Some(()))?;
        let sealed = written.keep(kept, |text| self.vault.seal(scope, &text));
        Ok(sealed.map_err(Refusal::Keys)?)
    }

    /// A mapping document.
    ///
    /// # Errors
    /// [`Unacceptable`].
    pub async fn mapping(&self, document: serde_json::Value) -> Result<MappingConfiguration, Unacceptable> {
        let text = document.to_string();
        let mut faults = Faults::default();
        if text.len() > MAX_DOCUMENT_BYTES {
            faults.add("", format!("must be at most {MAX_DOCUMENT_BYTES} bytes"));
            return Ok(faults.finish(None)?);
        }
        let compiled = deep::run(move || Mapping::compile(&document)).await;
        let compiled = compiled.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let mapping = compiled.map_err(|problems| {
            problems.into_iter().for_each(|fault| faults.add(&fault.pointer, fault.message));
        });
        let mapping = faults.finish(mapping.ok())?;
        let (name, entity_type) = (mapping.name().to_owned(), mapping.entity_type().to_owned());
        Ok(MappingConfiguration { name, entity_type, document: text })
    }

    /// An instance.
    ///
    /// # Errors
    /// [`Unacceptable`].
    pub async fn instance(&self, scope: &Scope, instance: Instance) -> Result<Instance, Unacceptable> {
        let mut faults = Faults::default();
        faults.extend(instance.problems());
        let stores = &self.pipelines.stores;
        if stores.profiles.get(scope, &instance.source_profile_id).await?.is_none() {
            faults.add("/sourceProfileId", "there is no such connection profile");
        }
        let target = stores.profiles.get(scope, &instance.target_profile_id).await?;
        if target.is_none() {
            faults.add("/targetProfileId", "there is no such connection profile");
        }
        let mut types: Vec<String> = Vec::new();
        for (place, mapping) in instance.mappings.iter().enumerate() {
            let pointer = format!("/mappings/{place}");
            let is_other = target.as_ref().is_some_and(|target| target.body.connection.kind() != mapping.load.kind());
            if is_other {
                faults.add(&format!("{pointer}/load/system"), "must be the system of the target's profile");
            }
            match stores.mappings.compiled(scope, &mapping.mapping_configuration_id).await? {
                None => faults.add(&format!("{pointer}/mappingConfigurationId"), "there is no such mapping"),
                Some(known) => {
                    let entity_type = &known.config.body.entity_type;
                    if types.contains(entity_type) {
                        faults.add(&pointer, format!("is the second mapping of {entity_type}"));
                    }
                    let has_key = known.compiled.as_ref().as_ref().is_some_and(|mapping| mapping.has_key());
                    if mapping.load.needs_key() && !has_key {
                        faults.add(&format!("{pointer}/load"), "needs a mapping with a key");
                    }
                    types.push(entity_type.clone());
                }
            }
        }
        Ok(faults.finish(Some(instance))?)
    }

    /// A schedule.
    ///
    /// # Errors
    /// [`Unacceptable`].
    pub async fn schedule(&self, scope: &Scope, schedule: Schedule) -> Result<Schedule, Unacceptable> {
        let mut faults = Faults::default();
        faults.check("/cron", Cron::parse(&schedule.cron).map(|_| ()));
        faults.check("/timeZone", ZoneName::parse(&schedule.time_zone).map(|_| ()));
        match self.pipelines.instance(scope, &schedule.instance_id).await? {
            None => faults.add("/instanceId", "there is no such instance"),
            Some(instance) => {
                let types = self.pipelines.entity_types(scope, &instance.body).await?;
                if !types.contains(&schedule.entity_type) {
                    faults.add("/entityType", "the instance has no mapping of it");
                }
            }
        }
        Ok(faults.finish(Some(schedule))?)
    }

    /// Takes note of a new instance.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn announce(&self, scope: &Scope, instance: &str) -> Result<(), EngineError> {
        Ok(self.pipelines.stores.directory.note(scope, instance).await?)
    }

    /// Forgets an instance that was deleted, and how far it had read.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn forget(&self, scope: &Scope, instance: &Config<Instance>) -> Result<(), EngineError> {
        self.pipelines.stores.directory.forget(&instance.id).await?;
        for entity_type in self.pipelines.entity_types(scope, &instance.body).await? {
            self.pipelines.stores.cursors.forget(scope, &instance.id, &entity_type).await?;
        }
        Ok(())
    }

    /// The secrets that sign the webhooks of an instance's source, the newest first.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn webhook_secrets(
        &self,
        scope: &Scope,
        instance: &Instance,
    ) -> Result<Vec<Zeroizing<String>>, EngineError> {
        let profile = self.pipelines.stores.profiles.get(scope, &instance.source_profile_id).await?;
        let Some(profile) = profile else { return Ok(Vec::new()) };
        let secrets = profile.body.connection.webhook_secrets().iter();
        Ok(secrets.map(|secret| self.vault.open(scope, secret)).collect::<Result<_, _>>()?)
    }

    /// Calls the system of a profile.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn test(&self, scope: &Scope, profile: &StoredProfile) -> Result<TestReport, EngineError> {
        Ok(self.connectors.test(scope, &profile.connection).await)
    }

    /// What the stages make of a sample: of the first records in it, or of the whole. `None`: there is no such
    /// mapping.
    ///
    /// # Errors
    /// [`Unacceptable`].
    pub async fn preview(&self, scope: &Scope, id: &str, sample: &str) -> Result<Option<Vec<Preview>>, Unacceptable> {
        let Some(known) = self.pipelines.stores.mappings.compiled(scope, id).await? else { return Ok(None) };
        let Some(mapping) = known.compiled.as_ref().clone() else { return Ok(None) };
        let mut faults = Faults::default();
        let sample = Value::parse(sample.as_bytes()).map_err(|error| faults.add("/sample", error.to_string()));
        let sample = faults.finish(sample.ok())?;
        let preview = move || {
            let found = mapping.records(&sample).ok().filter(|records| !records.is_empty());
            let records = found.unwrap_or_else(|| vec![&sample]);
            records.into_iter().take(PREVIEWED).map(|record| mapping.preview(record)).collect()
        };
        let previews = deep::run(preview).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Some(previews))
    }

    /// The instances that need a profile or a mapping, by id.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn users(&self, scope: &Scope, id: &str) -> Result<Vec<String>, EngineError> {
        let instances = self.pipelines.stores.instances.list(scope).await?;
        let needs = |instance: &Instance| {
            instance.source_profile_id == id
                || instance.target_profile_id == id
                || instance.mappings.iter().any(|mapping| mapping.mapping_configuration_id == id)
        };
        Ok(instances.into_iter().filter(|instance| needs(&instance.body)).map(|instance| instance.id).collect())
    }

    /// The schedules of an instance, by id.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn schedules_of(&self, scope: &Scope, instance: &str) -> Result<Vec<String>, EngineError> {
        let schedules = self.pipelines.stores.schedules.list(scope).await?;
        let of = schedules.into_iter().filter(|schedule| schedule.body.instance_id == instance);
        Ok(of.map(|schedule| schedule.id).collect())
    }
}
