//! Files of the administrator's, read and written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::trouble::Trouble;

/// What a new file stands beside while it is written.
const NEW: &str = "twinlock-new";

/// Owner and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Looks {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
}

impl Looks {
    /// Root's, to be read by everybody.
    pub const USUAL: Self = Self { uid: 0, gid: 0, mode: 0o644 };
    /// Root's alone.
    pub const PRIVATE: Self = Self { uid: 0, gid: 0, mode: 0o600 };

    /// Of what is there.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(Self { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & 0o7777 })
    }
}

/// The text of a file; None when there is none.
///
/// # Errors
/// [`Trouble::File`]; a link is one, since its place would be taken by a file.
pub fn read(path: &Path) -> Result<Option<String>, Trouble> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if !metadata.is_file() => return Err(Trouble::NotAFile(path.to_owned())),
        _ => {}
    }
    let bytes = fs::read(path).map_err(Trouble::file("read", path))?;
    String::from_utf8(bytes).map(Some).map_err(|_| Trouble::NotAFile(path.to_owned()))
}

/// Replaces a file, or removes it where there shall be none.
///
/// # Errors
/// [`Trouble::File`]; then the old one is still there.
pub fn write(path: &Path, text: Option<&str>, looks: Looks) -> Result<(), Trouble> {
    let fault = Trouble::file("write", path);
    let written = match text {
        None => fs::remove_file(path),
        Some(text) => replace(path, text, looks),
    };
    written.map_err(fault)?;
    // As durable as the file system makes the name.
    let _ = path.parent().map(File::open).map(|folder| folder.and_then(|folder| folder.sync_all()));
    Ok(())
}

fn replace(path: &Path, text: &str, looks: Looks) -> std::io::Result<()> {
    let new = beside(path);
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| chown(&new, Some(looks.uid), Some(looks.gid)))
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(looks.mode)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Where a file is written before it takes its place.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(NEW);
    PathBuf::from(name)
}
