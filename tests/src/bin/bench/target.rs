//! What section 8 of the design wants of a figure, as something that can be checked.

use std::fmt;

use crate::contestant::Contestant;
use crate::figure::{Figure, Unit};

/// A target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Less than so much.
    Under(f64),
    /// No more than so much.
    AtMost(f64),
    /// Exactly so much.
    Exactly(f64),
    /// At most so many times what google-authenticator came to.
    TimesGoogle(f64),
    /// Better than all others.
    AheadOfAll,
}

impl Target {
    /// Whether the figure reaches it; None when there is nothing to say it by.
    pub fn is_reached_by(self, figure: &Figure) -> Option<bool> {
        let ours = figure.of(Contestant::Twinlock)?;
        match self {
            Self::Under(most) => Some(ours < most),
            Self::AtMost(most) => Some(ours <= most),
            Self::Exactly(value) => Some((ours - value).abs() < 0.5),
            Self::TimesGoogle(times) => Some(ours <= times * figure.of(Contestant::Google)?),
            Self::AheadOfAll => {
                let others = figure.values.iter().filter(|(of, _)| *of != Contestant::Twinlock);
                Some(others.fold(true, |ahead, (_, theirs)| ahead && ours < *theirs))
            }
        }
    }

    /// The target for people.
    pub fn shown(self, unit: Unit) -> impl fmt::Display {
        match self {
            Self::Under(most) => format!("< {}", unit.shown(most)),
            Self::AtMost(most) => format!("<= {}", unit.shown(most)),
            Self::Exactly(value) => format!("= {}", unit.shown(value)),
            Self::TimesGoogle(times) => format!("{times} x google's"),
            Self::AheadOfAll => "ahead of all".to_owned(),
        }
    }
}

/// Whether all targets are reached: `yes`, `no`, or how many of them.
pub fn reached(figure: &Figure) -> String {
    let known: Vec<bool> = figure.targets.iter().filter_map(|target| target.is_reached_by(figure)).collect();
    let count = known.iter().filter(|&&reached| reached).count();
    match (known.len(), count) {
        (0, _) => String::new(),
        (all, count) if all == count => "yes".to_owned(),
        (_, 0) => "NO".to_owned(),
        (all, count) => format!("{count} of {all}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, reached};
    use crate::contestant::Contestant;
    use crate::figure::{Figure, Unit};

    #[test]
    fn a_target_is_reached_or_not() {
        let figure = Figure::new("x", "x", Unit::Count)
            .value(Contestant::Twinlock, 90.0)
            .value(Contestant::Google, 100.0)
            .value(Contestant::Oath, 80.0);
        for (targets, expected) in [
            (vec![], ""),
            (vec![Target::Under(91.0)], "yes"),
            (vec![Target::Under(90.0)], "NO"),
            (vec![Target::AtMost(90.0), Target::Exactly(90.0)], "yes"),
            (vec![Target::Under(100.0), Target::TimesGoogle(0.5)], "1 of 2"),
            (vec![Target::AheadOfAll], "NO"),
        ] {
            let figure = Figure { targets, ..figure.clone() };
            assert_eq!(reached(&figure), expected, "{figure:?}");
        }
    }
}
