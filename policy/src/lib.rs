//! The policy: what is required of whom. Text and facts come in, a decision with its reason goes out. Nothing in
//! this room may read a file, ask NSS, look at a clock or know another room, and nothing in it may fail open: a
//! policy that cannot be understood is the strictest policy, a condition that cannot be decided is decided both
//! ways, and whatever loosens for a time does not hold while the clock is behind.
//!
//! Reading: [`Policy::parse`], [`Policy::in_force`] (with a [trial](crate::TrialState)), [`Policy::faults`],
//! [`Policy::warnings`]. Deciding: [`Policy::decide`], [`Policy::explain`], [`grace`].
#![forbid(unsafe_code)]
// No index or slice that may panic, outside tests: in a hook it would be a login refused.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod combine;
mod date;
mod decide;
mod decision;
mod duration;
mod explain;
mod fault;
mod grace;
mod keys;
mod lists;
mod matching;
mod names;
mod network;
mod plain;
mod policy;
mod reader;
mod reason;
mod rule;
mod settings;
mod show;
mod source;
mod subject;
mod throttle;
mod trial;
mod warnings;

pub use date::Date;
pub use decision::{Decision, GraceKey, Requirement, Store, Unenrolled};
pub use explain::{Considered, Explanation, Outcome};
pub use fault::Fault;
pub use grace::{Grace, grace};
pub use matching::{Doubt, Mismatch};
pub use policy::Policy;
pub use reason::{Note, Reason};
pub use show::{RuleView, Shown};
pub use source::SourceFile;
pub use subject::{Facts, Membership, Subject};
pub use throttle::Throttle;
pub use trial::{Moment, TrialState, compose, policy_text};
