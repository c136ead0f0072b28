//! Where everything is. The constants are part of the build; nothing at run time changes them.

use std::path::PathBuf;

/// Places of policy and state.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Folder of `policy.toml`, `policy.d` and `trial.toml`.
    pub policy: PathBuf,
    /// Folder of `ledger`, `credentials` and `pending`.
    pub state: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self { policy: PathBuf::from("/etc/twinlock"), state: PathBuf::from("/var/lib/twinlock") }
    }
}
