//! For tests of what work costs.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What `work` gives, and the processor time that it took in this thread: what else runs on the machine does not count.
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = now();
    let made = work();
    (made, now().saturating_sub(before))
}

fn now() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("processor time is not negative")
}
