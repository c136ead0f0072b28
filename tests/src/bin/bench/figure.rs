//! A figure: one line of the table, what each module came to, and what is wanted of ours.

use crate::contestant::Contestant;
use crate::target::Target;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Instructions, as callgrind counts them.
    Instructions,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Bytes, shown as KiB.
    Bytes,
    /// Things.
    Count,
    /// Things in a second.
    PerSecond,
    /// The minor number of a glibc 2.x.
    Glibc,
}

impl Unit {
    /// Its name in the file of figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Microseconds => "microseconds",
            Self::Milliseconds => "milliseconds",
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::PerSecond => "per second",
            Self::Glibc => "glibc 2.x",
        }
    }

    /// Whether a busy machine moves it.
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::Microseconds | Self::Milliseconds | Self::PerSecond)
    }

    /// A number for people.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Instructions | Self::Count | Self::PerSecond => grouped(value),
            Self::Microseconds => {
                format!("{} us", if value < 100.0 { format!("{value:.1}") } else { grouped(value) })
            }
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Bytes => format!("{} KiB", grouped(value / 1024.0)),
            Self::Glibc => format!("2.{value}"),
        }
    }
}

/// Digits in groups of three.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value <= -0.5 { format!("-{text}") } else { text }
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name in the file of figures; it never changes, so that runs can be compared.
    pub id: String,
    /// Its line in the table.
    pub label: String,
    /// What the numbers count.
    pub unit: Unit,
    /// What each module came to; a module that has no such thing is not there.
    pub values: Vec<(Contestant, f64)>,
    /// What ours must reach, the nearest first.
    pub targets: Vec<Target>,
}

impl Figure {
    /// A figure without numbers.
    pub fn new(id: &str, label: &str, unit: Unit) -> Self {
        Self { id: id.to_owned(), label: label.to_owned(), unit, values: Vec::new(), targets: Vec::new() }
    }

    /// With what a module came to.
    #[must_use]
    pub fn value(mut self, of: Contestant, value: f64) -> Self {
        self.values.push((of, value));
        self
    }

    /// With what each of several modules came to.
    #[must_use]
    pub fn values(mut self, values: impl IntoIterator<Item = (Contestant, f64)>) -> Self {
        self.values.extend(values);
        self
    }

    /// With what ours must reach.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// What a module came to.
    pub fn of(&self, contestant: Contestant) -> Option<f64> {
        self.values.iter().find(|(of, _)| *of == contestant).map(|(_, value)| *value)
    }
}

/// The middle one of several measurements, and the one that 99 of 100 do not exceed.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The 99th percentile.
    pub p99: f64,
}

impl Spread {
    /// Of measurements in any order.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at =
            |hundredths: usize| values[(values.len() * hundredths / 100).min(values.len().saturating_sub(1))];
        Self { median: at(50), p99: at(99) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, Unit};

    #[test]
    fn numbers_read_as_people_write_them() {
        let cases = [
            (Unit::Instructions, 1_234_567.0, "1,234,567"),
            (Unit::Instructions, -12.0, "-12"),
            (Unit::Microseconds, 34.56, "34.6 us"),
            (Unit::Bytes, 2048.0, "2 KiB"),
            (Unit::Glibc, 34.0, "2.34"),
        ];
        for (unit, value, shown) in cases {
            assert_eq!(unit.shown(value), shown);
        }
    }

    #[test]
    fn one_in_a_hundred_is_slower_than_the_99th_percentile() {
        let spread = Spread::of((0..1000).rev().map(f64::from).collect());
        assert_eq!((spread.median, spread.p99), (500.0, 990.0));
    }
}
