//! Where everything is. The constants are part of the build; nothing at run time changes them.

use std::path::{Path, PathBuf};

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

/// The path of `name` in `folder`, made in one piece: `Path::join` takes two, and a login needs a dozen of them.
pub(crate) fn below(folder: &Path, name: &str) -> PathBuf {
    let mut path =
        PathBuf::with_capacity(folder.as_os_str().len().saturating_add(name.len()).saturating_add(1));
    path.push(folder);
    path.push(name);
    path
}
