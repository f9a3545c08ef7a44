//! Export: a route's stretch of the log as files in its customer's bucket, exactly once.
//!
//! The file's key and where it ends at the latest are written into the cursor before the first byte is sent, and
//! the cursor moves on by a conditional write after the last. The log does not change before `now - grace`, so a
//! crash anywhere leads to the same bytes under the same key.

use std::sync::Arc;
use std::time::Duration;

use super::matching::asked_for;
use super::{EngineError, Lanes};
use crate::domain::export::{Cursor, Plan, Position, file_name};
use crate::domain::ids::ChunkId;
use crate::domain::integration::LogAction;
use crate::domain::route::{Route, RouteStatus};
use crate::domain::scope::Scope;
use crate::outbound::{Destinations, FileError, FileWriter, Target};
use crate::ports::Ports;
use crate::queue::{ExportMessage, Outgoing, Queue, Queues};
use crate::settings::Settings;
use crate::store::StoreError;
use crate::store::exports::Exports;
use crate::store::journal::Journal;
use crate::store::log::EventLog;
use crate::store::reader::Direction;
use crate::store::routes::{Compiled, Routes};

/// Files of one worker call; the rest goes to the next.
const FILES: usize = 10;

/// Writes export files.
#[derive(Clone)]
pub struct Exporter {
    pub(crate) routes: Routes,
    pub(crate) log: EventLog,
    pub(crate) exports: Exports,
    pub(crate) journal: Journal,
    pub(crate) queues: Queues,
    pub(crate) destinations: Destinations,
    pub(crate) settings: Settings,
    pub(crate) lanes: Lanes,
    pub(crate) ports: Ports,
}

/// A file's content, as far as it came.
struct Written {
    bytes: u64,
    events: u64,
    /// Where the next file begins.
    end: Position,
    /// Closed for its size.
    full: bool,
}

/// Why a file was not written.
enum WriteError {
    /// The customer's side.
    Target(FileError),
    /// Ours.
    Engine(EngineError),
}

impl From<FileError> for WriteError {
    fn from(error: FileError) -> Self {
        Self::Target(error)
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Exporter {
    /// Notes that `bytes` more wait for a route's next file, and has it closed before its time once it is full.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn weigh(&self, scope: &Scope, route: &str, bytes: u64) -> Result<(), EngineError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let total = self.exports.add_waiting(scope, route, bytes).await?;
        let full = self.full();
        // Only who crosses a multiple of the size sends a message, not everybody after.
        if total / full > (total - bytes) / full { self.ask(scope, route, self.settled()).await } else { Ok(()) }
    }

    fn full(&self) -> i64 {
        i64::try_from(self.settings.export_max_bytes).unwrap_or(i64::MAX)
    }

    /// After this time what is logged now can no longer change.
    fn settled(&self) -> Duration {
        self.settings.log_grace + Duration::from_secs(1)
    }

    /// Has a worker look at a route's export.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn ask(&self, scope: &Scope, route: &str, delay: Duration) -> Result<(), EngineError> {
        let message = ExportMessage { scope: scope.clone(), route: route.to_owned() };
        Ok(self.queues.send(Queue::Export, vec![Outgoing::json(&message, delay)?]).await?)
    }

    /// Works on the routes of one worker call; gives back which messages failed, by place.
    pub async fn run(&self, messages: &[String]) -> Vec<usize> {
        let mut failed = Vec::new();
        for (place, text) in messages.iter().enumerate() {
            if let Err(error) = self.message(text).await {
                tracing::error!(%error, "export failed on our side");
                failed.push(place);
            }
        }
        failed
    }

    async fn message(&self, text: &str) -> Result<(), EngineError> {
        let message: ExportMessage = serde_json::from_str(text)?;
        // While one worker waits for a slow bucket, another would only wait beside it.
        let Some(_place) = self.lanes.enter_alone(&message.route) else { return Ok(()) };
        for _ in 0..FILES {
            if !self.file(&message.scope, &message.route).await? {
                return Ok(());
            }
        }
        self.ask(&message.scope, &message.route, Duration::ZERO).await
    }

    /// Writes one file, if one is due; `true` where another may be.
    async fn file(&self, scope: &Scope, uid: &str) -> Result<bool, EngineError> {
        let Some(mut cursor) = self.exports.get(scope, uid).await? else { return Ok(false) };
        let snapshot = self.routes.snapshot(scope).await?;
        let Some(compiled) = snapshot.by_uid(uid) else { return Ok(false) };
        let route = &compiled.route;
        if route.status != RouteStatus::Running {
            return Ok(false);
        }
        let target = self.destinations.prepare(scope, &route.uid, route.revision, &route.destination)?;
        let Some(plan) = self.plan(scope, &mut cursor, target.as_ref()).await? else { return Ok(false) };
        let Some(writer) = target.create_file(&plan.key) else { return Ok(false) };
        match self.write(compiled, writer, &cursor, &plan).await {
            Ok(written) => self.commit(&compiled.route, cursor, plan, written).await,
            Err(WriteError::Engine(error)) => Err(error),
            Err(WriteError::Target(error)) => {
                let (now, reason) = (self.ports.now(), error.to_string());
                self.journal.note(scope, uid, LogAction::ExportFailed, &reason, now).await?;
                Ok(false) // The plan stands; the next tick tries it again.
            }
        }
    }

    /// The file to write: the one that was begun, or a new one if it is time. Durable before the first byte.
    async fn plan(&self, scope: &Scope, cursor: &mut Cursor, target: &dyn Target) -> Result<Option<Plan>, EngineError> {
        if cursor.plan.is_some() {
            return Ok(cursor.plan.clone());
        }
        let now = self.ports.now();
        let by_time = cursor.is_due(now, self.settings.export_interval, self.settings.log_grace);
        let by_size = !by_time && self.exports.waiting(scope, &cursor.route).await? >= self.full();
        let to = cursor.limit(now, self.settings.log_grace);
        if !(by_time || by_size) || Position::at(to) <= cursor.from {
            return Ok(None);
        }
        let name = file_name(&scope.tenant, now, self.ports.bytes());
        let Some(key) = target.file_key(&name) else { return Ok(None) };
        cursor.plan = Some(Plan { key, to, by_size });
        match self.exports.update(cursor).await {
            Err(StoreError::Conflict) => Ok(None),
            other => other.map(|()| cursor.plan.clone()).map_err(EngineError::from),
        }
    }

    async fn write(
        &self,
        compiled: &Arc<Compiled>,
        mut writer: Box<dyn FileWriter>,
        cursor: &Cursor,
        plan: &Plan,
    ) -> Result<Written, WriteError> {
        let result = self.fill(compiled, cursor, plan, writer.as_mut()).await;
        let enough = match &result {
            Ok(written) => written.bytes > 0 && (written.full || !plan.by_size),
            Err(_) => false,
        };
        if enough {
            writer.finish().await?
        } else {
            writer.abort().await
        }
        result
    }

    async fn fill(
        &self,
        compiled: &Arc<Compiled>,
        cursor: &Cursor,
        plan: &Plan,
        writer: &mut dyn FileWriter,
    ) -> Result<Written, WriteError> {
        let mut reader =
            self.log.read(&cursor.scope, cursor.from.chunk, ChunkId::floor(plan.to), Direction::OldestFirst);
        let mut line = Vec::new();
        let mut events = 0;
        while let Some((chunk, content)) = reader.next().await? {
            let passed = if chunk == cursor.from.chunk { cursor.from.index } else { 0 };
            let asked = asked_for(content, compiled).await.map_err(WriteError::Engine)?.into_iter();
            for (index, event) in asked.skip_while(|(index, _)| *index < passed) {
                line.clear();
                event.write_envelope(&cursor.scope.tenant, &mut line);
                writer.line(&line).await?;
                events += 1;
                if writer.written() >= self.settings.export_max_bytes {
                    let end = Position { chunk, index: index + 1 };
                    return Ok(Written { bytes: writer.written(), events, end, full: true });
                }
            }
        }
        Ok(Written { bytes: writer.written(), events, end: Position::at(plan.to), full: false })
    }

    /// Moves the cursor past the file; `true` where there may be another to write now.
    async fn commit(
        &self,
        route: &Route,
        mut cursor: Cursor,
        plan: Plan,
        written: Written,
    ) -> Result<bool, EngineError> {
        let (scope, now) = (cursor.scope.clone(), self.ports.now());
        let too_small = plan.by_size && !written.full;
        cursor.plan = None;
        if !too_small {
            cursor.from = written.end;
        }
        if !written.full && !too_small {
            cursor.closed_at = now;
        }
        match self.exports.update(&mut cursor).await {
            // Another worker wrote the same file and was first.
            Err(StoreError::Conflict) => return Ok(false),
            other => other?,
        }
        // The count is a hint: after each look it is set right by what was found.
        let waiting = self.exports.waiting(&scope, &route.uid).await?;
        let counted = i64::try_from(written.bytes).unwrap_or(i64::MAX);
        let change = if written.full {
            -counted.min(waiting)
        } else if too_small {
            counted - waiting
        } else {
            -waiting
        };
        self.exports.add_waiting(&scope, &route.uid, change).await?;
        if written.bytes > 0 && !too_small {
            let reason = format!("{}: {} events, {} bytes", plan.key, written.events, written.bytes);
            self.journal.note(&scope, &route.uid, LogAction::FileExported, &reason, now).await?;
        }
        Ok(written.full)
    }
}
