//! Each system call of the setuid helper fails once, the loader's before it too, with each error that it can give: no code
//! is accepted that works again, no guess whose verdict was told is forgotten, what is said is one of its answers, and
//! the next run finds all in order. `make test-faults` runs these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod helper_stage;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use helper_stage::*;
use twinlock_tests::system_calls::{Call, Fault, are_all_wanted, is_wanted, share};
use twinlock_tests::witness::count_faults;
use twinlock_tests::{Account, Host, Phone, oathtool};

/// Many wrong codes and few waits: whether a guess counts is the question here.
const POLICY: &str = "require_mfa = false\n[throttle]\nfree_failures = 10\n";

/// A user with a registered phone, whose files can be brought back.
struct Stage {
    maria: Account,
    phone: Phone,
    record: Vec<u8>,
    credential: String,
    /// What the helper said, and how often.
    said: BTreeMap<String, usize>,
}

/// One fault in one call.
struct Trial {
    call: Call,
    fault: Fault,
    /// The loader's, or one before the helper has taken over from its caller.
    is_early: bool,
}

impl Trial {
    fn at(&self) -> String {
        let lasting = if self.fault.lasting { " from there on" } else { "" };
        format!("{}{lasting} at {}, number {}", self.fault.instead, self.call.line, self.call.number)
    }
}

impl Stage {
    fn new(host: &Host) -> Self {
        host.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n", 0o644);
        let (maria, phone) = enrolled(host, "maria");
        let record = std::fs::read(record_path(&maria)).unwrap();
        let credential = maria.read(".twinlock/credential.toml");
        Self { maria, phone, record, credential, said: BTreeMap::new() }
    }

    fn restore(&self) {
        restore(&self.maria, &self.record, &self.credential);
        for left in ["new", "toml.new"] {
            let _ = std::fs::remove_file(self.maria.path(format!(".twinlock/credential.{left}")));
            let _ = std::fs::remove_file(format!("{}.{left}", record_path(&self.maria).display()));
        }
    }

    /// Every call with every fault.
    fn trials(&self, word: &str, input: &str) -> Vec<Trial> {
        self.restore();
        let calls = calls(&self.maria, word, input);
        assert!(calls.len() > 60, "{}", calls.len());
        // The last of its name in the run is not known to be the last under a fault, but nothing comes after it.
        let last: BTreeMap<_, _> = calls.iter().map(|call| (call.name.clone(), call.number)).collect();
        let takeover = calls.iter().position(|call| call.line.starts_with("setresuid(0, 0, 0)")).unwrap();
        let calls = calls.into_iter().enumerate().filter(|(_, call)| is_wanted(&call.name));
        let trials = calls.flat_map(|(place, call)| {
            let call = Call { last: last[&call.name], ..call };
            let faults = call.faults().into_iter();
            faults.map(move |fault| Trial { call: call.clone(), fault, is_early: place <= takeover })
        });
        share(trials.collect(), 23)
    }

    /// A run with the fault in it; what was said, "" where it was nothing.
    fn run(&mut self, word: &str, input: &str, trial: &Trial) -> String {
        let (Trial { call, fault, is_early }, at) = (trial, trial.at());
        let begin = Instant::now();
        let (output, trace) = traced(&self.maria, word, input, &call.failing(fault));
        assert!(call.has_failed(&trace), "{at}: it did not fail\n{trace}");
        assert!(begin.elapsed() < Duration::from_secs(15), "{at}: took {:?}", begin.elapsed());
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        let mut lines = stdout.lines();
        let (first, reason) =
            (lines.next().unwrap_or_default(), lines.find(|line| line.starts_with("reason=")));
        let heard = format!("{first} {}", reason.unwrap_or_default()).trim().to_owned();
        // The loader says 127; Rust ends a process that gets no memory by a signal, and libc one that it cannot start.
        let status = output.status;
        let ended = status.signal() == Some(6) || status.code() == Some(127) || status.signal() == Some(11);
        assert!(
            status.code().is_some_and(|code| code <= 3)
                || ended && (*is_early || call.asks_for_memory() && status.signal() == Some(6)),
            "{at}: {status} {output:?}"
        );
        let words = stdout.lines().filter(|line| !line.contains('=')).count();
        assert!(words <= 1, "{at}: two answers: {stdout}");
        assert!(stdout.is_empty() || status.code().is_some_and(|code| code <= 3), "{at}: {status} {stdout}");
        if heard.contains("panic") {
            eprintln!("a panic, caught: {at}: {stdout:?} {status}");
        }
        *self.said.entry(if heard.is_empty() { status.to_string() } else { heard.clone() }).or_default() += 1;
        heard
    }

    /// Afterwards the code works if it was not used, and never twice; else the next one does.
    fn assert_in_order(&self, was_accepted: bool, code: &str, at: &str) {
        let first = verify(&self.maria, code).verdict();
        let expected: &[&str] =
            if was_accepted { &["rejected replayed"] } else { &["accepted", "rejected replayed"] };
        assert!(expected.contains(&first.as_str()), "{at}: {first}");
        assert_eq!(verify(&self.maria, code).verdict(), "rejected replayed", "{at}");
        let _ = record(&self.maria);
    }
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_the_helper_fails_a_right_code_is_accepted_once_at_most() {
    let host = host(POLICY);
    let mut stage = Stage::new(&host);
    let mut faults = 0;
    for trial in stage.trials("verify", &format!("answer={}\n", stage.phone.wrong_code())) {
        let at = trial.at();
        oathtool::with_time_left(4);
        stage.restore();
        let code = stage.phone.code();
        let said = stage.run("verify", &format!("answer={code}\n"), &trial);
        stage.assert_in_order(said == "accepted", &code, &at);
        faults += 1;
    }
    eprintln!("said: {:?}", stage.said);
    assert!(
        !are_all_wanted() || stage.said.contains_key("accepted") && stage.said.len() > 3,
        "{:?}",
        stage.said
    );
    drop(host);
    count_faults("whichever_system_call_of_the_helper_fails_a_right_code_is_accepted_once_at_most", faults);
}

#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_the_helper_fails_a_wrong_code_is_refused_and_counted_once_told() {
    let host = host(POLICY);
    let mut stage = Stage::new(&host);
    let mut faults = 0;
    for trial in stage.trials("verify", &format!("answer={}\n", stage.phone.wrong_code())) {
        let at = trial.at();
        stage.restore();
        let wrong = stage.phone.wrong_code();
        let said = stage.run("verify", &format!("answer={wrong}\n"), &trial);
        assert_ne!(said, "accepted", "{at}");
        let failures = record(&stage.maria).failures;
        assert!(failures == 1 || said != "rejected reason=wrong", "{at}: told and forgotten");
        faults += 1;
    }
    eprintln!("said: {:?}", stage.said);
    assert!(!are_all_wanted() || stage.said.contains_key("rejected reason=wrong"), "{:?}", stage.said);
    drop(host);
    count_faults(
        "whichever_system_call_of_the_helper_fails_a_wrong_code_is_refused_and_counted_once_told",
        faults,
    );
}

/// A phone is added. Only between the two writes may file and ledger part, and then nothing was said to be done.
#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_a_change_fails_file_and_ledger_agree_or_nothing_was_said() {
    let host = host(POLICY);
    let mut stage = Stage::new(&host);
    let spare = Phone::numbered(2);
    let (old, new) = (
        stored(&stage.maria),
        of(&[authenticator(1, "phone", &stage.phone), authenticator(2, "spare", &spare)]),
    );
    let input = |phone: &Phone| {
        oathtool::with_time_left(5);
        let code = phone.code();
        (code.clone(), change_input(&code, &spare.code(), "", &new))
    };
    let (mut faults, mut parted) = (0, Vec::new());
    let all = stage.trials("change", &input(&stage.phone).1);
    for trial in all {
        let at = trial.at();
        stage.restore();
        let (code, input) = input(&stage.phone);
        let said = stage.run("change", &input, &trial);
        let (file, known) = (stored(&stage.maria), record(&stage.maria));
        let is_new = file.fingerprint() == new.fingerprint();
        assert!(is_new || file.fingerprint() == old.fingerprint(), "{at}: the file is neither");
        assert!(is_new || said != "accepted", "{at}: said to be done, and is not");
        faults += 1;
        if !known.enrolled {
            // The copy that held the registration was taken for damaged; the next code registers anew.
            assert_eq!(said, "unavailable reason=ledger_repaired", "{at}");
            continue;
        }
        if !known.knows(&file.clone().into()) {
            assert!(is_new && said != "accepted", "{at}: {said}");
            parted.push(at);
            continue;
        }
        stage.assert_in_order(said == "accepted", &code, &at);
    }
    eprintln!("said: {:?}\nparted: {}", stage.said, parted.join("\n"));
    assert!(!are_all_wanted() || stage.said.contains_key("accepted"), "{:?}", stage.said);
    drop(host);
    count_faults("whichever_system_call_of_a_change_fails_file_and_ledger_agree_or_nothing_was_said", faults);
}

/// The user's own switch: what is said is what holds.
#[test]
#[ignore = "make test-faults runs it"]
fn whichever_system_call_of_the_switch_fails_it_is_off_when_it_was_said_to_be() {
    let host = host(POLICY);
    let mut stage = Stage::new(&host);
    let mut faults = 0;
    let all = stage.trials("disable", &format!("answer={}\n", stage.phone.code()));
    for trial in all {
        let at = trial.at();
        stage.restore();
        oathtool::with_time_left(4);
        let code = stage.phone.code();
        let said = stage.run("disable", &format!("answer={code}\n"), &trial);
        let is_off = record(&stage.maria).switched_off;
        assert!(is_off || said != "accepted", "{at}: said to be off, and is not");
        // Off by nothing but a code, which is used up by it.
        let verdict = verify(&stage.maria, &code).verdict();
        assert!(!is_off || verdict == "rejected replayed", "{at}: {verdict}");
        faults += 1;
    }
    eprintln!("said: {:?}", stage.said);
    assert!(!are_all_wanted() || stage.said.contains_key("accepted"), "{:?}", stage.said);
    drop(host);
    count_faults("whichever_system_call_of_the_switch_fails_it_is_off_when_it_was_said_to_be", faults);
}
