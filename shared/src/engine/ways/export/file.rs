//! One export file: decided on, written, and the cursor moved past it.

use std::sync::Arc;
use std::time::Duration;

use super::Export;
use crate::deadline::Deadline;
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

/// The longest that closing a file takes: its last part, and the request that puts its parts together.
const CLOSING: Duration = Duration::from_secs(30);

/// A file's content, as far as it came.
pub(super) struct Written {
    bytes: u64,
    events: u64,
    /// Where the next file begins.
    end: Position,
    /// Why it was closed.
    closed: Closed,
}

/// Why a file was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    /// Its time has come.
    Time,
    /// Its size.
    Size,
    /// The worker's time is over; what follows is in the next file, at once.
    Deadline,
}

impl Written {
    /// Whether it is worth a file.
    fn is_enough(&self, plan: &Plan) -> bool {
        self.bytes > 0 && !self.is_too_small(plan)
    }

    /// Whether it was decided on for a size that it does not have.
    fn is_too_small(&self, plan: &Plan) -> bool {
        plan.by_size && self.closed == Closed::Time
    }
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
        cursor.plan = Some(Plan { key, to, by_size, end: None });
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
        cursor: &mut Cursor,
        deadline: Deadline,
    ) -> Result<Written, WriteError> {
        let plan = cursor.plan.clone().ok_or(EngineError::NoFiles)?;
        let mut writer = target.create_file(&plan.key).ok_or(EngineError::NoFiles)?;
        let mut result = self.fill(compiled, cursor, &plan, (&mut *writer, deadline)).await;
        let is_enough = result.as_ref().is_ok_and(|written| written.is_enough(&plan));
        if is_enough && let Err(error) = self.is_current(cursor).await {
            result = Err(error.into());
        }
        if is_enough && result.is_ok() {
            writer.finish().await?;
        } else {
            writer.abort().await;
        }
        result
    }

    async fn fill(
        &self,
        compiled: &Arc<Compiled>,
        cursor: &mut Cursor,
        plan: &Plan,
        (writer, deadline): (&mut dyn FileWriter, Deadline),
    ) -> Result<Written, WriteError> {
        let (scope, end) = (cursor.scope.clone(), ChunkId::floor(plan.to));
        let mut reader = self.log.read(&scope, cursor.from.chunk, end, Direction::OldestFirst);
        let letterhead = Letterhead { tenant: &scope.tenant, route: &compiled.route.id };
        let (mut line, mut events, mut cut) = (Vec::new(), 0, plan.end);
        while let Some((chunk, content)) = reader.next().await? {
            let passed = if chunk == cursor.from.chunk { cursor.from.index } else { 0 };
            let asked = asked_for(content, compiled).await?.into_iter();
            for (index, event) in asked.skip_while(|(index, _)| *index < passed) {
                let place = Position { chunk, index };
                if cut.is_none() && !deadline.allows(CLOSING) {
                    cut = Some(self.cut(cursor, place).await?);
                }
                if let Some(end) = cut.filter(|end| place >= *end) {
                    return Ok(Written { bytes: writer.written(), events, end, closed: Closed::Deadline });
                }
                line.clear();
                compiled.route.face.write_body(&letterhead, &event, &mut line);
                writer.line(&line).await?;
                events += 1;
                if writer.written() >= self.closing.max_bytes {
                    let end = Position { chunk, index: index + 1 };
                    return Ok(Written { bytes: writer.written(), events, end, closed: Closed::Size });
                }
            }
            // A filter may pass over much that it has to read.
            let after = Position { chunk: chunk.after(), index: 0 };
            if cut.is_none() && !deadline.allows(CLOSING) {
                cut = Some(self.cut(cursor, after).await?);
            }
            if let Some(end) = cut.filter(|end| after >= *end) {
                return Ok(Written { bytes: writer.written(), events, end, closed: Closed::Deadline });
            }
        }
        Ok(Written { bytes: writer.written(), events, end: Position::at(plan.to), closed: Closed::Time })
    }

    /// That no other worker is further: one that stood still would write another content over a file that is done.
    async fn is_current(&self, cursor: &Cursor) -> Result<(), EngineError> {
        let stored = self.cursors.get(&cursor.scope, &cursor.route).await?;
        let is_ours = stored.is_some_and(|stored| stored.revision == cursor.revision);
        if is_ours { Ok(()) } else { Err(StoreError::Conflict.into()) }
    }

    /// Writes down where the file ends, before it is closed there: whoever repeats it ends it at the same place.
    async fn cut(&self, cursor: &mut Cursor, end: Position) -> Result<Position, EngineError> {
        if let Some(plan) = &mut cursor.plan {
            plan.end = Some(end);
        }
        self.cursors.update(cursor).await?;
        Ok(end)
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
        let too_small = written.is_too_small(&plan);
        cursor.plan = None;
        if !too_small {
            cursor.from = written.end;
        }
        if written.closed == Closed::Time && !too_small {
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
        Ok(written.closed != Closed::Time)
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
        let change = if written.closed != Closed::Time {
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
