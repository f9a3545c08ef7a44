//! One export file: decided on, written, and the cursor moved past it.

use std::sync::Arc;

use super::Export;
use crate::domain::activity::Activity;
use crate::domain::export::{Cursor, Plan, Position, file_name};
use crate::domain::face::Letterhead;
use crate::domain::ids::ChunkId;
use crate::domain::route::Route;
use crate::domain::scope::Scope;
use crate::engine::EngineError;
use crate::engine::matching::asked_for;
use crate::outbound::{FileError, FileWriter, Target};
use crate::store::StoreError;
use crate::store::reader::Direction;
use crate::store::routes::Compiled;

/// A file's content, as far as it came.
pub(super) struct Written {
    bytes: u64,
    events: u64,
    /// Where the next file begins.
    end: Position,
    /// Closed for its size.
    full: bool,
}

/// Why a file was not written.
pub(super) enum WriteError {
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

impl From<EngineError> for WriteError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl Export {
    /// The file to write: the one that was begun, or a new one if it is time. Durable before the first byte.
    pub(super) async fn plan(
        &self,
        scope: &Scope,
        cursor: &mut Cursor,
        target: &dyn Target,
    ) -> Result<Option<Plan>, EngineError> {
        if cursor.plan.is_some() {
            return Ok(cursor.plan.clone());
        }
        let (now, grace) = (self.ports.now(), self.closing.grace);
        let by_time = cursor.is_due(now, self.closing.interval, grace);
        let by_size = !by_time && self.cursors.waiting(scope, &cursor.route).await? >= self.full();
        let to = cursor.limit(now, grace);
        if !(by_time || by_size) || Position::at(to) <= cursor.from {
            return Ok(None);
        }
        let name = file_name(&scope.tenant, now, self.ports.bytes());
        let key = target.file_key(&name).ok_or(EngineError::NoFiles)?;
        cursor.plan = Some(Plan { key, to, by_size });
        match self.cursors.update(cursor).await {
            Err(StoreError::Conflict) => Ok(None),
            other => other.map(|()| cursor.plan.clone()).map_err(EngineError::from),
        }
    }

    /// Writes the planned file, if there is enough for it.
    pub(super) async fn write(
        &self,
        compiled: &Arc<Compiled>,
        target: &dyn Target,
        cursor: &Cursor,
        plan: &Plan,
    ) -> Result<Written, WriteError> {
        let mut writer = target.create_file(&plan.key).ok_or(EngineError::NoFiles)?;
        let result = self.fill(compiled, cursor, plan, &mut *writer).await;
        let enough = match &result {
            Ok(written) => written.bytes > 0 && (written.full || !plan.by_size),
            Err(_) => false,
        };
        if enough {
            writer.finish().await?;
        } else {
            writer.abort().await;
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
        let (scope, end) = (&cursor.scope, ChunkId::floor(plan.to));
        let mut reader = self.log.read(scope, cursor.from.chunk, end, Direction::OldestFirst);
        let letterhead = Letterhead { tenant: &scope.tenant, route: &compiled.route.id };
        let (mut line, mut events) = (Vec::new(), 0);
        while let Some((chunk, content)) = reader.next().await? {
            let passed = if chunk == cursor.from.chunk { cursor.from.index } else { 0 };
            let asked = asked_for(content, compiled).await?.into_iter();
            for (index, event) in asked.skip_while(|(index, _)| *index < passed) {
                line.clear();
                compiled.route.face.write_body(&letterhead, &event, &mut line);
                writer.line(&line).await?;
                events += 1;
                if writer.written() >= self.closing.max_bytes {
                    let end = Position { chunk, index: index + 1 };
                    return Ok(Written { bytes: writer.written(), events, end, full: true });
                }
            }
        }
        Ok(Written { bytes: writer.written(), events, end: Position::at(plan.to), full: false })
    }

    /// Moves the cursor past the file; `true` if there may be another to write now.
    pub(super) async fn commit(
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
        match self.cursors.update(&mut cursor).await {
            // Another worker wrote the same file and was first.
            Err(StoreError::Conflict) => return Ok(false),
            other => other?,
        }
        self.correct_waiting(&scope, route, &written, too_small).await?;
        if written.bytes > 0 && !too_small {
            let activity = Activity::FileWritten { key: plan.key, events: written.events, bytes: written.bytes };
            self.journal.note(&scope, &route.uid, &activity, now).await?;
        }
        Ok(written.full)
    }

    /// The count of waiting bytes is a hint: after each look it is corrected by what was found.
    async fn correct_waiting(
        &self,
        scope: &Scope,
        route: &Route,
        written: &Written,
        too_small: bool,
    ) -> Result<(), EngineError> {
        let waiting = self.cursors.waiting(scope, &route.uid).await?;
        let counted = i64::try_from(written.bytes).unwrap_or(i64::MAX);
        let change = if written.full {
            -counted.min(waiting)
        } else if too_small {
            counted - waiting
        } else {
            -waiting
        };
        self.cursors.add_waiting(scope, &route.uid, change).await?;
        Ok(())
    }
}
