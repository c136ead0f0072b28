//! The questions that matter about a stack, answered from all its ends.

use super::control::code;
use super::read::{Phase, Stack};
use super::walk::{Asked, End, Step, ends};

/// What can come of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// It can agree without our module having been asked: how.
    pub bypass: Option<Vec<Step>>,
    /// It can agree although our module refused: how.
    pub way_in: Option<Vec<Step>>,
    /// It never asks our module.
    pub unreachable: bool,
    /// It refuses even those whose code was right.
    pub keeps_out_verified: bool,
    /// It refuses those of whom nothing is asked.
    pub keeps_out_excused: bool,
    /// It can agree after our module was asked twice, which no code survives.
    pub twice: bool,
    /// It can agree upon a code alone, without a first factor: how.
    pub code_alone: Option<Vec<Step>>,
    /// A code is asked for before the first factor.
    pub before_factor: bool,
    /// A code is asked for although the first factor failed.
    pub after_failure: bool,
}

/// Judges one phase of a service.
pub fn judge(stack: &Stack, phase: Phase) -> Judgement {
    let ends = ends(stack, phase);
    // An expired password is changed, and then the session begins: no refusal.
    let agrees = |end: &&End| {
        end.code == code::SUCCESS || (phase == Phase::Account && end.code == code::NEW_AUTHTOK_REQD)
    };
    let good: Vec<&End> = ends.iter().filter(agrees).filter(|end| !end.way.root).collect();
    let asked = |answer: Asked| good.iter().filter(move |end| end.way.asked == answer);
    let how = |end: Option<&&End>| end.map(|end| end.steps.clone());
    let passed = || asked(Asked::Passed);
    Judgement {
        bypass: how(asked(Asked::No).next()),
        way_in: how(asked(Asked::Failed).next()),
        unreachable: ends.iter().all(|end| end.way.asked == Asked::No),
        keeps_out_verified: passed().next().is_none(),
        keeps_out_excused: asked(Asked::Excused).next().is_none(),
        twice: passed().any(|end| end.way.twice),
        code_alone: how(passed().find(|end| !end.way.proven)),
        before_factor: passed().any(|end| end.way.proven && end.way.asked_unproven),
        after_failure: ends.iter().any(|end| end.way.asked_after_failure),
    }
}
