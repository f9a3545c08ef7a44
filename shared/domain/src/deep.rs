//! For tests of what recurses: a stack as large as the engine gives it.

/// Runs `work` on a thread with a large stack.
#[expect(clippy::disallowed_methods, reason = "the engine does this for the domain; its own tests have to")]
pub(crate) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(32 * 1024 * 1024).spawn(work);
    thread.expect("a thread").join().expect("no panic")
}
