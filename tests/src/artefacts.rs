//! Where the built things lie: the module and the command under test, and the harness's own C parts. Never builds
//! anything: a test must not silently run another build than the one that `make build` made.

use std::path::{Path, PathBuf};

/// The built PAM module: `TWINLOCK_MODULE`, or `release/libpam_twinlock.so` in the target folder.
pub fn module() -> PathBuf {
    built("TWINLOCK_MODULE", "libpam_twinlock.so")
}

/// The built `twinlock` command: `TWINLOCK_COMMAND`, or `release/twinlock` in the target folder.
pub fn command() -> PathBuf {
    built("TWINLOCK_COMMAND", "twinlock")
}

/// The built check helper: `TWINLOCK_CHECK`, or `release/twinlock-check` in the target folder.
pub fn check_helper() -> PathBuf {
    built("TWINLOCK_CHECK", "twinlock-check")
}

fn built(variable: &str, name: &str) -> PathBuf {
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => target_folder().join("release").join(name),
    };
    assert!(path.is_file(), "{} is missing: run `make build` first, or set {variable}", path.display());
    path
}

/// The scripted PAM application of `client/`; or another build of it, `TWINLOCK_APPLICATION` (`make test-asan`).
pub fn pamclient() -> PathBuf {
    std::env::var_os("TWINLOCK_APPLICATION").map_or_else(|| env!("TWINLOCK_PAMCLIENT").into(), PathBuf::from)
}

/// The PAM application of `client/` that logs in from several threads.
pub fn threadclient() -> &'static Path {
    Path::new(env!("TWINLOCK_THREADCLIENT"))
}

/// The PAM module for the stage around the one under test, of `client/`.
pub fn pam_stage() -> &'static Path {
    Path::new(env!("TWINLOCK_PAM_STAGE"))
}

/// The library of `client/` that makes allocations fail, for LD_PRELOAD.
pub fn allocation_faults() -> &'static Path {
    Path::new(env!("TWINLOCK_ALLOCATION_FAULTS"))
}

/// The library of `client/` that makes reads and writes of files short, for LD_PRELOAD.
pub fn short_transfers() -> &'static Path {
    Path::new(env!("TWINLOCK_SHORT_TRANSFERS"))
}

/// The program of `client/` that swaps names as fast as it can.
pub fn swapper() -> &'static Path {
    Path::new(env!("TWINLOCK_SWAPPER"))
}

/// Cargo's target folder: the one that this very program was built into.
pub fn target_folder() -> PathBuf {
    let program = std::env::current_exe().expect("/proc/self/exe");
    // target/<profile>/<program> of a bin, target/<profile>/deps/<program> of a test
    let folder = program.parent().expect("a program built by cargo");
    let profile = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    profile.and_then(Path::parent).expect("a program built by cargo").to_owned()
}

/// A folder of the harness's own in the target folder, on a real disk. Created at need.
pub(crate) fn scratch_folder() -> PathBuf {
    let folder = target_folder().join("twinlock-tests");
    std::fs::create_dir_all(&folder)
        .unwrap_or_else(|error| panic!("cannot create {}: {error}", folder.display()));
    folder
}
