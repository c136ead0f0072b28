//! Trials at real logins: a trial is data and not a timer, so it holds at once, and falls back without anybody's doing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod policy_scene;

use policy_scene::{code_after, enrolled, is_in, log_in, said, stage, till};
use twinlock_policy::{compose, policy_text};
use twinlock_tests::process::{command, run};
use twinlock_tests::{Host, PamClient, oathtool, pam};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const FALSE: &str = "require_mfa = false\n";
const TRUE: &str = "require_mfa = true\n";

fn boot_id() -> String {
    std::fs::read_to_string(BOOT_ID).unwrap().trim().to_owned()
}

/// Puts a policy on trial, from and until so many seconds from now.
fn try_policy(host: &Host, policy: &str, from: i64, until: i64, boot_id: &str) {
    let now = i64::try_from(oathtool::now()).unwrap();
    host.write("/etc/twinlock/trial.toml", &compose(policy, now + from, now + until, boot_id), 0o644);
}

/// The decision about somebody who has no code, at `till`.
fn decision(host: &Host, client: &PamClient) -> String {
    said(host, client).decision
}

#[test]
fn a_trial_holds_at_once_and_falls_back_at_its_deadline_with_nothing_running() {
    let host = stage(FALSE);
    host.add_user("otto", "secret");
    let otto = till(&host, "otto");
    assert_eq!(decision(&host, &otto), "user_driven");
    // One that tightens, and one that loosens.
    for (policy, trial, before, during) in
        [(FALSE, TRUE, "user_driven", "required"), (TRUE, FALSE, "required", "user_driven")]
    {
        host.policy(policy);
        try_policy(&host, trial, 0, 600, &boot_id());
        let said = said(&host, &otto);
        assert_eq!(said.decision, during, "{}", said.line);
        assert!(said.rule.contains("require_mfa at /etc/twinlock/trial.toml:2"), "{}", said.rule);
        // The clock goes on; nothing else happens.
        assert_eq!(decision(&host, &otto.clone().clock("+9m")), during);
        let after = policy_scene::said(&host, &otto.clone().clock("+11m"));
        assert_eq!(after.decision, before, "{}", after.line);
        assert!(after.rule.contains("require_mfa at /etc/twinlock/policy.toml:1"), "{}", after.rule);
        // And what was not the trial's is as it was.
        assert_eq!(std::fs::read_to_string("/etc/twinlock/policy.toml").unwrap(), policy);
        let text = std::fs::read_to_string("/etc/twinlock/trial.toml").unwrap();
        assert_eq!(policy_text(&text), Some(trial));
    }
    // In the wall's own time, to be sure: two seconds, and no clock is moved.
    host.policy(FALSE);
    try_policy(&host, TRUE, 0, 2, &boot_id());
    let start = oathtool::now();
    let mut during = decision(&host, &otto);
    while during == "required" {
        assert!(oathtool::now() < start + 10, "the trial does not end");
        std::thread::sleep(std::time::Duration::from_millis(100));
        during = decision(&host, &otto);
    }
    assert!(oathtool::now() >= start + 2);
    // Whoever takes the file away ends it, too.
    try_policy(&host, TRUE, 0, 600, &boot_id());
    assert_eq!(decision(&host, &otto), "required");
    std::fs::remove_file("/etc/twinlock/trial.toml").unwrap();
    assert_eq!(decision(&host, &otto), "user_driven");
}

#[test]
fn a_reboot_ends_a_trial() {
    let host = stage(FALSE);
    host.add_user("otto", "secret");
    let otto = till(&host, "otto");
    let other = "00000000-1111-2222-3333-444444444444";
    try_policy(&host, TRUE, 0, 600, other);
    assert_eq!(decision(&host, &otto), "user_driven", "the trial of another boot");
    try_policy(&host, TRUE, 0, 600, &boot_id());
    assert_eq!(decision(&host, &otto), "required");
    // The kernel says another id: what a reboot looks like from here. One that it does not say, or not in this shape.
    for id in [format!("{other}\n"), String::new(), "x\n".to_owned()] {
        host.write("/run/boot_id", &id, 0o444);
        run(command("mount").args(["--bind", "/run/boot_id", BOOT_ID])).ok();
        assert_eq!(decision(&host, &otto), "user_driven", "{id:?}");
        run(command("umount").arg(BOOT_ID)).ok();
        assert_eq!(decision(&host, &otto), "required");
    }
}

/// Also cases.md, row 56.
#[test]
fn a_moved_clock_ends_a_trial_and_brings_none_back() {
    let host = stage(TRUE);
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    let otto = till(&host, "otto");
    // Before its start: the clock was set back.
    try_policy(&host, FALSE, 300, 900, &boot_id());
    for (clock, decided) in [
        ("+0", "required"),
        ("+4m", "required"),
        ("+6m", "user_driven"),
        ("+14m", "user_driven"),
        ("+16m", "required"),
        ("+1y", "required"),
        // Row 56: past its deadline, and the clock says that it has not begun.
        ("@1970-01-02 00:00:00", "required"),
    ] {
        assert_eq!(decision(&host, &otto.clone().clock(clock)), decided, "{clock}");
    }
    // One that would hold at 1970 is one of a clock that was never set.
    let epoch = compose(FALSE, 86_400, 86_400 * 2, &boot_id());
    host.write("/etc/twinlock/trial.toml", &epoch, 0o644);
    assert_eq!(decision(&host, &otto.clone().clock("@1970-01-02 12:00:00")), "required");
    // Behind the newest time that the ledger knows of a user, it does not hold for them.
    std::fs::remove_file("/etc/twinlock/trial.toml").unwrap();
    let outcome = log_in(&till(&host, "maria").clock("+1h"), &[&code_after(&phone, 3600)]);
    assert!(is_in(&outcome), "{}", host.journal().text());
    try_policy(
        &host,
        "require_mfa = false\n[[rule]]\nusers = [\"maria\"]\nrequire_mfa = \"report\"\n",
        0,
        600,
        &boot_id(),
    );
    assert_eq!(decision(&host, &till(&host, "maria")), "required");
    assert_eq!(decision(&host, &otto), "user_driven");
}

#[test]
fn a_trial_stands_in_for_policy_toml_and_drop_ins_stay() {
    let host = stage("require_mfa = false\n[[rule]]\nusers = [\"otto\"]\nrequire_mfa = false\n");
    for user in ["otto", "anna"] {
        host.add_user(user, "secret");
    }
    host.policy_drop_in("10-pilot.toml", "[[rule]]\nusers = [\"anna\"]\nrequire_mfa = false\n");
    try_policy(&host, TRUE, 0, 600, &boot_id());
    assert_eq!(decision(&host, &till(&host, "otto")), "required", "a rule of policy.toml is not the trial's");
    assert_eq!(decision(&host, &till(&host, "anna")), "user_driven");
    // What the trial says besides: a text for those it refuses.
    try_policy(&host, "require_mfa = true\nhelp = \"trial desk\"\n", 0, 600, &boot_id());
    let outcome = log_in(&till(&host, "otto"), &[]);
    assert!(outcome.said().contains("trial desk"), "{outcome:?}");
}

#[test]
fn a_broken_trial_is_the_strictest_policy_while_it_holds() {
    let host = stage(FALSE);
    let (_, phone) = enrolled(&host, "maria");
    host.add_user("otto", "secret");
    let now = i64::try_from(oathtool::now()).unwrap();
    let id = boot_id();
    let holds = |policy: &str| compose(policy, now, now + 600, &id);
    let over = |policy: &str| compose(policy, now - 600, now - 300, &id);
    // The file; whether it makes the strictest policy; where the alert points.
    let cases = [
        (holds("require_mfa = True\n"), true, "trial.toml:2:15"),
        (holds("require_mfa = true\nrules = 1\n"), true, "trial.toml:3:1"),
        (holds(""), true, "trial.toml:1:1: require_mfa is missing"),
        (
            "trial = { start = 1, deadline = 2, boot_id = 3 }\nrequire_mfa = false\n".to_owned(),
            true,
            "trial.toml:1:19",
        ),
        ("trial = {}\nrequire_mfa = false\n".to_owned(), true, "trial.toml:1:1: the trial lacks start"),
        (
            compose(FALSE, now, now + 8 * 86_400, &id),
            true,
            "trial.toml:1:1: the trial's deadline is not within 7 days",
        ),
        (compose(FALSE, now, now - 1, &id), true, "trial.toml:1:1: the trial's deadline"),
        ("not even TOML".to_owned(), true, "trial.toml:1:"),
        (String::new(), true, "trial.toml:1:1"),
        // What is over is passed over, whatever stands in it.
        (over("require_mfa = True\n"), false, ""),
        (over(FALSE), false, ""),
    ];
    for (text, strictest, place) in cases {
        host.write("/etc/twinlock/trial.toml", &text, 0o644);
        policy_scene::forget(&host);
        let outcome = log_in(&till(&host, "otto"), &["y"]);
        assert_eq!(!is_in(&outcome), strictest, "{text}: {}", host.journal().text());
        if strictest {
            let alert = host.journal().wait_for(|line| line.message.contains("event=policy_broken"));
            assert!(alert.message.contains(place), "{text}: {}", alert.message);
        }
    }
    host.write("/etc/twinlock/trial.toml", "not even TOML", 0o644);
    assert!(is_in(&log_in(&till(&host, "maria"), &[&phone.code()])), "{}", host.journal().text());
}

/// What `policy confirm` asks for: the ledger keeps the hash of the policy that a code was accepted under.
#[test]
fn the_ledger_keeps_the_hash_of_the_policy_that_a_code_was_accepted_under() {
    let host = stage(FALSE);
    let (maria, phone) = enrolled(&host, "maria");
    let hash =
        |path: &str| run(command("sha256sum").arg(path)).ok().stdout.split(' ').next().unwrap().to_owned();
    let kept = || {
        let bytes = std::fs::read(format!("/var/lib/twinlock/ledger/{}", maria.uid)).unwrap();
        let slots = twinlock_verifier::record::Slots::decode(&bytes).unwrap();
        slots.record.last.unwrap().policy.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    oathtool::with_time_left(5);
    assert!(is_in(&log_in(&till(&host, "maria"), &[&code_after(&phone, -30)])));
    assert_eq!(kept(), hash("/etc/twinlock/policy.toml"));
    try_policy(&host, TRUE, 0, 600, &boot_id());
    assert!(is_in(&log_in(&till(&host, "maria"), &[&phone.code()])));
    assert_eq!(kept(), hash("/etc/twinlock/trial.toml"));
    // A code that is refused changes nothing about it.
    std::fs::remove_file("/etc/twinlock/trial.toml").unwrap();
    assert_eq!(log_in(&till(&host, "maria"), &["000000"]).code("authenticate"), pam::AUTH_ERR);
    try_policy(&host, TRUE, 0, 600, &boot_id());
    assert_ne!(kept(), hash("/etc/twinlock/policy.toml"));
}
