//! A PAM stack as libpam sees it, and what can come of it. Pure: texts come in, judgements go out. Nothing here may be
//! kinder than libpam: a line that libpam would refuse is a line that refuses, and what another module may answer is
//! never guessed to be less than it may.

mod control;
mod judge;
mod modules;
mod read;
mod walk;

#[cfg(test)]
mod tests;

pub use judge::{Judgement, judge};
pub use modules::first_factors;
pub use read::{Line, Lookup, Phase, Stack, includes, read};
pub use walk::Step;
