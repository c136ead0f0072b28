//! A trial holds between its start and its deadline on its own boot, and falls back by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod scene;

use scene::{DAY, NOW, ana, decide, file};
use twinlock_policy::{Moment, Policy, Requirement, SourceFile, TrialState, compose, policy_text};

const MAIN: &str = "require_mfa = false\n";
const NEW: &str =
    "require_mfa = true\nhelp = \"on trial\"\n[[rule]]\nusers = [\"bob\"]\nrequire_mfa = false\n";
const MOMENT: Moment<'static> = Moment { now: NOW, boot_id: Some("boot-1"), clock_is_behind: false };

fn in_force(trial: &str, moment: &Moment<'_>) -> (Policy, TrialState) {
    Policy::in_force(&file("policy.toml", MAIN), &[], Some(&file("trial.toml", trial)), moment)
}

#[test]
fn a_trial_holds_in_its_time_on_its_boot_and_nowhere_else() {
    let (start, deadline) = (NOW, NOW + 600);
    let trial = compose(NEW, start, deadline, "boot-1");
    for (moment, expected) in [
        (MOMENT, TrialState::Holds { until: deadline }),
        (Moment { now: deadline - 1, ..MOMENT }, TrialState::Holds { until: deadline }),
        (Moment { now: deadline, ..MOMENT }, TrialState::Ended { deadline }),
        (Moment { now: deadline + 400 * DAY, ..MOMENT }, TrialState::Ended { deadline }),
        (Moment { now: start - 1, ..MOMENT }, TrialState::NotYet { start }),
        (Moment { now: 0, clock_is_behind: true, ..MOMENT }, TrialState::ClockBehind),
        (Moment { clock_is_behind: true, ..MOMENT }, TrialState::ClockBehind),
        (Moment { boot_id: Some("boot-2"), ..MOMENT }, TrialState::OtherBoot),
        (Moment { boot_id: Some(""), ..MOMENT }, TrialState::OtherBoot),
        (Moment { boot_id: None, ..MOMENT }, TrialState::OtherBoot),
    ] {
        let (policy, state) = in_force(&trial, &moment);
        assert_eq!(state, expected, "{moment:?}");
        assert_eq!(policy.faults(), []);
        let holds = matches!(state, TrialState::Holds { .. });
        assert_eq!(policy.help(), holds.then_some("on trial"));
        let requirement = if holds { Requirement::Required } else { Requirement::UserDriven };
        let decision = decide(&policy, &ana());
        assert_eq!(decision.requirement, requirement);
        assert_eq!(decision.reason.file, if holds { "trial.toml" } else { "policy.toml" });
    }
}

#[test]
fn without_a_trial_the_policy_holds_and_drop_ins_hold_in_both() {
    let drop_in = file("policy.d/a.toml", "[[rule]]\nname = \"drop-in\"\nusers = [\"ana\"]\n");
    let trial = compose(NEW, NOW, NOW + 600, "boot-1");
    let trial = file("trial.toml", &trial);
    let main = file("policy.toml", MAIN);
    for (trial, state) in [(None, TrialState::Absent), (Some(&trial), TrialState::Holds { until: NOW + 600 })]
    {
        let (policy, found) = Policy::in_force(&main, std::slice::from_ref(&drop_in), trial, &MOMENT);
        assert_eq!((found, policy.faults().len()), (state, 0));
        assert_eq!(decide(&policy, &ana()).reason.rule.as_deref(), Some("drop-in"));
    }
}

#[test]
fn a_trial_that_does_not_say_when_it_holds_makes_the_strictest_policy() {
    let sound = compose(NEW, NOW, NOW + 600, "boot-1");
    for (trial, line, message) in [
        (NEW.to_owned(), 1, "says not when it holds"),
        (String::new(), 1, "require_mfa is missing"),
        (sound.replace("start", "begin"), 1, "the trial lacks start"),
        (sound.replace("boot_id = \"boot-1\"", "boot_id = 7"), 1, "the number 7"),
        (sound.replace("Z, deadline", ", deadline"), 1, "a date and time with Z"),
        (compose(NEW, NOW, NOW, "boot-1"), 1, "not within 7 days"),
        (compose(NEW, NOW, NOW + 8 * DAY, "boot-1"), 1, "not within 7 days"),
        (sound.replace("trial = {", "trial = ["), 1, ""),
        (sound[..30].to_owned(), 1, ""),
        (format!("trial = 1\n{NEW}"), 1, "a table"),
    ] {
        let (policy, state) = in_force(&trial, &Moment { now: NOW + DAY, ..MOMENT });
        assert_eq!(state, TrialState::Broken, "{trial}");
        let fault = policy.faults().first().expect(&trial);
        assert_eq!((fault.file.as_str(), fault.line), ("trial.toml", Some(line)), "{trial}");
        assert!(fault.message.contains(message), "{trial}\n{fault}");
        assert_eq!(decide(&policy, &ana()).requirement, Requirement::Required);
    }
    let week = compose(NEW, NOW, NOW + 7 * DAY, "boot-1");
    assert_eq!(in_force(&week, &MOMENT).1, TrialState::Holds { until: NOW + 7 * DAY });
    let hidden = SourceFile { path: "trial.toml", text: Err("it is a symlink".to_owned()) };
    let (policy, state) = Policy::in_force(&file("policy.toml", MAIN), &[], Some(&hidden), &MOMENT);
    assert_eq!((state, policy.faults().len()), (TrialState::Broken, 1));
}

#[test]
fn a_fault_below_the_first_line_counts_only_while_the_trial_holds() {
    for text in ["require_mfa = maybe\n", "require_mfa = \"on\"\n", ""] {
        let trial = compose(text, NOW, NOW + 600, "boot-1");
        let (policy, state) = in_force(&trial, &MOMENT);
        assert!(matches!(state, TrialState::Holds { .. }) && !policy.faults().is_empty(), "{text}");
        assert_eq!(decide(&policy, &ana()).requirement, Requirement::Required);
        let (policy, state) = in_force(&trial, &Moment { now: NOW + 600, ..MOMENT });
        assert_eq!((state, policy.faults().len()), (TrialState::Ended { deadline: NOW + 600 }, 0), "{text}");
        assert_eq!(decide(&policy, &ana()).requirement, Requirement::UserDriven);
    }
}

#[test]
fn the_text_comes_back_as_it_was_and_each_trial_has_a_hash_of_its_own() {
    let trial = compose(NEW, NOW, NOW + 600, "boot-1");
    assert_eq!(
        trial.lines().next().unwrap(),
        "trial = { start = 2027-01-15T12:00:00Z, deadline = 2027-01-15T12:10:00Z, boot_id = \"boot-1\" }"
    );
    assert_eq!(policy_text(&trial), Some(NEW));
    assert_eq!(policy_text(&compose("\u{feff}# x\r\n", NOW, NOW + 1, "b")), Some("# x\r\n"));
    assert_eq!(policy_text(NEW), None);
    let hash = |trial: &str| in_force(trial, &MOMENT).0.hash();
    assert_ne!(hash(&trial), hash(&compose(NEW, NOW, NOW + 601, "boot-1")));
    assert_ne!(hash(&trial), Policy::parse(&file("policy.toml", NEW), &[]).hash());
}
