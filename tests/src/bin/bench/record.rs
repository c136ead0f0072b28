//! The figures of a run as a file: one flat JSON object a line. What is written here is what is read here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::client;
use crate::contestant::Contestant;
use crate::figure::Figure;
use crate::target;

/// What ours and google-authenticator came to in an earlier run, by the figures' ids.
pub type Base = BTreeMap<String, (f64, Option<f64>)>;

/// Writes `bench/latest.json` in the target folder, or a file of its own for one group; returns its path. The whole run
/// before stays beside it.
pub fn write(figures: &[Figure], only: Option<&str>) -> PathBuf {
    let path = client::folder().join(format!("{}.json", only.unwrap_or("latest")));
    if only.is_none() {
        // There may be none yet.
        let _ = std::fs::rename(&path, path.with_file_name("before.json"));
    }
    let text: String = figures.iter().map(line).collect();
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

fn line(figure: &Figure) -> String {
    let mut line = format!(
        "{{\"id\":{},\"figure\":{},\"unit\":{}",
        quoted(&figure.id),
        quoted(&figure.label),
        quoted(figure.unit.name())
    );
    for (contestant, value) in &figure.values {
        write!(line, ",\"{}\":{}", contestant.name(), (value * 1000.0).round() / 1000.0).expect("a string");
    }
    if !figure.targets.is_empty() {
        let targets: Vec<String> =
            figure.targets.iter().map(|target| target.shown(figure.unit).to_string()).collect();
        let reached = quoted(&target::reached(figure));
        write!(line, ",\"target\":{},\"reached\":{reached}", quoted(&targets.join(", then ")))
            .expect("a string");
    }
    line + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Reads a file that an earlier run wrote; what is no figure is passed over.
pub fn read(path: &Path) -> Base {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter_map(figure).collect()
}

fn figure(line: &str) -> Option<(String, (f64, Option<f64>))> {
    let id = line.strip_prefix("{\"id\":\"")?.split('"').next()?;
    let of = |contestant: Contestant| {
        let rest = line.split(&format!(",\"{}\":", contestant.name())).nth(1)?;
        rest.split([',', '}']).next()?.parse().ok()
    };
    Some((id.to_owned(), (of(Contestant::Twinlock)?, of(Contestant::Google))))
}

#[cfg(test)]
mod tests {
    use super::{figure, line};
    use crate::contestant::Contestant;
    use crate::figure::{Figure, Unit};
    use crate::target::Target;

    #[test]
    fn what_is_written_can_be_read() {
        let measured = Figure::new("wall.tmpfs.median", "the \"median\"", Unit::Microseconds)
            .value(Contestant::Twinlock, 151.25)
            .value(Contestant::Google, 150.0)
            .target(Target::TimesGoogle(1.5));
        let text = line(&measured);
        assert_eq!(
            text,
            "{\"id\":\"wall.tmpfs.median\",\"figure\":\"the \\\"median\\\"\",\"unit\":\"microseconds\",\
             \"twinlock\":151.25,\"google_authenticator\":150,\"target\":\"1.5 x google's\",\"reached\":\"yes\"}\n"
        );
        assert_eq!(figure(&text), Some(("wall.tmpfs.median".to_owned(), (151.25, Some(150.0)))));
        assert_eq!(figure("not a figure"), None);
    }
}
