//! Every seed, and every input that once broke a property, without the fuzzer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use twinlock_fuzz::{TARGETS, target};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The entries of a folder by name; none where there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seed_and_every_found_case_holds_what_its_target_claims() {
    let mut broken = Vec::new();
    let mut tried = 0;
    for target in TARGETS {
        let seeds = entries(&folder("seeds").join(target.name));
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        // A format that changed would leave seeds that try nothing.
        let mut taken = false;
        for path in seeds.into_iter().chain(entries(&folder("found").join(target.name))) {
            let bytes = fs::read(&path).unwrap();
            tried += 1;
            match std::panic::catch_unwind(|| (target.run)(&bytes)) {
                Ok(is_taken) => taken |= is_taken,
                Err(_) => broken.push(path),
            }
        }
        assert!(taken || !broken.is_empty(), "no seed of {} is one that its parser takes", target.name);
    }
    assert!(broken.is_empty(), "of {tried}, these break their target: {broken:#?}");
}

#[test]
fn every_folder_of_cases_belongs_to_a_target() {
    for kind in ["seeds", "found", "dictionaries"] {
        for path in entries(&folder(kind)) {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with('.') || target(name).is_some(), "{kind}/{name} is of no target");
        }
    }
}
