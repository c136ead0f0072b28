//! What administrators do with a ledger that logins have filled, and at a terminal.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests speak by panics")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use twinlock_tests::picture::Theme;
use twinlock_tests::process::Finished;
use twinlock_tests::{Account, Host, Terminal, oathtool, process};
use twinlock_verifier::record::{Registered, Remembered, Slots};
use twinlock_verifier::{Acceptance, Credential, Limits, Record, Source};

const COMMAND: &str = "/usr/bin/twinlock";
const POLICY: &str = "/etc/twinlock/policy.toml";
const TRIAL: &str = "/etc/twinlock/trial.toml";

fn host() -> (Host, Account) {
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    host.install_command(Path::new(env!("CARGO_BIN_EXE_twinlock")));
    for folder in ["ledger", "credentials", "pending"] {
        let folder = Path::new("/var/lib/twinlock").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    }
    host.policy("require_mfa = true\n");
    (host, maria)
}

fn twinlock(arguments: &[&str]) -> Finished {
    process::run(process::command(COMMAND).args(arguments))
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&twinlock(arguments).ok().stdout).unwrap()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn ledger(account: &Account) -> PathBuf {
    Path::new("/var/lib/twinlock/ledger").join(account.uid.to_string())
}

fn put(host: &Host, account: &Account, record: &Record) {
    let path = ledger(account);
    host.write(&path, "", 0o600);
    std::fs::write(path, Slots::create(record).unwrap()).unwrap();
}

fn get(account: &Account) -> Record {
    Slots::decode(&std::fs::read(ledger(account)).unwrap()).unwrap().record
}

fn accepted(hash: &str) -> Option<Acceptance> {
    let bytes = (0..32).map(|at| u8::from_str_radix(&hash[2 * at..2 * at + 2], 16).unwrap());
    let policy = bytes.collect::<Vec<_>>().try_into().unwrap();
    Some(Acceptance { at: now(), policy, service: "sshd".to_owned() })
}

#[test]
fn a_trial_is_confirmed_by_a_code_that_was_taken_under_it_and_no_other() {
    let (host, maria) = host();
    host.write("/root/new.toml", "require_mfa = true\nattempts = 5\n", 0o600);
    let before = json(&["policy", "show", "--json"])["hash"].as_str().unwrap().to_owned();
    let begun = json(&["policy", "try", "/root/new.toml", "--json"]);
    let hash = begun["hash"].as_str().unwrap();
    assert_eq!(json(&["policy", "show", "--json"])["hash"], *hash, "what a login would note");

    let mut record = Record::new("maria");
    record.last = accepted(&before);
    put(&host, &maria, &record);
    assert_eq!(twinlock(&["policy", "confirm"]).code(), 1);
    record.last = accepted(hash);
    put(&host, &maria, &record);
    // Somebody else's record says nothing, and keeps nobody's from saying it.
    host.write("/var/lib/twinlock/ledger/4002", "damaged", 0o600);
    let confirmed = json(&["policy", "confirm", "--json"]);
    assert_eq!(confirmed["trial"], "confirmed");
    assert_eq!(std::fs::read_to_string(POLICY).unwrap(), "require_mfa = true\nattempts = 5\n");
    assert!(!Path::new(TRIAL).exists());
    host.journal().wait_for(|line| {
        line.facility == 10
            && line.message.contains("event=admin_policy_confirm")
            && line.message.contains("forced=no")
    });
}

#[test]
fn a_code_of_an_earlier_trial_of_the_same_text_does_not_count() {
    let (host, maria) = host();
    host.write("/root/new.toml", "require_mfa = true\n", 0o600);
    let first = json(&["policy", "try", "/root/new.toml", "--json", "--for", "5m"]);
    let mut record = Record::new("maria");
    record.last = accepted(first["hash"].as_str().unwrap());
    put(&host, &maria, &record);
    twinlock(&["policy", "try", "/root/new.toml", "--for", "6m", "--replace"]).ok();
    assert_eq!(twinlock(&["policy", "confirm"]).code(), 1);
}

#[test]
fn a_confirmation_that_was_cut_off_is_finished_by_the_next() {
    let (host, _) = host();
    host.write("/root/new.toml", "require_mfa = false\n", 0o600);
    twinlock(&["policy", "try", "/root/new.toml"]).ok();
    // As a power cut between the two steps leaves it.
    host.policy("require_mfa = false\n");
    assert_eq!(json(&["policy", "show", "--json"])["settings"][0]["value"], "false");
    twinlock(&["policy", "confirm", "--force"]).ok();
    assert!(!Path::new(TRIAL).exists());
    assert_eq!(std::fs::read_to_string(POLICY).unwrap(), "require_mfa = false\n");
}

#[test]
fn unlocking_forgets_failures_and_waits_but_no_used_step() {
    let (host, maria) = host();
    let mut record = Record::new("maria");
    let entry = Registered { fingerprint: [7; 16], last_step: 59_000_000, drift: 1, lean: -1 };
    record.enrolled = true;
    record.authenticators = vec![entry];
    for _ in 0..100 {
        record.count_failure(&Limits::default(), Source::V4([192, 0, 2, 7]), now());
        record.count_recovery_failure(&Limits::default(), now());
    }
    put(&host, &maria, &record);
    let unlocked = json(&["unlock", "maria", "--json"]);
    assert_eq!(unlocked["failures"], 200);
    for yes in ["changed", "was_disabled", "was_throttled"] {
        assert_eq!(unlocked[yes], true, "{yes}");
    }
    assert!(unlocked["ahead_until"].is_null());
    let after = get(&maria);
    assert_eq!(
        (after.failures, after.wait_until, after.recovery_wait_until, after.sources.len()),
        (0, 0, 0, 0)
    );
    assert_eq!(after.authenticators, vec![entry]);
    host.journal().wait_for(|line| {
        line.message.contains("event=admin_unlock")
            && line.message.contains("failures=200 was_disabled=yes outcome=done")
    });
}

#[test]
fn a_record_from_a_future_clock_comes_back_and_opens_no_replay() {
    let (host, maria) = host();
    process::run(maria.command(COMMAND).args(["enroll", "--unattended"])).ok();
    let credential = Credential::parse(maria.read(".twinlock/credential.toml").as_bytes()).unwrap();
    let year = 365 * 86_400;
    let mut record = Record::new("maria");
    record.register(&credential);
    record.last = Some(Acceptance { at: now() + year, policy: [0; 32], service: "sshd".to_owned() });
    record.authenticators[0].last_step = u64::try_from((now() + year) / 30).unwrap();
    record.remembered = vec![Remembered { source: [4; 16], service: [1; 16], since: now() + year }];
    put(&host, &maria, &record);
    let unlocked = twinlock(&["unlock", "maria"]).ok().stdout;
    assert!(unlocked.contains("the record came from a clock that was ahead"), "{unlocked}");
    let after = get(&maria);
    let one = &credential.authenticators[0];
    let step = u64::try_from(now() / 30).unwrap();
    assert!(
        (step..=step + 1).contains(&after.last_used_step(one)),
        "the window of now counts as used, and no more"
    );
    assert!(after.last.as_ref().unwrap().at <= now());
    assert!(after.remembered.is_empty());
    assert_eq!(json(&["unlock", "maria", "--json"])["changed"], false);
}

/// As an import of another module's used steps leaves it, or an enrolment by root while the clock was ahead.
#[test]
fn a_used_step_of_the_future_comes_back_although_nobody_logged_in_yet() {
    let (host, maria) = host();
    process::run(maria.command(COMMAND).args(["enroll", "--unattended"])).ok();
    let credential = Credential::parse(maria.read(".twinlock/credential.toml").as_bytes()).unwrap();
    let mut record = Record::new("maria");
    record.register(&credential);
    record.authenticators[0].last_step = u64::try_from((now() + 365 * 86_400) / 30).unwrap();
    put(&host, &maria, &record);
    assert!(json(&["unlock", "maria", "--json"])["ahead_until"].is_string());
    let step = u64::try_from(now() / 30).unwrap();
    assert!((step..=step + 1).contains(&get(&maria).last_used_step(&credential.authenticators[0])));
    assert_eq!(json(&["unlock", "maria", "--json"])["changed"], false);
}

#[test]
fn unlocking_by_a_clock_that_was_never_set_is_refused() {
    let (host, maria) = host();
    let mut record = Record::new("maria");
    record.last = Some(Acceptance { at: now(), policy: [0; 32], service: "sshd".to_owned() });
    put(&host, &maria, &record);
    host.set_clock("@1970-01-02 00:00:00");
    let ended = twinlock(&["unlock", "maria"]);
    assert_eq!(ended.code(), 1);
    assert!(ended.stderr.contains("which is long past"), "{}", ended.stderr);
    assert_eq!(get(&maria), record);
}

#[test]
fn a_uid_that_was_given_anew_is_reset_under_its_new_name() {
    let (host, maria) = host();
    put(&host, &maria, &Record::new("olga"));
    let ended = twinlock(&["reset", "maria", "--yes"]).ok();
    assert!(ended.stdout.contains("the record was of olga, who had this UID before"), "{}", ended.stdout);
    assert!(!ledger(&maria).exists());
}

#[test]
fn what_a_user_planted_in_the_place_of_the_credential_goes_and_its_target_stays() {
    let (host, maria) = host();
    host.write("/srv/precious/credential.toml", "precious", 0o644);
    std::os::unix::fs::symlink("/srv/precious", maria.path(".twinlock")).unwrap();
    twinlock(&["reset", "maria", "--yes"]).ok();
    assert!(!maria.path(".twinlock").is_symlink());
    maria.write(".twinlock/other", "", 0o600);
    std::os::unix::fs::symlink("/srv/precious/credential.toml", maria.path(".twinlock/credential.toml"))
        .unwrap();
    twinlock(&["reset", "maria", "--yes"]).ok();
    assert!(!maria.path(".twinlock/credential.toml").is_symlink());
    assert_eq!(std::fs::read_to_string("/srv/precious/credential.toml").unwrap(), "precious");
}

#[test]
fn a_look_up_that_fails_makes_no_orphan() {
    let (host, maria) = host();
    put(&host, &maria, &Record::new("maria"));
    // Bounded: no such source answers 'unavailable'.
    let conf = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let rest: String =
        conf.lines().filter(|line| !line.starts_with("passwd")).map(|line| format!("{line}\n")).collect();
    host.write("/etc/nsswitch.conf", &format!("passwd: nosuchsource\n{rest}"), 0o644);
    let ended = twinlock(&["reset", "--orphans", "--yes"]);
    assert_ne!(ended.code(), 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ledger(&maria).exists());
}

#[test]
fn a_reset_at_a_terminal_asks_first() {
    let (host, maria) = host();
    twinlock(&["enroll", "--user", "maria"]).ok();
    for (answer, status, there) in [("", 1, true), ("no", 1, true), ("Yes", 0, false)] {
        let mut screen = Terminal::new(&host).run(COMMAND, &["reset", "maria"]);
        screen.expect("Go on? [y/N]");
        screen.send_line(answer);
        assert_eq!(screen.wait().code(), Some(status), "{answer:?}");
        assert_eq!(ledger(&maria).exists(), there, "{answer:?}");
    }
}

#[test]
fn what_root_sets_up_for_a_user_is_shown_to_scan_and_works() {
    let (host, maria) = host();
    host.policy("require_mfa = true\nunenrolled = \"deny\"\nissuer = \"ACME ERP\"\n");
    let mut screen = Terminal::new(&host).size(100, 60).run(COMMAND, &["enroll", "--user", "maria"]);
    let shown = screen.expect("keep neither.");
    assert!(screen.wait().success(), "{shown}");
    let scanned = screen.scan_qr(Theme::Dark).expect("a picture");
    assert!(scanned.starts_with("otpauth://totp/ACME%20ERP:maria%40erp-t01?secret="), "{scanned}");
    let record = get(&maria);
    assert!(record.enrolled && record.last.is_none());
    let secret = scanned.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    oathtool::with_time_left(5);
    host.write("/tmp/code", &format!("{}\n", oathtool::code_now(&secret)), 0o644);
    let input = std::fs::File::open("/tmp/code").unwrap();
    process::run(maria.command(COMMAND).arg("verify").stdin(input)).ok();
}

#[test]
fn a_user_without_a_home_is_set_up_in_the_state_folder() {
    let (host, _) = host();
    let eva = host.add_user_without_home("eva", "secret", Path::new("/home/eva"));
    let shown = json(&["enroll", "--user", "eva", "--unattended", "--json"]);
    assert_eq!(shown["path"], format!("/var/lib/twinlock/credentials/{}.toml", eva.uid));
    let report = json(&["report", "--format", "json"]);
    let account = report["accounts"].as_array().unwrap().iter().find(|one| one["user"] == "eva").unwrap();
    assert_eq!((&account["enrolled"], &account["place"]), (&"yes".into(), &"system".into()));
}

#[test]
fn a_report_shows_who_is_throttled_disabled_or_in_trouble() {
    let (host, maria) = host();
    let mut record = Record::new("maria");
    for _ in 0..100 {
        record.count_failure(&Limits::default(), Source::V4([192, 0, 2, 7]), now());
    }
    record.last = Some(Acceptance { at: now(), policy: [0; 32], service: "su-l".to_owned() });
    record.enrolled = true;
    put(&host, &maria, &record);
    let report = json(&["report", "--format", "json"]);
    let account = report["accounts"].as_array().unwrap().iter().find(|one| one["user"] == "maria").unwrap();
    assert_eq!(account["enrolled"], "trouble");
    assert!(account["trouble"].as_str().unwrap().contains("is gone"), "{account}");
    assert_eq!((&account["failures"], &account["disabled"]), (&100.into(), &true.into()));
    assert_eq!(account["last_service"], "su-l");
    assert!(account["throttled_until"].is_string(), "{account}");
}
