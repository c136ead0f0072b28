//! The lines of a service, as libpam puts them together: includes in their place, substacks on a level of their own, what
//! it cannot read as a line that refuses (`_pam_parse_conf_file`).

use super::control::Actions;

/// As deep as libpam includes (`PAM_SUBSTACK_MAX_LEVEL`).
const DEEPEST: usize = 16;
/// The service whose lines stand in for those that another has not.
const OTHER: &str = "other";
/// The module this is about.
const OURS: &str = "pam_twinlock.so";

/// Gives path and text of a file: of a service by its name, or by an absolute path.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<(String, String)>;

/// The two phases that a login passes before its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Who is it?
    Auth,
    /// May they, now?
    Account,
}

impl Phase {
    /// The word in a PAM file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
        }
    }
}

/// All lines of one phase of a service.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// In the order in which they are run.
    pub lines: Vec<Line>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Line {
    /// How many substacks it is in.
    pub level: usize,
    /// What it calls.
    pub call: Call,
    /// What the answer does.
    pub actions: Actions,
    /// The control as written.
    pub control: String,
    /// File and line, from 1.
    pub place: (String, u32),
}

/// What a line calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A module, by the last part of its path, with its words.
    Module(String, Vec<String>),
    /// Nothing: it always refuses.
    Refusal,
    /// The lines of a level deeper that follow it.
    Substack,
}

impl Line {
    /// Whether it is one of ours.
    pub fn is_ours(&self) -> bool {
        matches!(&self.call, Call::Module(name, _) if name == OURS)
    }

    /// The words behind the module.
    pub fn words(&self) -> &[String] {
        match &self.call {
            Call::Module(_, words) => words,
            _ => &[],
        }
    }

    /// Whether the answers do what those of a `required` line do.
    pub fn is_required(&self) -> bool {
        self.actions == Actions::parse("required")
    }

    /// File, line and what stands there, for a person.
    pub fn shown(&self) -> String {
        let what = match &self.call {
            Call::Module(name, words) => [std::slice::from_ref(name), words.as_slice()].concat().join(" "),
            Call::Refusal => "(a line that libpam cannot read, or a file that is not there)".to_owned(),
            Call::Substack => "(a substack)".to_owned(),
        };
        format!("{}:{}: {} {what}", self.place.0, self.place.1, self.control)
    }
}

impl Stack {
    /// Our lines.
    pub fn ours(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.is_ours())
    }
}

/// Reads one phase of a service. One without lines of its own gets those of `other`.
pub fn read(service: &str, phase: Phase, lookup: Lookup<'_>) -> Stack {
    let mut lines = Vec::new();
    load(service, None, phase, (0, 0), lookup, &mut lines);
    if lines.is_empty() {
        load(OTHER, None, phase, (0, 0), lookup, &mut lines);
    }
    Stack { lines }
}

/// The names that a file includes, in any phase.
pub fn includes(text: &str) -> Vec<String> {
    let included = |(_, line): (u32, String)| {
        let mut fields = fields(&line).into_iter();
        let first = fields.next()?;
        if first != "@include"
            && !matches!(fields.next()?.to_ascii_lowercase().as_str(), "include" | "substack")
        {
            return None;
        }
        fields.next()
    };
    logical(text).into_iter().filter_map(included).collect()
}

/// Adds the lines of a file; false when it is not there, or too deep. `only` is the phase that an `include` asked for:
/// then even a line without a readable phase counts for it.
fn load(
    name: &str,
    only: Option<Phase>,
    phase: Phase,
    (depth, level): (usize, usize),
    lookup: Lookup<'_>,
    lines: &mut Vec<Line>,
) -> bool {
    let Some((path, text)) = lookup(name).filter(|_| depth < DEEPEST) else { return false };
    for (number, text) in logical(&text) {
        let mut fields = fields(&text).into_iter();
        let first = fields.next().unwrap_or_default();
        let add = |lines: &mut Vec<Line>, call, control: &str| {
            let actions = Actions::parse(control);
            let place = (path.clone(), number);
            lines.push(Line { level, call, actions, control: control.to_owned(), place });
        };
        // Debian's own word: all phases of a file, as if they stood here.
        if first == "@include" {
            let there =
                fields.next().is_some_and(|name| load(&name, None, phase, (depth + 1, level), lookup, lines));
            if !there {
                add(lines, Call::Refusal, "required");
            }
            continue;
        }
        let of = match first.strip_prefix('-').unwrap_or(&first).to_ascii_lowercase().as_str() {
            "auth" => Some(Phase::Auth),
            "account" => Some(Phase::Account),
            "password" | "session" => continue,
            _ => None,
        };
        // A word that is no phase refuses: where it may be any phase, in auth.
        let readable = of.is_some();
        if of.unwrap_or(only.unwrap_or(Phase::Auth)) != phase {
            continue;
        }
        let control = fields.next().unwrap_or_default();
        let target = fields.next();
        match (control.to_ascii_lowercase().as_str(), target) {
            _ if !readable => add(lines, Call::Refusal, &control),
            (word @ ("include" | "substack"), target) => {
                let deeper = usize::from(word == "substack");
                if deeper > 0 {
                    add(lines, Call::Substack, &control);
                }
                let at = (depth + 1, level + deeper);
                if !target.is_some_and(|name| load(&name, Some(phase), phase, at, lookup, lines)) {
                    add(lines, Call::Refusal, "required");
                }
            }
            (_, Some(module)) if !control.is_empty() => {
                let name = module.rsplit('/').next().unwrap_or(&module).to_owned();
                add(lines, Call::Module(name, fields.collect()), &control);
            }
            _ => add(lines, Call::Refusal, &control),
        }
    }
    true
}

/// Lines without comments, continued ones joined, empty ones left out; with the number of their first.
fn logical(text: &str) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut continued = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let (line, goes_on) = match line.strip_suffix('\\') {
            Some(start) => (start, true),
            None => (line, false),
        };
        match found.last_mut().filter(|_| continued) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(line);
            }
            None => found.push((number, line.to_owned())),
        }
        continued = goes_on;
    }
    found.retain(|(_, line)| !line.trim().is_empty());
    found
}

/// The fields of a line; brackets hold one together, and only those of a control stay.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = if rest.starts_with('[') {
            rest.find(']').map_or(rest.len(), |end| end + 1)
        } else {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        };
        let (field, after) = rest.split_at(end);
        fields.push(field.to_owned());
        rest = after.trim_start();
    }
    fields
}
