//! Each system call that a login makes between entry and return of our hook fails once, with each error that it can give:
//! nobody gets in without a code that is used up by it, no error steps aside, no guess whose verdict was told is
//! forgotten, the host stays as it was, and the next login finds all in order. `make test-faults` runs these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fault_stage;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use fault_stage::{CREDENTIAL, LATER, NOW, Stage, answering, enrolling, key, with_phone, wrong_code};
use twinlock_tests::system_calls::{Call, Fault, are_all_wanted, is_wanted, share};
use twinlock_tests::witness::count_faults;
use twinlock_tests::{Dialogue, Outcome, Phone, oathtool, pam};

/// No fault may delay a login for longer than a held lock does, with what a busy machine adds.
const LONGEST: Duration = Duration::from_secs(15);

/// What became of the logins with a fault in them: how often each code of the hook; -1 for a process that ended.
#[derive(Default)]
struct Count(BTreeMap<i32, usize>);

impl Count {
    fn sum(&self) -> usize {
        self.0.values().sum()
    }
}

/// One fault in one call of a hook.
struct Trial<'a> {
    stage: &'a Stage,
    hook: &'static str,
    call: &'a Call,
    fault: Fault,
}

impl Trial<'_> {
    fn at(&self) -> String {
        let lasting = if self.fault.lasting { " from there on" } else { "" };
        format!("{}{lasting} at {}, number {}", self.fault.instead, self.call.line, self.call.number)
    }

    /// A login with the fault in it; the hook's own code, None where the process ended for want of memory.
    fn run(&self, count: &mut Count, login: impl FnOnce(Dialogue) -> Outcome) -> (Option<i32>, Outcome) {
        let (at, begin) = (self.at(), Instant::now());
        let (outcome, trace) = self.stage.disturbed(&self.call.failing(&self.fault), login);
        assert!(self.call.has_failed(&trace), "{at}: it did not fail\n{trace}");
        assert!(begin.elapsed() < LONGEST, "{at}: took {:?}", begin.elapsed());
        let status = outcome.status.unwrap();
        if !outcome.called(self.hook) {
            // strace ends itself by the signal of its child.
            assert!(self.call.asks_for_memory(), "{at}: the process ended: {status} {outcome:?}");
            let words = outcome.stray.trim();
            let is_out_of_memory = words.starts_with("memory allocation of") || words.contains("allocate");
            assert!(status.signal() == Some(6) || is_out_of_memory, "{at}: {status} {words}");
            *count.0.entry(-1).or_default() += 1;
            return (None, outcome);
        }
        assert!(status.success(), "{at}: {status}");
        assert_eq!(outcome.stray, "", "{at}: printed");
        for hook in &outcome.hooks {
            assert!(self.host_is_unchanged(&hook.state), "{at}: after {}: {}", hook.name, hook.state);
        }
        let code = outcome.module_code(self.hook);
        *count.0.entry(code).or_default() += 1;
        (Some(code), outcome)
    }

    /// Nothing of the process changed but what the fault itself did: a close that did not happen; libc's own socket to
    /// the log, opened anew; groups that cannot be taken back, or what cannot be looked at afterwards, as the fault lasts.
    fn host_is_unchanged(&self, state: &str) -> bool {
        let Some(changes) = state.strip_prefix("changed:") else { return state == "same" };
        let of_the_log = ["sendto", "connect", "socket"].contains(&self.call.name.as_str());
        changes.trim_end_matches(')').split("),").all(|change| {
            let is_descriptor = change.starts_with("fd");
            self.call.name == "close" && is_descriptor && change.contains("(-->")
                || of_the_log && is_descriptor && change.contains("socket:")
                || self.fault.lasting && (change.ends_with("->-") || change.ends_with("->unreadable"))
                || self.fault.lasting && change.starts_with("ids(-->")
                || self.fault.lasting
                    && self.call.line.starts_with("setgroups(2, [4, 27])")
                    && change.starts_with("Groups(4 27 ->")
        })
    }

    /// While the ledger knows nothing, a home or a file that is said not to exist is one: whoever has it must enrol, and
    /// does not get past the account hook otherwise.
    fn is_taken_for_not_enrolled(&self, result: Option<i32>, outcome: &Outcome) -> bool {
        if result != Some(pam::IGNORE) || self.fault.instead != "error=ENOENT" {
            return false;
        }
        let code = outcome.module_code("acct_mgmt");
        assert!(![pam::SUCCESS, pam::IGNORE].contains(&code), "{}: {code}", self.at());
        true
    }

    /// The next login works; two minutes later where a copy of the record was taken for damaged, and the codes of now for
    /// used.
    fn assert_in(&self, outcome: &Outcome, phone: &Phone) {
        let mut code = outcome.module_code("authenticate");
        if self.log().contains("event=ledger_repaired") {
            let later = oathtool::code(&phone.secret, LATER);
            code = answering(&[&later])(self.stage.client_later().start()).module_code("authenticate");
        }
        assert_eq!(code, pam::SUCCESS, "{}\n{}", self.at(), self.log());
    }

    fn log(&self) -> String {
        self.stage.host.journal().catch_up();
        self.stage.host.journal().text()
    }
}

/// With a rule that asks for a group and is nothing to the user, in a file of its own: more to read, and to get wrong.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.host.add_group("batch", &["edi"]);
    let rule = "[[rule]]\nname = \"batch\"\ngroups = [\"batch\"]\nexempt = true\nreason = \"key only\"\napproved_by = \"it\"\n\
                expires = 2099-01-01\n";
    stage.host.policy_drop_in("50-batch.toml", rule);
    stage
}

/// Every call of the hook with every fault; a part of them in the short form, where each call fails in one way.
fn trials<'a>(stage: &'a Stage, hook: &'static str, calls: &'a [Call]) -> Vec<Trial<'a>> {
    let calls = calls.iter().filter(|call| !call.is_of_the_conversation() && is_wanted(&call.name));
    let all = calls.flat_map(|call| call.faults().into_iter().map(move |fault| (call, fault)));
    // An enrolment takes longer.
    share(all.collect(), if hook == "acct_mgmt" { 41 } else { 13 })
        .into_iter()
        .map(|(call, fault)| Trial { stage, hook, call, fault })
        .collect()
}

/// A login with a right code, with and without a record that knows the phone.
fn right_codes(has_record: bool, test: &str) {
    let mut count = Count::default();
    {
        let stage = stage();
        let phone = Phone::numbered(1);
        let (code, next) = (oathtool::code(&phone.secret, NOW), oathtool::code(&phone.secret, NOW + 30));
        let known = has_record.then(|| stage.registered(&phone));
        let restore = || stage.restore(known.as_deref(), Some(&phone.credential()));
        restore();
        let calls = stage.calls(0, answering(&[&code]));
        for trial in trials(&stage, "authenticate", &calls) {
            let at = trial.at();
            restore();
            stage.host.journal().clear();
            let (result, outcome) = trial.run(&mut count, answering(&[&code]));
            if !has_record && trial.is_taken_for_not_enrolled(result, &outcome) {
                continue;
            }
            let allowed = [
                pam::SUCCESS,
                pam::AUTHINFO_UNAVAIL,
                pam::AUTH_ERR,
                pam::USER_UNKNOWN,
                pam::BUF_ERR,
                pam::ABORT,
            ];
            assert!(result.is_none_or(|code| allowed.contains(&code)), "{at}: {result:?}\n{}", trial.log());
            stage.record(&at);
            // Whoever got in used the code up; whoever did not may have. The next one works.
            let outcome = answering(&[&code, &next])(stage.client().start());
            let used_up = outcome.said().contains("used already");
            assert!(result != Some(pam::SUCCESS) || used_up, "{at}: the code works twice\n{}", trial.log());
            trial.assert_in(&outcome, &phone);
        }
        assert!(!are_all_wanted() || count.0.get(&pam::SUCCESS).is_some_and(|&some| some > 0));
        assert!(!are_all_wanted() || count.0.get(&pam::AUTHINFO_UNAVAIL).is_some_and(|&some| some > 0));
    }
    eprintln!("by code: {:?}", count.0);
    count_faults(test, count.sum());
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_a_login_fails_a_right_code_lets_in_once_at_most() {
    right_codes(true, "whichever_system_call_of_a_login_fails_a_right_code_lets_in_once_at_most");
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_a_first_login_fails_a_right_code_lets_in_once_at_most() {
    right_codes(false, "whichever_system_call_of_a_first_login_fails_a_right_code_lets_in_once_at_most");
}

/// A login with a wrong code, and whether it is counted.
fn wrong_codes(has_record: bool, test: &str) {
    let mut count = Count::default();
    {
        let stage = stage();
        stage.host.policy("require_mfa = true\nattempts = 1\n");
        let phone = Phone::numbered(2);
        let (wrong, code) = (wrong_code(&phone), oathtool::code(&phone.secret, NOW));
        let known = has_record.then(|| stage.registered(&phone));
        let restore = || stage.restore(known.as_deref(), Some(&phone.credential()));
        restore();
        let calls = stage.calls(0, answering(&[&wrong]));
        let mut told = 0;
        for trial in trials(&stage, "authenticate", &calls) {
            let at = trial.at();
            restore();
            stage.host.journal().clear();
            let (result, outcome) = trial.run(&mut count, answering(&[&wrong]));
            if !has_record && trial.is_taken_for_not_enrolled(result, &outcome) {
                continue;
            }
            let allowed = [pam::AUTHINFO_UNAVAIL, pam::AUTH_ERR, pam::USER_UNKNOWN, pam::BUF_ERR, pam::ABORT];
            assert!(result.is_none_or(|code| allowed.contains(&code)), "{at}: {result:?}\n{}", trial.log());
            // A user whom the look-up did not find is told the same, and has no record to count in.
            if outcome.said().contains("not right") && result != Some(pam::USER_UNKNOWN) {
                let counted = stage.record(&at).map(|record| record.failures);
                assert_eq!(counted, Some(1), "{at}: told and forgotten\n{}", trial.log());
                told += 1;
            }
            trial.assert_in(&answering(&[&code])(stage.client().start()), &phone);
        }
        assert!(
            !are_all_wanted()
                || told > 0 && count.0.get(&pam::AUTHINFO_UNAVAIL).is_some_and(|&some| some > 0)
        );
    }
    eprintln!("by code: {:?}", count.0);
    count_faults(test, count.sum());
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_a_login_fails_a_wrong_code_is_refused_and_counted_once_told() {
    wrong_codes(true, "whichever_system_call_of_a_login_fails_a_wrong_code_is_refused_and_counted_once_told");
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_a_first_login_fails_a_wrong_code_is_refused_and_counted_once_told() {
    wrong_codes(
        false,
        "whichever_system_call_of_a_first_login_fails_a_wrong_code_is_refused_and_counted_once_told",
    );
}

/// The auth hook steps aside for whoever must enrol; a fault in it must not carry them past the account hook.
#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_fails_before_an_enrolment_nobody_gets_in_without_one() {
    let mut count = Count::default();
    {
        let stage = stage();
        stage.restore(None, None);
        let calls = stage.calls(0, answering(&[]));
        for trial in trials(&stage, "authenticate", &calls) {
            let at = trial.at();
            let (result, outcome) = trial.run(&mut count, answering(&[]));
            assert_ne!(result, Some(pam::SUCCESS), "{at}");
            if outcome.called("acct_mgmt") {
                let code = outcome.module_code("acct_mgmt");
                assert!(![pam::SUCCESS, pam::IGNORE].contains(&code), "{at}: {code}");
            }
        }
    }
    eprintln!("by code: {:?}", count.0);
    count_faults("whichever_system_call_fails_before_an_enrolment_nobody_gets_in_without_one", count.sum());
}

/// An enrolment, which hashes ten recovery codes and so takes a while: in shares.
fn enrolments(part: usize, test: &str) {
    let mut count = Count::default();
    {
        let stage = stage();
        stage.restore(None, None);
        let calls = stage.calls(1, enrolling(NOW - 30));
        for trial in trials(&stage, "acct_mgmt", &calls).into_iter().skip(part).step_by(2) {
            let at = trial.at();
            stage.restore(None, None);
            stage.host.journal().clear();
            let (result, outcome) = trial.run(&mut count, enrolling(NOW - 30));
            let allowed = [
                pam::SUCCESS,
                pam::AUTHINFO_UNAVAIL,
                pam::PERM_DENIED,
                pam::USER_UNKNOWN,
                pam::BUF_ERR,
                pam::ABORT,
            ];
            assert!(result.is_none_or(|code| allowed.contains(&code)), "{at}: {result:?}\n{}", trial.log());
            let shown = key(&outcome);
            if result == Some(pam::SUCCESS) {
                let record = stage.record(&at).expect(&at);
                // Where the home could not be opened when it was looked for, root keeps the credential.
                let kept = format!("/var/lib/twinlock/credentials/{}.toml", stage.maria.uid);
                let is_written = stage.maria.path(CREDENTIAL).exists() || Path::new(&kept).exists();
                assert!(record.enrolled && is_written, "{at}: in, and not enrolled");
                let code = oathtool::code(&shown.as_ref().expect(&at).secret, NOW - 30);
                let outcome = answering(&[&code])(stage.client().start());
                assert_eq!(outcome.module_code("authenticate"), pam::AUTH_ERR, "{at}: the code works twice");
            }
            // The next login is by the key that was shown, or goes on with the enrolment; and then that code is used up.
            let outcome = with_phone(shown.clone(), LATER)(stage.client_later().start());
            let is_in = outcome.called("acct_mgmt") && outcome.code("acct_mgmt") == pam::SUCCESS;
            assert!(is_in, "{at}\n{}\n{}", outcome.said(), trial.log());
            let phone = key(&outcome).or(shown).expect(&at);
            let code = oathtool::code(&phone.secret, LATER);
            let outcome = answering(&[&code])(stage.client_later().start());
            assert_eq!(outcome.module_code("authenticate"), pam::AUTH_ERR, "{at}: the code works twice");
        }
        assert!(
            !are_all_wanted() || count.0.get(&pam::AUTHINFO_UNAVAIL).is_some_and(|&some| some > 0),
            "{:?}",
            count.0
        );
    }
    eprintln!("by code: {:?}", count.0);
    count_faults(test, count.sum());
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_an_enrolment_fails_the_user_is_enrolled_or_not_and_can_go_on() {
    enrolments(0, "whichever_system_call_of_an_enrolment_fails_the_user_is_enrolled_or_not_and_can_go_on");
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_other_system_call_of_an_enrolment_fails_the_user_is_enrolled_or_not_and_can_go_on() {
    enrolments(
        1,
        "whichever_other_system_call_of_an_enrolment_fails_the_user_is_enrolled_or_not_and_can_go_on",
    );
}
