//! `status`: how the caller stands. Takes no code, so it says nothing that a stranger at an unlocked screen could use:
//! numbers and times, no secret, no label.

use twinlock_policy::Requirement;
use twinlock_system::ruling::limits;
use twinlock_system::{Standing, Trouble};
use twinlock_verifier::Source;

use crate::answer::Answer;
use crate::visit::Visit;

/// Reports.
pub fn run(visit: &Visit<'_>) -> Answer {
    let record = match &visit.ruling.record {
        Ok(record) => record.as_ref(),
        Err(fault) => return visit.unavailable(&Trouble::Fault(fault.clone())),
    };
    let standing = Standing::of(visit.paths, visit.user(), &visit.ruling.record);
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    let mut answer = Answer::status()
        .with("user", &visit.user().name)
        .with("enrolled", yes(!matches!(standing, Ok(Standing::NotEnrolled))))
        .with("registered", yes(visit.is_enrolled()))
        .with("switched_off", yes(record.is_some_and(|record| record.switched_off)))
        .with("decision", decision(visit.ruling.decision.requirement))
        .with("required", yes(visit.required_somewhere));
    if let Err(trouble) = &standing {
        answer = answer.with("trouble", trouble.reason());
    }
    if let (Ok(Standing::NotEnrolled), Some(until)) = (&standing, visit.ruling.grace_begun()) {
        answer = answer.with("grace_until", until);
    }
    let Some(record) = record else { return answer };
    let limits = limits(&visit.policy);
    if let Some(set) = &record.recovery {
        answer = answer.with("recovery_left", set.left());
    }
    if let Some(last) = &record.last {
        answer = answer.with("last", last.at).with("last_service", &last.service);
    }
    if record.failures > 0 {
        answer = answer.with("failures", record.failures).with("failing_since", record.failing_since);
    }
    answer
        .with("disabled", yes(record.is_disabled(&limits)))
        .with("wait", record.wait_left(&limits, Source::Local, visit.ruling.now))
}

fn decision(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Exempt => "exempt",
        Requirement::UserDriven => "user_driven",
        Requirement::Required => "required",
    }
}
