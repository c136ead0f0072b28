//! Where a right code's instructions go: the functions by cost, less what an empty login spends in them. Measured on a
//! copy of the module that kept its names, which is otherwise built like the one that is measured.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use twinlock_tests::process;

use crate::client::{self, Client};
use crate::contestant::Contestant;
use crate::measures::instructions::{self, OUTPUT};
use crate::policies;
use crate::stage::{Stage, Storage};

/// Functions that are told.
const TOP: usize = 10;
/// Instructions from which on a function is written down.
const LEAST: i64 = 100;

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

/// What a right code is spent in.
#[derive(Debug)]
pub struct Profile {
    /// What the policy is like.
    policy: &'static str,
    /// The functions by their own cost, most first.
    own: Vec<Cost>,
    /// The functions by their cost with all that they call.
    inclusive: Vec<Cost>,
    /// What callgrind wrote, for other readers of it.
    raw: Vec<u8>,
}

type Cost = (String, i64);

impl Profile {
    /// Measures it with this copy of the module, on a host of its own: without rules and with three.
    pub fn of_a_right_code(client: &Client, module: &Path) -> [Self; 2] {
        let stage = Stage::new(client, Storage::Memory);
        stage.host.install_module(module);
        instructions::count(client, &stage.permitted());
        let without = ["no", "yes"].map(costs);
        [("no rules", policies::PLAIN.to_owned()), ("3 rules", policies::three_rules())].map(
            |(policy, text)| {
                stage.host.policy(&text);
                instructions::count(client, &stage.right_code(Contestant::Twinlock));
                let [own, inclusive] = ["no", "yes"].map(costs);
                Self {
                    policy,
                    own: added(own, &without[0]),
                    inclusive: added(inclusive, &without[1]),
                    raw: std::fs::read(OUTPUT).expect("callgrind's output"),
                }
            },
        )
    }

    /// Writes all of it into the target folder, outside of a host; returns the first lines and where the rest is.
    pub fn keep(&self) -> String {
        let folder = client::folder();
        let name = self.policy.replace(' ', "-");
        let (text, raw) = (folder.join(format!("{name}.txt")), folder.join(format!("{name}.callgrind.out")));
        std::fs::write(&raw, &self.raw).expect("a file in the target folder");
        let lists = [("by their own cost", &self.own), ("with all that they call", &self.inclusive)];
        let lists = lists.map(|(how, costs)| {
            let costs = costs.iter().take_while(|(_, cost)| *cost >= LEAST);
            format!("Right code, {}: functions {how}\n{}\n", self.policy, costs.map(row).collect::<String>())
        });
        std::fs::write(&text, lists.concat()).expect("a file in the target folder");
        let top: String = self.own.iter().take(TOP).map(row).collect();
        format!(
            "Right code, {}: the {TOP} functions that cost most\n{top}all: {}, {}\n\n",
            self.policy,
            text.display(),
            raw.display()
        )
    }
}

fn row((name, cost): &Cost) -> String {
    format!("{cost:>9}  {name}\n")
}

/// What is more than without the module, most first.
fn added(with: BTreeMap<String, i64>, without: &BTreeMap<String, i64>) -> Vec<Cost> {
    let less = |name: &str| without.get(name).copied().unwrap_or(0);
    let mut costs: Vec<Cost> =
        with.into_iter().map(|(name, cost)| (name.clone(), cost - less(&name))).collect();
    costs.sort_by_key(|(_, cost)| Reverse(*cost));
    costs
}

/// Instructions by function, of the login that was counted last.
fn costs(inclusive: &str) -> BTreeMap<String, i64> {
    let mut command = process::command("callgrind_annotate");
    command.args(["--threshold=100", "--auto=no", &format!("--inclusive={inclusive}"), OUTPUT]);
    let text = process::run(&mut command).ok().stdout;
    let mut costs: BTreeMap<String, i64> = BTreeMap::new();
    for line in text.lines() {
        // 12,345 ( 1.23%)  file:function [object]
        let Some((number, rest)) = line.trim_start().split_once(" (") else { continue };
        let Some((name, cost)) =
            rest.split_once(")  ").and_then(|(_, name)| Some((named(name)?, cost(number)?)))
        else {
            continue;
        };
        // A function stands there once for each file that was inlined into it. With what it calls, the largest is all.
        let known = costs.entry(name).or_default();
        *known = if inclusive == "yes" { cost.max(*known) } else { *known + cost };
    }
    costs
}

fn cost(number: &str) -> Option<i64> {
    number.replace(',', "").parse().ok()
}

/// The function and the object's file name, of `file:function [object]`.
fn named(name: &str) -> Option<String> {
    let (name, object) = name.split_once(" [").unwrap_or((name, ""));
    // A colon of the path, not of a Rust name.
    let function = name
        .match_indices(':')
        .find(|(at, _)| !name[at + 1..].starts_with(':'))
        .map(|(at, _)| &name[at + 1..])?;
    let object = object.trim_end_matches(']').rsplit('/').next().unwrap_or_default();
    Some(if object.is_empty() { function.to_owned() } else { format!("{function} [{object}]") })
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_function_is_named_without_its_path() {
        let cases = [
            ("./malloc/./malloc/malloc.c:free [/usr/lib/libc.so.6]", "free [libc.so.6]"),
            ("???:toml::de::parse [/usr/lib/security/pam_twinlock.so]", "toml::de::parse [pam_twinlock.so]"),
        ];
        for (line, name) in cases {
            assert_eq!(named(line).as_deref(), Some(name));
        }
    }
}
