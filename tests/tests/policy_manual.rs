//! The manual pages keep up with what they are about: every key that the parser knows, every event that the module logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use twinlock_policy::{Moment, Policy, SourceFile};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("\\-", "-").replace("\\(dq", "\"").replace("\\(ti", "~")
}

fn source<'a>(path: &'a str, text: &'a str) -> SourceFile<'a> {
    SourceFile { path, text: Ok(text.as_bytes()) }
}

/// The faults of a policy.toml, a drop-in and a trial.toml that holds, as `message; mend`.
fn faults(main: &str, drop_in: &str, trial: Option<&str>) -> Vec<String> {
    let moment = Moment { now: 1_801_382_401, boot_id: Some("x"), clock_is_behind: false };
    let trial = trial.map(|text| source("trial.toml", text));
    let drop_ins = [source("policy.d/10.toml", drop_in)];
    let (policy, _) = Policy::in_force(&source("policy.toml", main), &drop_ins, trial.as_ref(), &moment);
    policy.faults().iter().map(|fault| format!("{}; {}", fault.message, fault.mend)).collect()
}

const TOP: &str = "require_mfa = true\n";
/// A key that is near to none.
const STRANGE: &str = "no_such_key_at_all = 1";

/// The keys that the parser says it knows, at each level.
fn known() -> BTreeMap<&'static str, BTreeSet<String>> {
    let listed = |faults: Vec<String>| -> BTreeSet<String> {
        let list = faults.iter().find_map(|fault| fault.split("known here are: ").nth(1));
        let list = list.unwrap_or_else(|| panic!("the parser does not say what it knows: {faults:?}"));
        list.split(", ").map(str::to_owned).collect()
    };
    BTreeMap::from([
        ("top", listed(faults(&format!("{TOP}{STRANGE}\n"), "", None))),
        ("throttle", listed(faults(&format!("{TOP}[throttle]\n{STRANGE}\n"), "", None))),
        ("rule", listed(faults(&format!("{TOP}[[rule]]\nusers = [\"x\"]\n{STRANGE}\n"), "", None))),
        ("drop-in", listed(faults(TOP, STRANGE, None))),
        ("trial", listed(faults(TOP, "", Some(&format!("trial = {{ {STRANGE} }}\n{TOP}"))))),
    ])
}

/// What a page says of each key: the text from its `.TP` to the next, by the word that `.B` or `.BR` names.
fn entries(page: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    for block in page.split("\n.TP\n").skip(1) {
        let text = block.split("\n.SH ").next().unwrap().split("\n.SS ").next().unwrap();
        let (tag, text) = text.split_once('\n').unwrap();
        let words = tag.strip_prefix(".BR ").or(tag.strip_prefix(".B ")).unwrap_or(tag);
        for word in words.split(' ').filter(|word| !word.contains('"') && *word != ",") {
            entries.insert(word.to_owned(), text.to_owned());
        }
    }
    entries
}

fn example(entry: &str) -> Option<&str> {
    entry.split_once(".EX\n")?.1.split_once(".EE").map(|(example, _)| example)
}

#[test]
fn every_key_of_the_policy_is_in_its_manual_with_type_default_and_an_example_that_holds() {
    let entries = entries(&page("twinlock-policy.5"));
    let mut checked = 0;
    for (level, keys) in known() {
        for key in &keys {
            let entry = entries.get(key).unwrap_or_else(|| panic!("{level}: no entry for {key}"));
            for part in ["Type:", "Default:"] {
                assert!(entry.contains(part), "{key}: {part}");
            }
            let example = example(entry).unwrap_or_else(|| panic!("{key}: no example"));
            assert!(example.trim_start_matches('[').starts_with(key.as_str()), "{key}: {example}");
            let exemption = "exempt = true\nreason = \"r\"\napproved_by = \"a\"\nexpires = 2027-03-01\n";
            let rest: String = exemption
                .lines()
                .filter(|line| !line.starts_with(&format!("{key} ")))
                .map(|line| format!("{line}\n"))
                .collect();
            let is_exemption = ["exempt", "reason", "approved_by", "expires"].contains(&key.as_str());
            let trial =
                ["start = 2027-01-31T08:00:00Z", "deadline = 2027-01-31T08:10:00Z", "boot_id = \"x\""]
                    .map(|line| if line.starts_with(key.as_str()) { example.trim() } else { line });
            let found = match level {
                "top" if key == "require_mfa" => faults(example, "", None),
                "top" => faults(&format!("{TOP}{example}"), "", None),
                "throttle" => faults(&format!("{TOP}[throttle]\n{example}"), "", None),
                "rule" if is_exemption => {
                    faults(TOP, &format!("[[rule]]\nusers = [\"x\"]\n{example}{rest}"), None)
                }
                "rule" if key == "users" => faults(TOP, &format!("[[rule]]\n{example}"), None),
                "rule" => faults(TOP, &format!("[[rule]]\nusers = [\"x\"]\n{example}"), None),
                "drop-in" => faults(TOP, example, None),
                _ if key == "trial" => faults(TOP, "", Some(&format!("{example}{TOP}"))),
                _ => faults(TOP, "", Some(&format!("trial = {{ {} }}\n{TOP}", trial.join(", ")))),
            };
            assert!(found.is_empty(), "{level} {key}: {example}: {found:?}");
            checked += 1;
        }
    }
    assert!(checked >= 35, "{checked} keys");
}

#[test]
fn the_bounds_in_the_manual_are_those_of_the_parser() {
    let entries = entries(&page("twinlock-policy.5"));
    // Key, where it stands; the bounds that hold and what lies just beyond.
    for (key, table, least, most, below, above) in [
        ("grace_days", "", "0", "365", "-1", "366"),
        ("attempts", "", "1", "10", "0", "11"),
        ("remember", "", "\"0s\"", "\"90d\"", "0", "\"91d\""),
        ("free_failures", "[throttle]\n", "0", "20", "-1", "21"),
        ("first_wait", "[throttle]\n", "\"1s\"", "\"1h\"", "\"0s\"", "\"2h\""),
        ("longest_wait", "[throttle]\nfirst_wait = \"1s\"\n", "\"1s\"", "\"1d\"", "\"0s\"", "\"2d\""),
        ("disable_after", "[throttle]\nfree_failures = 0\n", "1", "1000", "0", "1001"),
    ] {
        let text = &entries[key];
        assert!(text.contains(&format!("from {least} to {most}")), "{key}: {text}");
        let faults = |value: &str| faults(&format!("{TOP}{table}{key} = {value}\n"), "", None);
        for (value, fine) in [(least, true), (most, true), (below, false), (above, false)] {
            assert_eq!(faults(value).is_empty(), fine, "{key} = {value}: {:?}", faults(value));
        }
    }
    for (key, table, most) in [
        ("issuer", "", 64),
        ("help", "", 200),
        ("name", "[[rule]]\nusers = [\"x\"]\n", 100),
        ("reason", "[[rule]]\nusers = [\"x\"]\n", 200),
        ("approved_by", "[[rule]]\nusers = [\"x\"]\n", 100),
    ] {
        assert!(entries[key].contains(&format!("text of 1 to {most} characters")), "{key}");
        for (length, fine) in [(0, false), (1, true), (most, true), (most + 1, false)] {
            let text = format!("{TOP}{table}{key} = \"{}\"\n", "é".repeat(length));
            assert_eq!(faults(&text, "", None).is_empty(), fine, "{key} of {length}");
        }
    }
}

#[test]
fn the_defaults_in_the_manual_are_those_of_the_parser() {
    let entries = entries(&page("twinlock-policy.5"));
    let policy = Policy::parse(&source("policy.toml", TOP), &[]);
    for shown in policy.settings().iter().filter(|shown| shown.from.is_none()) {
        let key = shown.key.rsplit('.').next().unwrap();
        let default = entries[key].split("Default: ").nth(1).unwrap().lines().next().unwrap();
        let default = default.trim_end_matches('.').split(", never").next().unwrap();
        // The parser shows durations in seconds.
        let as_shown = match default {
            "\"1h\"" => "\"3600s\"",
            other => other,
        };
        assert_eq!(as_shown, shown.value, "{key}");
    }
}

#[test]
fn the_example_at_the_end_of_the_manual_is_a_sound_policy() {
    let page = page("twinlock-policy.5");
    let text = page.split("\n.SH EXAMPLES\n").nth(1).unwrap();
    assert_eq!(faults(example(text).unwrap(), "", None), Vec::<String>::new());
}

#[test]
fn every_event_and_word_of_the_module_is_in_its_manual() {
    let page = page("pam_twinlock.8");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pam-module/src");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for begin in [
            "event(\"",
            ".line(\"",
            "=> arguments.",
            "not_asked(\"",
            "\"reason\", \"",
            "rejected(\"",
            "End(\"",
        ] {
            for rest in text.split(begin).skip(1) {
                let word: String =
                    rest.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect();
                found.insert(word);
            }
        }
    }
    found.remove("");
    assert!(found.len() >= 18, "{found:?}");
    let missing: Vec<_> = found.iter().filter(|word| !page.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
