//! All figures as one table.

use std::fmt::Write as _;

use crate::contestant::Contestant;
use crate::figure::Figure;
use crate::record::Base;
use crate::target;

const LABEL: usize = 51;
const NUMBER: usize = 12;

/// The table, with a column for the change of ours since `base`, if there is one.
pub fn of(figures: &[Figure], base: Option<&Base>) -> String {
    let mut text = format!("{:<LABEL$}", "");
    for contestant in Contestant::ALL {
        write!(text, " {:>NUMBER$}", contestant.title()).expect("a string");
    }
    write!(text, " {:>6}  {:<27} {:<7}", "ratio", "target", "reached").expect("a string");
    text.push_str(if base.is_some() { " change\n" } else { "\n" });
    let mut group = "";
    for figure in figures {
        let this = figure.id.split('.').next().unwrap_or_default();
        if !group.is_empty() && this != group {
            text.push('\n');
        }
        group = this;
        text.push_str(row(figure, base).trim_end());
        text.push('\n');
    }
    text
}

fn row(figure: &Figure, base: Option<&Base>) -> String {
    let mut row = format!("{:<LABEL$}", figure.label);
    for contestant in Contestant::ALL {
        let value = figure.of(contestant).map_or_else(|| "-".to_owned(), |value| figure.unit.shown(value));
        write!(row, " {value:>NUMBER$}").expect("a string");
    }
    let targets: Vec<String> = figure.targets.iter().map(|one| one.shown(figure.unit).to_string()).collect();
    let (ratio, targets) = (ratio(figure), targets.join(", then "));
    write!(row, " {ratio:>6}  {targets:<27} {:<7}", target::reached(figure)).expect("a string");
    if let Some(change) = base.and_then(|base| change(figure, base)) {
        write!(row, " {change}").expect("a string");
    }
    row
}

/// Ours to google-authenticator's.
fn ratio(figure: &Figure) -> String {
    match (figure.of(Contestant::Twinlock), figure.of(Contestant::Google)) {
        (Some(ours), Some(theirs)) if theirs > 0.0 && ours / theirs < 100.0 => {
            format!("{:.2}", ours / theirs)
        }
        (Some(ours), Some(theirs)) if theirs > 0.0 => format!("{:.0}", ours / theirs),
        _ => String::new(),
    }
}

/// By how much ours changed; of times that google-authenticator took too, by how much the ratio did, since the machine
/// was not as busy then as now.
fn change(figure: &Figure, base: &Base) -> Option<String> {
    let (mut now, (mut before, theirs_before)) = (figure.of(Contestant::Twinlock)?, *base.get(&figure.id)?);
    let mut of = "";
    if let (true, Some(theirs), Some(theirs_before)) =
        (figure.unit.is_of_time(), figure.of(Contestant::Google), theirs_before)
    {
        (now, before, of) = (now / theirs, before / theirs_before, " of the ratio");
    }
    let percent = (now / before - 1.0) * 100.0;
    Some(if percent.is_finite() { format!("{percent:+.1} %{of}") } else { format!("{:+}", now - before) })
}
