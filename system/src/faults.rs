//! Hidden panics for tests: that one anywhere in a login is a refusal and nothing worse has to be seen, not believed.
//! Without the feature `do-not-ship-faults` a point is nothing at all, and its name is not in the artefact.

#[cfg(feature = "do-not-ship-faults")]
static ARMED: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);

/// Asks which point shall panic from now on in this process; None for none of them.
#[cfg(feature = "do-not-ship-faults")]
pub fn arm(point: impl FnOnce() -> Option<String>) {
    *ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = point();
}

/// Asks nobody, in a build without faults.
#[cfg(not(feature = "do-not-ship-faults"))]
pub fn arm(_: impl FnOnce() -> Option<String>) {}

/// A place where a test may make this build panic.
#[cfg(feature = "do-not-ship-faults")]
pub fn point(name: &str) {
    let armed = ARMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_deref() == Some(name);
    #[expect(clippy::panic, reason = "it is what this is for")]
    if armed {
        panic!("hidden fault: {name}");
    }
}

/// A place where a test may make another build panic.
#[cfg(not(feature = "do-not-ship-faults"))]
pub const fn point(_: &str) {}
