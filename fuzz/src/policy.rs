//! The policy's texts: policy.toml, drop-ins, a trial. Any text is read without a panic, and as the TOML parser reads it; a
//! broken one is the strictest policy; and whatever a sound one says of somebody is no looser than what it says once all
//! doubts are settled.

pub mod checks;

use twinlock_policy::{
    Decision, Moment, Policy, Requirement, RuleView, SourceFile, Store, Subject, Throttle, TrialState,
    Unenrolled, compose, policy_text,
};

use crate::parts::Parts;
use crate::people::NOW;
use checks::Groups;

/// Parts policy.toml, trial.toml and two drop-ins from each other.
const SEPARATOR: &str = "\n=====\n";

/// A byte order mark, which changes nothing and is not plain: a text that begins with it is read by the TOML parser.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Eight bytes that say who logs in, then the texts.
pub fn run(bytes: &[u8]) -> bool {
    let mut parts = Parts(bytes);
    let choices: [u8; 8] = parts.array();
    let files: Vec<&[u8]> = split(parts.0);
    let text = |number: usize| files.get(number).copied();
    let main = SourceFile { path: "policy.toml", text: Ok(text(0).unwrap_or_default()) };
    let trial = text(1).filter(|text| !text.is_empty());
    let trial = trial.map(|text| SourceFile { path: "trial.toml", text: Ok(text) });
    let unreadable = || Err("writable by others".to_owned());
    let drop_ins: Vec<_> = [(2, "policy.d/b.toml"), (3, "policy.d/a.toml")]
        .into_iter()
        .filter_map(|(number, path)| {
            text(number).map(|text| SourceFile {
                path,
                text: if text == b"unreadable" { unreadable() } else { Ok(text) },
            })
        })
        .collect();

    let whole = String::from_utf8_lossy(parts.0);
    let names: Vec<&str> = whole.split('"').skip(1).step_by(2).collect();
    let name = |choice: u8, pool: &[&'static str]| -> String {
        let choice = usize::from(choice);
        let named = names.get(choice % (names.len() + 1)).map(|name| (*name).to_owned());
        named.filter(|_| choice < 200).unwrap_or_else(|| pool[choice % pool.len()].to_owned())
    };
    let user = name(choices[0], &["ana", "edi", "root"]);
    let service = name(choices[1], &["sshd", "login", "su"]);
    let rhost = match choices[2] % 4 {
        0 => None,
        1 => Some(checks::ADDRESSES[usize::from(choices[2]) / 4 % checks::ADDRESSES.len()].to_owned()),
        2 => Some("host.example".to_owned()),
        _ => Some(name(choices[3], &["", "fe80::1%eth0", "192.0.2.1.evil.example"])),
    };
    let subject = Subject {
        user: &user,
        uid: 1000,
        gid: 1000,
        service: &service,
        rhost: rhost.as_deref(),
        now: NOW + (i64::from(choices[4]) - 128) * 86_400,
        clock_is_behind: choices[5] == b'!',
    };
    let groups = Groups::new(choices[6], choices[7]);

    let policy = Policy::parse(&main, &drop_ins);
    check(&policy, &subject, &groups, &whole);
    both_readers_agree(&policy, &main, &drop_ins, &subject, &groups);
    if let Some(trial) = &trial {
        with_trial(&policy, &main, &drop_ins, trial, &subject, &groups, &whole);
    }
    can_be_tried(&policy, &main, &drop_ins, &subject, &groups);
    a_mistake_opens_nothing(&policy, &main, &drop_ins, &names);
    policy.faults().is_empty()
}

/// Texts say the same, at the same places, whichever reader reads them.
pub fn both_readers_agree(
    policy: &Policy,
    main: &SourceFile<'_>,
    drop_ins: &[SourceFile<'_>],
    subject: &Subject<'_>,
    groups: &Groups,
) {
    let files: Vec<_> = drop_ins.iter().chain([main]).collect();
    let marked: Vec<_> =
        files.iter().map(|file| file.text.clone().map(|text| [MARK, text].concat())).collect();
    if files.iter().any(|file| file.text.as_ref().is_ok_and(|text| text.starts_with(MARK))) {
        return;
    }
    let mut files: Vec<_> = files
        .iter()
        .zip(&marked)
        .map(|(file, text)| SourceFile { path: file.path, text: text.as_deref().map_err(Clone::clone) })
        .collect();
    let Some(main) = files.pop() else { return };
    let slow = Policy::parse(&main, &files);
    assert_eq!(policy.faults(), slow.faults(), "the quick reader finds other faults");
    assert_eq!(policy.warnings(subject.now), slow.warnings(subject.now));
    assert!(policy.settings() == slow.settings(), "the quick reader reads other settings");
    assert!(policy.rules().map(all_of).eq(slow.rules().map(all_of)), "the quick reader reads other rules");
    let [quick, slow] = [policy, &slow].map(|policy| policy.explain(subject, &mut groups.clone()));
    assert_eq!(quick, slow, "the quick reader decides otherwise");
}

/// Everything that a rule says, and where.
fn all_of(rule: RuleView<'_>) -> String {
    let [users, groups, services]: [Vec<_>; 3] =
        [rule.users().collect(), rule.groups().collect(), rule.services().collect()];
    let whom = (users, groups, rule.groups_line(), services, rule.networks());
    let exempt = (rule.exempt_until(), rule.reason(), rule.approved_by());
    format!("{:?}", (rule.label(), rule.from(), whom, exempt, rule.settings()))
}

fn split(bytes: &[u8]) -> Vec<&[u8]> {
    let separator = SEPARATOR.as_bytes();
    let mut files = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(separator.len()).position(|window| window == separator) {
        files.push(&rest[..=at]);
        rest = &rest[at + separator.len()..];
    }
    files.push(rest);
    files
}

fn check(policy: &Policy, subject: &Subject<'_>, groups: &Groups, text: &str) {
    let decision = policy.decide(subject, &mut groups.clone());
    let explanation = policy.explain(subject, &mut groups.clone());
    assert_eq!(explanation.decision, decision, "explaining decides otherwise");
    assert_eq!(policy.hash_hex().len(), 64);
    assert!((1..=10).contains(&policy.attempts()));
    for now in [subject.now, if subject.clock_is_behind { i64::MIN } else { i64::MAX }] {
        let _ = policy.warnings(now);
    }
    let _ = (policy.settings(), policy.rules().count());
    if policy.faults().is_empty() {
        checks::settled_doubts_are_never_stricter(policy, subject, groups, text);
        checks::time_and_a_bad_clock_never_loosen(policy, subject, groups);
    } else {
        is_the_strictest(policy, &decision);
    }
}

/// What a policy that cannot be understood must say of everybody.
fn is_the_strictest(policy: &Policy, decision: &Decision) {
    for fault in policy.faults() {
        assert!(!fault.message.is_empty() && !fault.mend.is_empty());
        assert_eq!(fault.line.is_some(), fault.column.is_some());
        assert!(!fault.to_string().contains(['\n', '\r', '\x1b', '\0']), "a fault is more than one line");
    }
    assert_eq!(decision.requirement, Requirement::Required, "a broken policy lets somebody off");
    assert_eq!(decision.unenrolled, Unenrolled::Deny, "a broken policy enrols");
    assert_eq!((decision.enroll_by, decision.grace_days, decision.grace_key), (None, None, None));
    assert_eq!((decision.remember, &decision.reported, decision.reason.key), (0, &None, "fault"));
    assert_eq!(policy.rules().count(), 0, "a broken policy has rules");
    assert_eq!((policy.attempts(), policy.issuer(), policy.help()), (3, None, None));
    assert_eq!((*policy.throttle(), policy.credential_store()), (Throttle::default(), Store::Home));
    assert!(policy.account_required("sshd"), "a broken policy opens sshd to logins around the code");
}

/// A trial is in force in its time, on its boot, under a right clock, and nowhere else; or it is broken, and then the
/// policy is the strictest.
fn with_trial(
    policy: &Policy,
    main: &SourceFile<'_>,
    drop_ins: &[SourceFile<'_>],
    trial: &SourceFile<'_>,
    subject: &Subject<'_>,
    groups: &Groups,
    text: &str,
) {
    let now = subject.now;
    let behind = subject.clock_is_behind;
    for (boot_id, clock_is_behind) in [(Some("boot-1"), behind), (None, !behind)] {
        let moment = Moment { now, boot_id, clock_is_behind };
        let (found, state) = Policy::in_force(main, drop_ins, Some(trial), &moment);
        match state {
            TrialState::Absent => panic!("a trial that is there is absent"),
            TrialState::Holds { until } => {
                assert!(boot_id.is_some() && !clock_is_behind && now < until);
                assert!(until - now <= 7 * 86_400, "a trial holds for longer than a week");
                check(&found, subject, groups, text);
            }
            TrialState::Broken => {
                assert!(!found.faults().is_empty(), "a broken trial is in force");
                check(&found, subject, groups, text);
            }
            _ => assert!(found.hash() == policy.hash(), "a trial that does not hold is in force"),
        }
    }
}

/// A word too many in a sound policy leaves closed what it closed to logins around the code.
fn a_mistake_opens_nothing(
    policy: &Policy,
    main: &SourceFile<'_>,
    drop_ins: &[SourceFile<'_>],
    names: &[&str],
) {
    let Ok(text) = main.text.as_ref().map(|text| text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)) else {
        return;
    };
    if !policy.faults().is_empty() {
        return;
    }
    let mistaken = [b"mistake = 1\n", text].concat();
    let broken = Policy::parse(&SourceFile { text: Ok(&mistaken), ..main.clone() }, drop_ins);
    assert_eq!(broken.faults().len(), 1, "a word too many is not the one fault");
    for service in names.iter().chain(&["sshd", "cron"]) {
        assert!(
            broken.account_required(service) || !policy.account_required(service),
            "a mistake opens {service}"
        );
    }
}

/// A sound policy on trial is that policy.
fn can_be_tried(
    policy: &Policy,
    main: &SourceFile<'_>,
    drop_ins: &[SourceFile<'_>],
    subject: &Subject<'_>,
    groups: &Groups,
) {
    let Ok(Ok(text)) = main.text.as_ref().map(|bytes| std::str::from_utf8(bytes)) else { return };
    let (start, end) = (subject.now - 60, subject.now + 540);
    let composed = compose(text, start, end, "boot-1");
    assert_eq!(policy_text(&composed), Some(text.strip_prefix('\u{feff}').unwrap_or(text)));
    if !policy.faults().is_empty() {
        return;
    }
    let trial = SourceFile { path: "trial.toml", text: Ok(composed.as_bytes()) };
    let moment = Moment { now: subject.now, boot_id: Some("boot-1"), clock_is_behind: false };
    let (tried, state) = Policy::in_force(main, drop_ins, Some(&trial), &moment);
    assert_eq!(state, TrialState::Holds { until: end });
    assert_eq!(tried.faults(), [], "a sound policy cannot be tried");
    let decision = tried.decide(subject, &mut groups.clone());
    let expected = policy.decide(subject, &mut groups.clone());
    assert_eq!((decision.requirement, decision.unenrolled), (expected.requirement, expected.unenrolled));
    assert_eq!((decision.remember, decision.enroll_here), (expected.remember, expected.enroll_here));
}
