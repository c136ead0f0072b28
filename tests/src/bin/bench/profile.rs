//! Where a right code's instructions go: the functions by cost, less what an empty login spends in them. Measured on a
//! copy of the module that kept its names, which is otherwise built like the one that is measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use twinlock_tests::process;

use crate::client::{self, Client};
use crate::contestant::Contestant;
use crate::measures::instructions::{self, OUTPUT};
use crate::stage::{Login, Stage, Storage};

/// Functions that are told.
const TOP: usize = 10;
const LONGEST_NAME: usize = 110;

/// Builds the module with its names; returns its path. Outside of a host.
pub fn build() -> PathBuf {
    let target = client::folder().join("with-names");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--locked", "--package", "pam_twinlock", "--target-dir"])
        .arg(&target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .env("CARGO_PROFILE_RELEASE_STRIP", "false")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "1")
        .status();
    assert!(status.is_ok_and(|status| status.success()), "cannot build the module with its names");
    target.join("release/libpam_twinlock.so")
}

/// The functions that a right code without rules is spent in, by their own cost and with what they call.
pub fn of_a_right_code(client: &Client, module: &Path) -> String {
    let stage = Stage::new(client, Storage::Memory);
    stage.host.install_module(module);
    let [own, inclusive] = ["no", "yes"].map(|inclusive| {
        let permit = costs(client, &stage.permitted(), inclusive);
        let mut costs: Vec<(String, i64)> = costs(client, &stage.right_code(Contestant::Twinlock), inclusive)
            .into_iter()
            .map(|(name, cost)| (name.clone(), cost - permit.get(&name).copied().unwrap_or(0)))
            .collect();
        costs.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
        costs
    });
    let all = [("own cost", &own), ("with all that is called", &inclusive)];
    let mut whole = String::new();
    for (what, costs) in all {
        writeln!(whole, "Right code, no rules, added instructions by function, {what}:").expect("a string");
        whole.extend(costs.iter().take_while(|(_, cost)| *cost >= 100).map(row));
    }
    let path = client::folder().join("profile.txt");
    // The file is for the reader outside; the host may cover its folder, so it is written by the caller's text too.
    let _ = std::fs::write(path, &whole);
    let mut top = format!("Right code, no rules: the {TOP} functions that cost most\n");
    top.extend(own.iter().take(TOP).map(row));
    top + "\n" + &whole
}

fn row((name, cost): &(String, i64)) -> String {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    format!("{cost:>9}  {name}\n")
}

/// Instructions by function.
fn costs(client: &Client, login: &Login, inclusive: &str) -> BTreeMap<String, i64> {
    instructions::count(client, login);
    let mut command = process::command("callgrind_annotate");
    command.args(["--threshold=100", "--auto=no", &format!("--inclusive={inclusive}"), OUTPUT]);
    let text = process::run(&mut command).ok().stdout;
    let mut costs = BTreeMap::new();
    for line in text.lines() {
        // 12,345 ( 1.23%)  file:function [object]
        let Some((number, rest)) = line.trim_start().split_once(" (") else { continue };
        let (Ok(cost), Some((_, name))) = (number.replace(',', "").parse::<i64>(), rest.split_once(")  "))
        else {
            continue;
        };
        *costs.entry(name.to_owned()).or_default() += cost;
    }
    costs
}
