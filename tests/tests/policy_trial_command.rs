//! A trial as an administrator runs it, from `twinlock policy try` to `confirm` or to its end, with real logins between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use std::path::Path;

use policy_scene::{code_after, enrolled, is_in, log_in, said, stage, till};
use twinlock_tests::process::{Finished, command, run};
use twinlock_tests::{Host, artefacts, pam};

const POLICY: &str = "/etc/twinlock/policy.toml";
const TRIAL: &str = "/etc/twinlock/trial.toml";
const OLD: &str = "require_mfa = false\n";
const NEW: &str = "# for all, from today\nrequire_mfa = true\nunenrolled = \"deny\"\n";

/// The old policy in force, and the new one where an administrator would write it.
fn house() -> Host {
    let host = stage(OLD);
    host.install_command(&artefacts::command());
    host.write("/root/new.toml", NEW, 0o600);
    host
}

fn twinlock(words: &str) -> Finished {
    run(command("/usr/bin/twinlock").args(words.split(' ')))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_trial_becomes_permanent_after_a_login_with_a_code_under_it_and_not_before() {
    let host = house();
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    // A code that was taken under the old policy.
    assert!(is_in(&log_in(&till(&host, "maria"), &[&code_after(&phone, -30)])), "{}", host.journal().text());
    let begun = twinlock("policy try /root/new.toml --for 10m").ok();
    assert!(begun.stdout.contains("On trial until"), "{begun:?}");
    assert_eq!(said(&host, &till(&host, "otto")).decision, "required");

    // Neither that code, nor a wrong one, nor a login that is refused for want of a code confirms anything.
    let refused = twinlock("policy confirm");
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert_eq!(log_in(&till(&host, "maria"), &["000000"]).code("authenticate"), pam::AUTH_ERR);
    assert!(!is_in(&log_in(&till(&host, "otto"), &[])));
    assert_eq!(twinlock("policy confirm").code(), 1);
    assert_eq!(text(POLICY), OLD);
    assert!(Path::new(TRIAL).exists());

    // Another source than that of the wrong code.
    let office = till(&host, "maria").rhost("192.0.2.8");
    assert!(is_in(&log_in(&office, &[&phone.code()])), "{}", host.journal().text());
    let confirmed = twinlock("policy confirm").ok();
    assert!(confirmed.stdout.contains("Permanent"), "{confirmed:?}");
    assert_eq!(text(POLICY), NEW);
    assert!(!Path::new(TRIAL).exists());

    // Long after the trial's deadline it still holds.
    host.set_clock("+1h");
    let said = said(&host, &till(&host, "otto"));
    assert_eq!(said.decision, "required", "{}", said.line);
    assert!(said.rule.contains("require_mfa at /etc/twinlock/policy.toml:2"), "{}", said.rule);
}

#[test]
fn a_trial_that_nobody_confirms_falls_back_and_can_be_confirmed_no_more() {
    let host = house();
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    twinlock("policy try /root/new.toml --for 10m").ok();
    let outcome = log_in(&till(&host, "maria"), &[&phone.code()]);
    assert!(is_in(&outcome), "{}", host.journal().text());
    host.set_clock("+9m");
    assert_eq!(said(&host, &till(&host, "otto")).decision, "required");
    host.set_clock("+11m");
    let said = said(&host, &till(&host, "otto"));
    assert_eq!(said.decision, "user_driven", "{}", said.line);
    assert!(said.rule.contains("require_mfa at /etc/twinlock/policy.toml:1"), "{}", said.rule);
    assert!(is_in(&log_in(&till(&host, "otto"), &[])), "nobody is asked who has no code");
    // A code was taken under it; but what is over is over.
    let late = twinlock("policy confirm");
    assert_ne!(late.code(), 0, "{late:?}");
    assert_eq!(text(POLICY), OLD);
    let shown = twinlock("policy show").ok();
    assert!(shown.stdout.contains("# trial: passed over: it ended"), "{}", shown.stdout);
}
