//! All ways through a stack, by the rules of libpam's `_pam_dispatch_aux`: each module answers whatever it may, and
//! every end that can be reached is reached.

use std::collections::HashSet;

use super::control::{Action, code};
use super::modules::Role;
use super::read::{Call, Phase, Stack};

/// What the stack thinks so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Impression {
    Undefined,
    Positive,
    Negative,
}

/// What our module answered, the worst of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asked {
    /// It was not asked.
    No,
    /// A code was verified.
    Passed,
    /// No code was needed.
    Excused,
    /// Anything else.
    Failed,
}

/// What happened on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Way {
    /// What our module answered.
    pub asked: Asked,
    /// It was asked more than once.
    pub twice: bool,
    /// A first factor passed.
    pub proven: bool,
    /// None had passed when ours was asked.
    pub asked_unproven: bool,
    /// One had failed when ours was asked, and none passed.
    pub asked_after_failure: bool,
    /// A first factor failed.
    pub failed: bool,
    /// Only root comes this way.
    pub root: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    at: usize,
    level: usize,
    impression: Impression,
    status: usize,
    /// What each level was entered with.
    entered: Vec<(Impression, usize)>,
    way: Way,
}

/// One line and what it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line's number in the stack.
    pub line: usize,
    /// The answer.
    pub code: usize,
}

/// An end of the stack.
#[derive(Clone, Debug)]
pub struct End {
    /// What the application is told.
    pub code: usize,
    /// What happened on the way.
    pub way: Way,
    /// A shortest way to it.
    pub steps: Vec<Step>,
}

/// Every different end.
pub fn ends(stack: &Stack, phase: Phase) -> Vec<End> {
    let start = State {
        at: 0,
        level: 0,
        impression: Impression::Undefined,
        status: code::PERM_DENIED,
        entered: vec![(Impression::Undefined, code::PERM_DENIED)],
        way: Way {
            asked: Asked::No,
            twice: false,
            proven: false,
            asked_unproven: false,
            asked_after_failure: false,
            failed: false,
            root: false,
        },
    };
    // Breadth first: the first way found to a state is a shortest one.
    let mut seen = HashSet::from([start.clone()]);
    let mut nodes: Vec<(State, Option<(usize, Step)>)> = vec![(start, None)];
    let mut found: Vec<End> = Vec::new();
    let mut next = 0;
    while let Some((state, _)) = nodes.get(next) {
        let state = state.clone();
        if state.at >= stack.lines.len() {
            let positive = state.impression == Impression::Positive;
            let code =
                if state.status == code::SUCCESS && !positive { code::PERM_DENIED } else { state.status };
            if !found.iter().any(|end| end.code == code && end.way == state.way) {
                found.push(End { code, way: state.way, steps: steps(&nodes, next) });
            }
        }
        for (step, state) in successors(stack, phase, &state) {
            if seen.insert(state.clone()) {
                nodes.push((state, Some((next, step))));
            }
        }
        next += 1;
    }
    found
}

fn steps(nodes: &[(State, Option<(usize, Step)>)], mut at: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((_, Some((before, step)))) = nodes.get(at) {
        steps.push(*step);
        at = *before;
    }
    steps.reverse();
    steps
}

fn successors(stack: &Stack, phase: Phase, state: &State) -> Vec<(Step, State)> {
    let Some(line) = stack.lines.get(state.at) else { return Vec::new() };
    let mut entered = state.entered.clone();
    if line.level > state.level {
        entered.resize(line.level + 1, (state.impression, state.status));
        entered[line.level] = (state.impression, state.status);
    }
    let before = State { level: line.level, entered, ..state.clone() };
    if line.call == Call::Substack {
        // It only opens what follows.
        let step = Step { line: state.at, code: code::SUCCESS };
        return vec![(step, State { at: state.at + 1, ..before })];
    }
    let role = Role::of(line, phase);
    let one = |code| {
        let mut after = before.clone();
        after.way.note(role, code);
        after.take(stack, line.actions.of(code), code);
        (Step { line: state.at, code }, after)
    };
    role.answers(line, phase).into_iter().map(one).collect()
}

impl Way {
    fn note(&mut self, role: Role, code: usize) {
        let passed = code == code::SUCCESS;
        match role {
            Role::FirstFactor => {
                self.proven |= passed;
                self.failed |= !passed;
            }
            Role::RootOnly => self.root |= passed,
            Role::Ours => {
                let answer = match code {
                    code::SUCCESS => Asked::Passed,
                    code::IGNORE => Asked::Excused,
                    _ => Asked::Failed,
                };
                self.twice |= self.asked != Asked::No;
                self.asked = self.asked.max(answer);
                self.asked_unproven |= !self.proven;
                self.asked_after_failure |= !self.proven && self.failed;
            }
            Role::Fixed(_) | Role::Other => {}
        }
    }
}

impl State {
    /// Does what an answer does, and goes on to the next line.
    fn take(&mut self, stack: &Stack, action: Action, code: usize) {
        match action {
            Action::Ignore => {}
            Action::Reset => {
                (self.impression, self.status) = self
                    .entered
                    .get(self.level)
                    .copied()
                    .unwrap_or((Impression::Undefined, code::PERM_DENIED));
            }
            Action::Ok | Action::Done => {
                let good = self.impression == Impression::Positive && self.status == code::SUCCESS;
                if self.impression == Impression::Undefined || good {
                    self.impression = Impression::Positive;
                    self.status = code;
                }
                if action == Action::Done && self.impression == Impression::Positive {
                    self.leave(stack);
                }
            }
            Action::Bad | Action::Die => {
                if self.impression != Impression::Negative {
                    self.impression = Impression::Negative;
                    self.status = if code == code::IGNORE { code::PERM_DENIED } else { code };
                }
                if action == Action::Die {
                    self.leave(stack);
                }
            }
            Action::Jump(lines) => {
                if !self.jump(stack, lines) {
                    self.impression = Impression::Negative;
                    self.status = code::PERM_DENIED;
                }
            }
        }
        self.at += 1;
    }

    /// Moves to the last line of this level.
    fn leave(&mut self, stack: &Stack) {
        while stack.lines.get(self.at + 1).is_some_and(|next| next.level >= self.level) {
            self.at += 1;
        }
    }

    /// Passes over lines; a substack is one. False when there are not so many.
    fn jump(&mut self, stack: &Stack, lines: usize) -> bool {
        for _ in 0..lines {
            let next = |at: usize| stack.lines.get(at + 1).map(|line| line.level);
            if next(self.at).is_none_or(|level| level < self.level) {
                return false;
            }
            self.at += 1;
            while next(self.at).is_some_and(|level| level > self.level) {
                self.at += 1;
            }
        }
        true
    }
}
