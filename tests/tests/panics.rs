//! A panic anywhere in a hook is a hard error for the host and nothing else: no way in, no abort, not a word, the host's
//! identity as it was, the lock free, the ledger whole. The panics are real: a build with hidden faults, which is made here
//! and is not the one that anybody installs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use twinlock_tests::witness::{count_faults, key_in, record_path};
use twinlock_tests::{Account, Dialogue, Host, Outcome, PamClient, Phone, artefacts, pam};
use twinlock_verifier::record::Slots;

/// The module with faults in it, built once beside the real one.
fn faulty_module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
        let target = artefacts::target_folder().join("faulty");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .current_dir(workspace)
            .args(["build", "--quiet", "--release", "--offline", "--locked", "-p", "pam_twinlock"])
            .args(["--features", "do-not-ship-faults", "--target-dir"])
            .arg(&target)
            .output()
            .expect("cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("release/libpam_twinlock.so")
    })
}

/// A host with the faulty module; `till` shows its own codes.
fn faulty_host() -> Host {
    let built = faulty_module();
    let bytes = std::fs::read(built).unwrap();
    let host = Host::that_requires_codes();
    // The target folder may be one that the host covers and sees as it was.
    host.write("/tmp/faulty.so", "", 0o644);
    std::fs::write("/tmp/faulty.so", bytes).unwrap();
    host.install_module(Path::new("/tmp/faulty.so"));
    host.witnessed_service("till", "account_phase", "");
    host.add_user("clerk", "secret");
    host.add_group("desk", &["clerk"]);
    host
}

/// Where a fault is, and what leads there.
struct Fault {
    point: &'static str,
    /// What of the host or the user leads past the point.
    prepare: fn(&Host, &Account),
}

const fn on_the_way(point: &'static str) -> Fault {
    Fault { point, prepare: |_, _| () }
}

const POLICY: &str = "require_mfa = true\nenroll_at = [\"till\"]\naccount_required = [\"till\"]\n";

fn client(host: &Host, user: &str) -> PamClient {
    PamClient::new(host, "till").user(user).rhost("192.0.2.7").chain("authenticate,acct_mgmt").keep_going()
}

/// A login with a fault in it that answers every prompt so, held at its end: what follows shows what the process still has.
fn faulty(host: &Host, user: &str, chain: &str, fault: &Fault, answer: impl Fn(&str) -> String) -> Dialogue {
    let client = client(host, user).chain(&format!("{chain},hold")).pam_env("TWINLOCK_FAULT", fault.point);
    // A setuid program of somebody with groups: what is not restored is seen.
    let mut login = client.setuid_for("clerk").start();
    login.answer_until_held(|login, prompt| login.answer(&answer(&prompt.text)));
    login
}

/// Ends a login with a fault in it: `hook` was the one that panicked.
fn assert_hard_error(mut login: Dialogue, hook: &str, fault: &Fault, host: &Host) -> Outcome {
    login.release();
    let (outcome, point) = (login.finish(), fault.point);
    assert_eq!(outcome.module_code(hook), pam::ABORT, "{point}: {outcome:?}\n{}", host.journal().text());
    assert!(![pam::SUCCESS, pam::IGNORE].contains(&outcome.code(hook)), "{point}: {outcome:?}");
    outcome.assert_host_unchanged();
    assert!(outcome.status.is_some_and(|status| status.success()), "{point}: the host died: {outcome:?}");
    outcome
}

/// A login without a fault that answers every prompt so: it takes no time to speak of, since no lock is left.
fn sound(host: &Host, user: &str, answer: impl Fn(&str) -> String) -> Outcome {
    let begin = Instant::now();
    let mut login = client(host, user).start();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer(&answer(&message.text));
        }
    }
    let outcome = login.finish();
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    outcome
}

/// Both slots of the record are whole, where there is a record.
fn assert_record_is_whole(account: &Account, fault: &Fault) {
    if let Ok(bytes) = std::fs::read(record_path(account)) {
        let slots = Slots::decode(&bytes).unwrap_or_else(|damage| panic!("{}: {damage}", fault.point));
        assert!(slots.whole, "{}: one slot is damaged", fault.point);
    }
}

/// A user of the host whose phone is registered by the code of the step before now.
fn enrolled(host: &Host, name: &str) -> (Account, Phone) {
    let account = host.add_user(name, "secret");
    let phone = Phone::of(&account);
    let code = phone.code_at_step(-1);
    assert_eq!(sound(host, name, |_| code.clone()).module_code("authenticate"), pam::SUCCESS);
    (account, phone)
}

#[test]
fn a_panic_in_the_auth_hook_lets_nobody_in_and_leaves_nothing_behind() {
    let host = faulty_host();
    let faults = [
        on_the_way("authenticate"),
        on_the_way("user name"),
        on_the_way("policy reading"),
        on_the_way("user look-up"),
        Fault {
            point: "group look-up",
            prepare: |host, _| {
                host.policy(&format!("{POLICY}[[rule]]\ngroups = [\"root\"]\nremember = \"1s\"\n"))
            },
        },
        on_the_way("ledger reading"),
        on_the_way("credential reading"),
        Fault {
            // Behind a folder that only a group may enter: the second try, with groups, is the one that panics.
            point: "credential reading",
            prepare: |host, account| {
                let group = host.add_group("floor", &[&account.name]);
                std::fs::create_dir("/home/floor").unwrap();
                chown("/home/floor", Some(0), Some(group)).unwrap();
                std::fs::set_permissions("/home/floor", std::fs::Permissions::from_mode(0o750)).unwrap();
                let home = format!("/home/floor/{}", account.name);
                std::fs::rename(&account.home, &home).unwrap();
                let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
                let moved = passwd.replace(&format!(":{}:", account.home.display()), &format!(":{home}:"));
                std::fs::write("/etc/passwd", moved).unwrap();
            },
        },
        on_the_way("conversation"),
        on_the_way("password item"),
        Fault {
            point: "ledger creation",
            prepare: |_, account| std::fs::remove_file(record_path(account)).unwrap(),
        },
        on_the_way("ledger before the change"),
        on_the_way("change of the record"),
        on_the_way("ledger before the write"),
        on_the_way("ledger before the sync"),
        on_the_way("marker writing"),
        on_the_way("log"),
        on_the_way("variable writing"),
    ];
    for (number, fault) in faults.iter().enumerate() {
        host.policy(POLICY);
        let name = format!("user{number}");
        let (account, phone) = enrolled(&host, &name);
        (fault.prepare)(&host, &account);
        let (code, next) = (phone.code(), phone.code_at_step(1));
        let login = faulty(&host, &name, "authenticate,acct_mgmt", fault, |_| code.clone());
        assert_record_is_whole(&account, fault);
        // The process with the panic behind it still runs. The code works once more, or it was used up.
        let again = sound(&host, &name, |_| code.clone()).module_code("authenticate");
        assert!([pam::SUCCESS, pam::AUTH_ERR].contains(&again), "{}: {again}", fault.point);
        let once_more = sound(&host, &name, |_| code.clone()).module_code("authenticate");
        assert_eq!(once_more, pam::AUTH_ERR, "{}: the code works twice", fault.point);
        let outcome = sound(&host, &name, |_| next.clone());
        assert_eq!(
            outcome.module_code("authenticate"),
            pam::SUCCESS,
            "{}: {}",
            fault.point,
            host.journal().text()
        );
        let outcome = assert_hard_error(login, "authenticate", fault, &host);
        // A host that goes on all the same is stopped by the account hook, unless a code was verified and recorded.
        if !["log", "variable writing"].contains(&fault.point) {
            let code = outcome.module_code("acct_mgmt");
            assert!(![pam::SUCCESS, pam::IGNORE].contains(&code), "{}: {outcome:?}", fault.point);
        }
    }
    drop(host);
    count_faults("panics_in_the_auth_hook", faults.len());
}

#[test]
fn a_panic_in_the_auth_hook_of_whoever_is_not_asked_is_no_way_in_either() {
    let host = faulty_host();
    let exempt = "require_mfa = true\n[[rule]]\nusers = [\"batch\"]\nexempt = true\nreason = \"x\"\napproved_by = \"y\"\n\
                  expires = 2099-01-01\n";
    host.policy(exempt);
    host.witnessed_service("till", "after_publickey", "");
    let batch = host.add_user("batch", "secret");
    let faults = [
        on_the_way("authenticate"),
        on_the_way("marker writing"),
        on_the_way("variable reading"),
        on_the_way("log"),
    ];
    for fault in &faults {
        let login = faulty(&host, "batch", "authenticate", fault, |_| panic!("nothing is asked"));
        assert_hard_error(login, "authenticate", fault, &host);
        assert_record_is_whole(&batch, fault);
    }
    drop(host);
    count_faults("panics_where_nothing_is_asked", faults.len());
}

#[test]
fn a_panic_in_the_account_hook_lets_nobody_in_and_leaves_nothing_behind() {
    let host = faulty_host();
    host.policy(POLICY);
    let (account, phone) = enrolled(&host, "maria");
    let faults = [
        "acct_mgmt",
        "marker reading",
        "policy reading",
        "user name",
        "user look-up",
        "ledger reading",
        "credential reading",
        "log",
        "conversation",
    ]
    .map(on_the_way);
    for fault in &faults {
        let login = faulty(&host, "maria", "acct_mgmt", fault, |_| panic!("nothing is asked"));
        assert_hard_error(login, "acct_mgmt", fault, &host);
        assert_record_is_whole(&account, fault);
    }
    let code = phone.code();
    assert_eq!(sound(&host, "maria", |_| code.clone()).module_code("acct_mgmt"), pam::SUCCESS);
    drop(host);
    count_faults("panics_in_the_account_hook", faults.len());
}

#[test]
fn a_panic_while_somebody_enrols_lets_nobody_in_and_the_next_login_goes_on() {
    let host = faulty_host();
    host.policy(POLICY);
    let points = [
        "pending writing",
        "conversation",
        "ledger creation",
        "ledger before the change",
        "credential writing",
        "ledger before the write",
        "ledger before the sync",
        "variable writing",
    ];
    let faults = points.map(on_the_way);
    for (number, fault) in faults.iter().enumerate() {
        let name = format!("user{number}");
        let account = host.add_user(&name, "secret");
        let phone = std::cell::RefCell::new(None);
        // Enrols by what is shown, and answers with codes that were not used before.
        let answer = |step: i64| {
            let phone = &phone;
            move |prompt: &str| {
                if prompt.contains("Key: ") {
                    *phone.borrow_mut() = Some(Phone::with_key(key_in(prompt)));
                }
                phone.borrow().as_ref().map_or(String::new(), |phone: &Phone| phone.code_at_step(step))
            }
        };
        let login = faulty(&host, &name, "authenticate,acct_mgmt", fault, answer(-1));
        assert_record_is_whole(&account, fault);
        let outcome = sound(&host, &name, answer(0));
        assert_eq!(
            outcome.module_code("acct_mgmt"),
            pam::SUCCESS,
            "{}: {outcome:?}\n{}",
            fault.point,
            host.journal().text()
        );
        let outcome = sound(&host, &name, answer(1));
        assert_eq!(outcome.module_code("authenticate"), pam::SUCCESS, "{}: {outcome:?}", fault.point);
        assert_hard_error(login, "acct_mgmt", fault, &host);
    }
    drop(host);
    count_faults("panics_while_somebody_enrols", faults.len());
}

#[test]
fn a_panic_in_setcred_is_a_hard_error_too() {
    let host = faulty_host();
    host.add_user("maria", "secret");
    let fault = on_the_way("setcred");
    let login = faulty(&host, "maria", "setcred", &fault, |_| panic!("nothing is asked"));
    assert_hard_error(login, "setcred", &fault, &host);
    drop(host);
    count_faults("panics_in_setcred", 1);
}

/// The variable of the faults means nothing to the module that is installed, and the names of the points are not in it.
#[test]
fn the_module_that_is_shipped_has_no_faults_in_it() {
    let shipped = std::fs::read(artefacts::module()).unwrap();
    let faulty = std::fs::read(faulty_module()).unwrap();
    let holds = |file: &[u8], text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
    for text in
        ["TWINLOCK_FAULT", "hidden fault", "user look-up", "ledger before the sync", "pending writing"]
    {
        assert!(!holds(&shipped, text), "{text:?} is in the module");
        assert!(holds(&faulty, text), "{text:?} is not even in the faulty one: this test tests nothing");
    }
    let host = Host::that_requires_codes();
    let phone = Phone::of(&host.add_user("maria", "secret"));
    let mut login = client(&host, "maria").pam_env("TWINLOCK_FAULT", "authenticate").start();
    login.expect_prompt("Verification code: ");
    login.answer(&phone.code());
    assert_eq!(login.finish().code("authenticate"), pam::SUCCESS);
}
