//! Copies of what `setup` touches, and of what it made of it, under /var/lib/twinlock/setup: written and made durable
//! before the first change, so that whatever interrupts it can be undone.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twinlock_system::Paths;

use super::edit::Edit;
use super::place::{self, Looks, beside};
use super::tool::Tool;
use super::trouble::Trouble;

const MANIFEST: &str = "manifest.json";

/// The folder of the copies.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    /// What they are copies of.
    pub manifest: Manifest,
}

/// What was done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// All of it was done.
    pub complete: bool,
    /// The tool that wrote some of the files, and what it was set to before.
    pub tool: Option<(Tool, String)>,
    /// The files, in the order in which they were changed.
    pub files: Vec<Copy>,
}

/// One file; its texts are in files of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    pub path: PathBuf,
    /// None: there was no file.
    pub looks: Option<Looks>,
    /// None: it is not there afterwards.
    pub after: bool,
    /// A tool writes it.
    pub by_tool: bool,
}

/// How a file stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// As before.
    Before,
    /// As setup left it.
    After,
    /// Otherwise.
    Changed,
}

impl Kept {
    /// What an earlier setup kept; None when there is nothing.
    ///
    /// # Errors
    /// [`Trouble::Kept`] when it cannot be read.
    pub fn find(paths: &Paths) -> Result<Option<Self>, Trouble> {
        let folder = folder(paths);
        let manifest = folder.join(MANIFEST);
        let Some(text) = place::read(&manifest)? else { return Ok(None) };
        match serde_json::from_str(&text) {
            Ok(manifest) => Ok(Some(Self { folder, manifest })),
            Err(_) => Err(Trouble::Kept(manifest)),
        }
    }

    /// Begins, or goes on with what is kept already.
    ///
    /// # Errors
    /// [`Trouble::File`].
    pub fn begin(paths: &Paths, earlier: Option<Self>) -> Result<Self, Trouble> {
        if let Some(kept) = earlier {
            return Ok(kept);
        }
        let folder = folder(paths);
        // Copies without a manifest belong to a setup that never changed anything.
        let _ = fs::remove_dir_all(&folder);
        DirBuilder::new().mode(0o700).create(&folder).map_err(Trouble::file("create", &folder))?;
        Ok(Self { folder, manifest: Manifest::default() })
    }

    /// Keeps a file before it is changed. One that is known keeps its oldest text.
    ///
    /// # Errors
    /// [`Trouble::File`].
    pub fn keep(&mut self, edit: &Edit, by_tool: bool) -> Result<(), Trouble> {
        let known = self.manifest.files.iter().position(|copy| copy.path == edit.path);
        let number = known.unwrap_or(self.manifest.files.len());
        if known.is_none() {
            let looks = Looks::of(&edit.path);
            if let Some(text) = &edit.before {
                self.write(number, "before", text)?;
            }
            let after = edit.after.is_some();
            self.manifest.files.push(Copy { path: edit.path.clone(), looks, after, by_tool });
        }
        if known.is_some() && place::read(&self.copy(number, "after"))? != edit.after {
            // Whichever of the two is there when this is interrupted, it is ours.
            if let Some(earlier) = place::read(&self.copy(number, "after"))? {
                self.write(number, "earlier", &earlier)?;
            }
        }
        if let Some(copy) = self.manifest.files.get_mut(number) {
            copy.after = edit.after.is_some();
        }
        match &edit.after {
            Some(text) => self.write(number, "after", text),
            None => Ok(()),
        }
    }

    /// Writes the manifest down.
    ///
    /// # Errors
    /// [`Trouble::File`].
    pub fn save(&self) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(&self.manifest).unwrap_or_default();
        place::write(&self.folder.join(MANIFEST), Some(&text), Looks::PRIVATE)
    }

    /// How the file of a number stands.
    ///
    /// # Errors
    /// [`Trouble::Kept`], [`Trouble::File`].
    pub fn stands(&self, number: usize) -> Result<Now, Trouble> {
        let copy = &self.manifest.files[number];
        let now = place::read(&copy.path)?;
        let before = if copy.looks.is_some() { Some(self.read(number, "before")?) } else { None };
        let after = if copy.after { Some(self.read(number, "after")?) } else { None };
        Ok(if now == before {
            Now::Before
        } else if now == after || now.is_some() && now == place::read(&self.copy(number, "earlier"))? {
            Now::After
        } else {
            Now::Changed
        })
    }

    /// Brings the file of a number back.
    ///
    /// # Errors
    /// [`Trouble::Kept`], [`Trouble::File`].
    pub fn restore(&self, number: usize) -> Result<(), Trouble> {
        let copy = &self.manifest.files[number];
        match copy.looks {
            Some(looks) => place::write(&copy.path, Some(&self.read(number, "before")?), looks),
            None if copy.path.symlink_metadata().is_err() => Ok(()),
            None => place::write(&copy.path, None, Looks::USUAL),
        }
    }

    /// Removes what a setup that was interrupted left beside the file of a number.
    pub fn clear_away(&self, number: usize) {
        let _ = fs::remove_file(beside(&self.manifest.files[number].path));
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// [`Trouble::File`].
    pub fn forget(self) -> Result<(), Trouble> {
        // The manifest first: without it the rest is nothing.
        let manifest = self.folder.join(MANIFEST);
        fs::remove_file(&manifest).map_err(Trouble::file("remove", &manifest))?;
        fs::remove_dir_all(&self.folder).map_err(Trouble::file("remove", &self.folder))
    }

    fn write(&self, number: usize, end: &str, text: &str) -> Result<(), Trouble> {
        place::write(&self.copy(number, end), Some(text), Looks::PRIVATE)
    }

    fn read(&self, number: usize, end: &str) -> Result<String, Trouble> {
        let path = self.copy(number, end);
        place::read(&path)?.ok_or(Trouble::Kept(path))
    }

    fn copy(&self, number: usize, end: &str) -> PathBuf {
        self.folder.join(format!("{number}.{end}"))
    }
}

fn folder(paths: &Paths) -> PathBuf {
    Path::new(&paths.state).join("setup")
}
