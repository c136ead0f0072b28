//! No memory: a hook asks for some before anything else and says so by PAM_BUF_ERR. A failure later may end the process, as
//! Rust does, but it lets nobody in and leaves the ledger whole. Every allocation of a login is made to fail, one at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use twinlock_tests::witness::{count_faults, key_in, record_path};
use twinlock_tests::{Account, Dialogue, Host, Outcome, PamClient, Phone, artefacts, oathtool, pam};
use twinlock_verifier::Record;
use twinlock_verifier::record::Slots;

const PRELOADED: &str = "/tmp/allocation_faults.so";
const COUNT: &str = "/tmp/allocations";

/// A host whose service `till` shows the module's own codes, with the library that makes allocations fail.
fn host() -> Host {
    let library = std::fs::read(artefacts::allocation_faults()).unwrap();
    let host = Host::that_requires_codes();
    std::fs::write(PRELOADED, library).unwrap();
    host
}

/// A login in which allocations fail as `fault` says.
fn client(host: &Host, chain: &str, fault: &str) -> PamClient {
    let client = PamClient::new(host, "till").user("maria").rhost("192.0.2.7").chain(chain).keep_going();
    let client = client.env("LD_PRELOAD", PRELOADED).env("ALLOCATION_COUNT", COUNT);
    client.env("ALLOCATION_FAULT", fault).limit("core", 0)
}

/// Plays a login to its end, or to the end of its process.
fn play(client: &PamClient, mut answer: impl FnMut(&mut Dialogue, &str)) -> Outcome {
    let mut login = client.start();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            answer(&mut login, &message.text);
        }
    }
    let outcome = login.finish();
    let said = outcome.stray.trim();
    // Rust's own last words, or those of libc.
    let last_words = said.starts_with("memory allocation of ")
        || said.contains("nss_database.c")
        || said == "cannot allocate memory for thread-local data: ABORT";
    assert!(said.is_empty() || last_words, "printed: {said:?}");
    outcome
}

fn record(account: &Account) -> Record {
    let bytes = std::fs::read(record_path(account)).expect("a record");
    let slots = Slots::decode(&bytes).expect("a whole record");
    assert!(slots.whole, "one slot is damaged");
    slots.record
}

/// A user with a registered phone.
fn enrolled(host: &Host) -> (Account, Phone) {
    let maria = host.add_user("maria", "secret");
    let phone = Phone::of(&maria);
    let code = phone.code_at_step(-1);
    let outcome = play(&PamClient::new(host, "till").user("maria"), |login, _| login.answer(&code));
    assert_eq!(outcome.code("authenticate"), pam::SUCCESS);
    host.witnessed_service("till", "account_phase", "");
    (maria, phone)
}

/// What became of the logins in which one allocation failed.
#[derive(Default)]
struct Count {
    ended: usize,
    refused: usize,
    let_in: usize,
    /// How often each code was returned.
    codes: BTreeMap<i32, usize>,
}

impl Count {
    fn of(&self) -> usize {
        self.ended + self.refused + self.let_in
    }

    /// Counts a login; the hook's code, None where the process ended in it.
    fn add(&mut self, outcome: &Outcome, hook: &str) -> Option<i32> {
        if !outcome.called(hook) {
            assert!(outcome.status.is_some_and(|status| !status.success()), "{outcome:?}");
            self.ended += 1;
            return None;
        }
        let code = outcome.module_code(hook);
        *self.codes.entry(code).or_default() += 1;
        if code == pam::SUCCESS {
            self.let_in += 1;
        } else {
            self.refused += 1;
        }
        Some(code)
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ended, refused, let_in, codes } = self;
        write!(
            f,
            "{} failed allocations: {ended} ended the process, {refused} were refused, {let_in} did no harm; by code {codes:?}",
            self.of()
        )
    }
}

/// How many allocations the hook makes, as the last login counted them.
fn allocations() -> usize {
    std::fs::read_to_string(COUNT).expect("a count").trim().parse().expect("a number")
}

#[test]
fn without_a_mebibyte_of_memory_each_hook_says_buf_err() {
    let host = host();
    let (maria, phone) = enrolled(&host);
    host.policy("require_mfa = true\naccount_required = [\"till\"]\n");
    let before = record(&maria);
    for (hook, code) in [
        ("authenticate", pam::BUF_ERR),
        ("acct_mgmt", pam::BUF_ERR),
        ("setcred", pam::SUCCESS),
        ("open_session", pam::IGNORE),
    ] {
        let outcome = play(&client(&host, hook, "size:1048576"), |_, prompt| panic!("{hook} asks {prompt}"));
        assert_eq!(outcome.module_code(hook), code, "{hook}");
        outcome.assert_host_unchanged();
    }
    assert_eq!(record(&maria), before);
    let code = phone.code();
    let outcome = play(&client(&host, "authenticate,acct_mgmt", "none"), |login, _| login.answer(&code));
    assert_eq!(outcome.code("acct_mgmt"), pam::SUCCESS);
    drop(host);
    count_faults("no_mebibyte_of_memory", 4);
}

/// A real limit, tightened step by step: at first all is well, in the end not even the module can be loaded, and between
/// the two is the probe. A wrong code is no way in at any of them.
#[test]
fn under_a_limit_of_address_space_a_hook_says_buf_err() {
    let host = host();
    let (_, phone) = enrolled(&host);
    host.policy("require_mfa = true\n[throttle]\nfree_failures = 20\nfirst_wait = \"1s\"\nlongest_wait = \"1s\"\ndisable_after = 1000\n");
    let (wrong, mut codes) = (phone.wrong_code(), Vec::new());
    for kibibytes in (3000..14_000).step_by(160) {
        let client = PamClient::new(&host, "till").user("maria").chain("authenticate").limit("core", 0);
        let outcome = play_under_limit(&client.limit("as", kibibytes << 10), &wrong);
        codes.push(outcome.hooks.first().filter(|hook| hook.name == "authenticate").map(|hook| hook.code));
        if let Some((_, code)) = outcome.witnessed.first() {
            codes.push(Some(*code));
        }
    }
    assert!(!codes.contains(&Some(pam::SUCCESS)) && !codes.contains(&Some(pam::IGNORE)), "{codes:?}");
    assert!(codes.contains(&Some(pam::BUF_ERR)) && codes.contains(&Some(pam::AUTH_ERR)), "{codes:?}");
    drop(host);
    count_faults("limits_of_address_space", codes.len());
}

/// The loader and the application may complain, too.
fn play_under_limit(client: &PamClient, answer: &str) -> Outcome {
    let mut login = client.start();
    while let Some(message) = login.next_message() {
        if message.kind.is_prompt() {
            login.answer(answer);
        }
    }
    login.finish()
}

#[test]
fn whichever_allocation_of_a_login_fails_nobody_gets_in_and_the_ledger_is_whole() {
    let host = host();
    let (maria, phone) = enrolled(&host);
    let (before, whole) = (record(&maria), std::fs::read(record_path(&maria)).unwrap());
    let restore = || {
        std::fs::write(record_path(&maria), &whole).unwrap();
        std::fs::set_permissions(record_path(&maria), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let wrong = phone.wrong_code();

    oathtool::with_time_left(3);
    let outcome = play(&client(&host, "authenticate", "none"), |login, _| login.answer(&phone.code()));
    assert_eq!(outcome.module_code("authenticate"), pam::SUCCESS);
    let (mut right, mut first, mut guessed) = (Count::default(), Count::default(), Count::default());
    for nth in 1..=allocations() {
        let fault = format!("nth:{nth}");
        // A right code: whoever is in is in by a code that is used up.
        restore();
        let code = phone.code();
        let outcome = play(&client(&host, "authenticate", &fault), |login, _| login.answer(&code));
        let result = right.add(&outcome, "authenticate");
        let after = record(&maria);
        let used = after.authenticators[0].last_step > before.authenticators[0].last_step;
        assert!(result != Some(pam::SUCCESS) || used, "{fault}: in, and the code is not recorded");
        assert_ne!(result, Some(pam::IGNORE), "{fault}");
        // The first code of all, which registers the phone and makes the record.
        std::fs::remove_file(record_path(&maria)).unwrap();
        let outcome = play(&client(&host, "authenticate", &fault), |login, _| login.answer(&code));
        let result = first.add(&outcome, "authenticate");
        let enrolled = Path::new(&record_path(&maria)).exists() && record(&maria).enrolled;
        assert!(result != Some(pam::SUCCESS) || enrolled, "{fault}: in, and not enrolled");
        assert_ne!(result, Some(pam::IGNORE), "{fault}");
        // A wrong one: never.
        restore();
        let mut asked = 0;
        let outcome = play(&client(&host, "authenticate", &fault), |login, _| {
            asked += 1;
            if asked == 1 { login.answer(&wrong) } else { login.answer_null() }
        });
        let result = guessed.add(&outcome, "authenticate");
        assert!(result != Some(pam::SUCCESS) && result != Some(pam::IGNORE), "{fault}: {result:?}");
        record(&maria);
    }
    assert_eq!(guessed.let_in, 0);
    restore();
    assert!(right.ended > right.of() / 2, "the library does not reach the module's allocations: {right}");
    let code = phone.code_at_step(1);
    let outcome = play(&client(&host, "authenticate", "none"), |login, _| login.answer(&code));
    assert_eq!(outcome.module_code("authenticate"), pam::SUCCESS);
    drop(host);
    eprintln!("a right code: {right}");
    eprintln!("the first code: {first}");
    eprintln!("a wrong code: {guessed}");
    count_faults("failed_allocations_of_a_login", right.of() + first.of() + guessed.of());
}

#[test]
fn whichever_allocation_fails_whoever_must_enrol_elsewhere_does_not_get_in() {
    let host = host();
    host.add_user("maria", "secret");
    host.witnessed_service("till", "", "");
    host.policy("require_mfa = true\naccount_required = [\"till\"]\n[[rule]]\ngroups = [\"root\"]\nrequire_mfa = false\n");
    let mut count = Count::default();
    for hook in ["authenticate", "acct_mgmt"] {
        let outcome = play(&client(&host, hook, "none"), |_, _| panic!("nothing is asked"));
        assert!([pam::AUTH_ERR, pam::PERM_DENIED].contains(&outcome.module_code(hook)), "{outcome:?}");
        for nth in 1..=allocations() {
            // Where libc has no memory it may not find the user, who is then asked like any that is not known.
            let outcome = play(&client(&host, hook, &format!("nth:{nth}")), |login, _| login.answer_null());
            let result = count.add(&outcome, hook);
            assert!(
                result != Some(pam::SUCCESS) && result != Some(pam::IGNORE),
                "{hook} nth:{nth}: {outcome:?}"
            );
        }
    }
    assert_eq!(std::fs::read_dir("/var/lib/twinlock/ledger").unwrap().count(), 0);
    drop(host);
    eprintln!("not enrolled: {count}");
    count_faults("failed_allocations_of_whoever_is_refused", count.of());
}

/// Enrolling takes a second, so here it is every so many allocations, and all of the last ones: those behind the record.
#[test]
fn whichever_allocation_of_an_enrolment_fails_the_user_is_enrolled_or_not_and_can_go_on() {
    let host = host();
    let maria = host.add_user("maria", "secret");
    host.witnessed_service("till", "account_phase", "");
    let enrol = |fault: &str| {
        let mut phone = None;
        let outcome = play(&client(&host, "authenticate,acct_mgmt", fault), |login, prompt| {
            if prompt.contains("Key: ") {
                phone = Some(Phone::with_key(key_in(prompt)));
            }
            let code = phone.as_ref().map_or(String::new(), Phone::code);
            login.answer(&code);
        });
        (outcome, phone)
    };
    let forget = || {
        let _ = std::fs::remove_dir_all(maria.path(".twinlock"));
        let _ = std::fs::remove_file(record_path(&maria));
        let _ = std::fs::remove_file(format!("/var/lib/twinlock/pending/{}", maria.uid));
    };
    // The auth hook's share is the other tests' affair: the fault counts anew in each hook, and the first has fewer.
    let (outcome, _) = enrol("none");
    assert_eq!(outcome.module_code("acct_mgmt"), pam::SUCCESS);
    let all = allocations();
    let mut count = Count::default();
    for nth in (150..all).step_by((all / 25).max(1)).chain(all - 8..=all) {
        forget();
        let (outcome, phone) = enrol(&format!("nth:{nth}"));
        let result = count.add(&outcome, "acct_mgmt");
        let enrolled = Path::new(&record_path(&maria)).exists() && record(&maria).enrolled;
        assert!(result != Some(pam::SUCCESS) || enrolled, "nth:{nth}: in, and not enrolled");
        assert_ne!(result, Some(pam::IGNORE), "nth:{nth}");
        // The next login goes on: by enrolment, or by a code of what was shown.
        let mut again = phone;
        let outcome = play(&client(&host, "authenticate,acct_mgmt", "none"), |login, prompt| {
            if prompt.contains("Key: ") {
                again = Some(Phone::with_key(key_in(prompt)));
            }
            login.answer(&again.as_ref().map_or(String::new(), |phone| phone.code_at_step(1)));
        });
        assert_eq!(outcome.module_code("acct_mgmt"), pam::SUCCESS, "nth:{nth} of {all}: {outcome:?}");
    }
    drop(host);
    eprintln!("an enrolment of {all} allocations: {count}");
    count_faults("failed_allocations_of_an_enrolment", count.of());
}
