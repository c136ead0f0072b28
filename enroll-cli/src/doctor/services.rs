//! The PAM services of this host that matter to us, judged one by one. Files come in by a look-up, so that `setup` can
//! ask about files that it has not written yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::rules::Rules;
use super::stack::{self, Judgement, Line, Lookup, Phase, Stack, Step, judge};

/// Where libpam looks for a service, in this order.
const FOLDERS: [&str; 4] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d"];
/// Words that the module knows; another one ends every login in a refusal.
const WORDS: [&str; 5] =
    ["account_phase", "after_publickey", "forward_pass", "try_first_pass", "use_first_pass"];
/// Screen lockers (and screen's lock) that skip the account phase, or pay no heed to what it says.
const LOCKERS: [&str; 24] = [
    "cinnamon-screensaver",
    "gnome-screensaver",
    "gtklock",
    "hyprlock",
    "i3lock",
    "kcheckpass",
    "kde",
    "kscreensaver",
    "kscreenlocker",
    "kde-fingerprint",
    "kde-smartcard",
    "light-locker",
    "lxlock",
    "mate-screensaver",
    "physlock",
    "screen",
    "slock",
    "swaylock",
    "vlock",
    "waylock",
    "xfce4-screensaver",
    "xlock",
    "xscreensaver",
    "xsecurelock",
];

/// PAM's files, some of them not as they are but as they shall be.
#[derive(Debug, Default)]
pub struct Files {
    /// Texts that stand for what is on the disk.
    pub instead: BTreeMap<PathBuf, String>,
}

impl Files {
    /// Path and text of a service, or of a file by its absolute path.
    pub fn find(&self, name: &str) -> Option<(String, String)> {
        let paths = if name.starts_with('/') {
            vec![PathBuf::from(name)]
        } else {
            FOLDERS.iter().map(|folder| Path::new(folder).join(name)).collect()
        };
        let text = |path: &PathBuf| {
            self.instead.get(path).cloned().or_else(|| {
                std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            })
        };
        paths.iter().find_map(|path| Some((path.display().to_string(), text(path)?)))
    }

    /// Names of all services: files that no other includes, without what editors and packagers leave behind.
    pub fn services(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for folder in FOLDERS {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|entry| entry.file_name().into_string().ok()));
        }
        let instead = self.instead.keys().filter_map(|path| path.file_name()?.to_str());
        names.extend(instead.map(str::to_owned));
        let left_behind = [".bak", ".orig", ".pam-old", ".rpmsave", ".rpmnew", ".rpmorig"];
        names.retain(|name| {
            !name.starts_with('.')
                && !name.ends_with('~')
                && !name.contains(".dpkg-")
                && !name.contains(".ucf-")
                && !left_behind.iter().any(|end| name.ends_with(end))
        });
        let texts: Vec<_> = names.iter().filter_map(|name| self.find(name)).collect();
        for included in texts.iter().flat_map(|(_, text)| stack::includes(text)) {
            names.remove(&included);
        }
        names
    }
}

/// A service, as it is.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its auth lines.
    pub auth: Stack,
    /// Its account lines.
    pub account: Stack,
}

impl Service {
    /// Reads a service.
    pub fn read(name: &str, lookup: Lookup<'_>) -> Self {
        let stack = |phase| stack::read(name, phase, lookup);
        Self { name: name.to_owned(), auth: stack(Phase::Auth), account: stack(Phase::Account) }
    }

    /// Whether a line of either phase is ours.
    pub fn has_us(&self) -> bool {
        self.auth.ours().next().is_some() || self.account.ours().next().is_some()
    }

    /// Whether our auth line counts on a public key.
    pub fn counts_on_a_key(&self) -> bool {
        self.says("after_publickey")
    }

    /// Whether password and code come in one answer.
    pub fn takes_one_answer(&self) -> bool {
        self.says("forward_pass")
    }

    /// Whether a login can be led through enrolment: that takes the account phase.
    pub fn can_enrol(&self) -> bool {
        self.says("account_phase") && self.account.ours().next().is_some()
    }

    fn says(&self, word: &str) -> bool {
        self.auth.ours().any(|line| line.words().iter().any(|one| one == word))
    }
}

/// Judges all services of this host that have us, or that the policy names.
pub fn look(files: &Files, rules: &Rules, problems: &mut Vec<Problem>) {
    let names = files.services();
    let lookup = |name: &str| files.find(name);
    let services: Vec<_> = names.iter().map(|name| Service::read(name, &lookup)).collect();
    if !services.iter().any(Service::has_us) {
        problems.push(Problem::NowhereAsked { required: rules.requires });
        return;
    }
    let unasked = |demanded: bool| {
        let names = services.iter().filter(|service| !service.has_us()).map(|service| service.name.clone());
        let names = names.filter(|name| rules.account_required.contains(name) == demanded);
        names.filter(|name| demanded || rules.enroll_at.contains(name)).collect::<Vec<_>>()
    };
    for demanded in [true, false] {
        let services = unasked(demanded);
        if !services.is_empty() {
            problems.push(Problem::NotAsked { services, demanded: demanded && rules.requires });
        }
    }
    for service in services.iter().filter(|service| service.has_us()) {
        one(service, rules, problems);
    }
}

/// Judges one service that has us.
pub fn one(service: &Service, rules: &Rules, problems: &mut Vec<Problem>) {
    let name = || service.name.clone();
    let must_have_account = rules.account_required.contains(&service.name);
    let enrols = rules.enroll_at.contains(&service.name);
    let auth = service.auth.ours().next();
    let account = service.account.ours().next();
    for (phase, stack) in [(Phase::Auth, &service.auth), (Phase::Account, &service.account)] {
        lines(service, stack, problems);
        if let Some(ours) = stack.ours().next() {
            judgement(service, phase, stack, ours, problems);
        }
    }
    match (auth, account) {
        (Some(_), None) if enrols || must_have_account => {
            problems.push(Problem::NoAccountLine { service: name() })
        }
        (None, Some(_)) if must_have_account => problems.push(Problem::NoAuthLine { service: name() }),
        _ => {}
    }
    if enrols && LOCKERS.contains(&service.name.as_str()) {
        problems.push(Problem::LockerEnrols { service: name() });
    }
    if let Some(line) = auth.filter(|_| enrols && rules.leads_through_enrolment)
        && !line.words().iter().any(|word| word == "account_phase")
    {
        let (line, required) = (line.shown(), rules.requires);
        problems.push(Problem::NoAccountPhase { service: name(), line, required });
    }
}

/// What can be told of our lines without their stack.
fn lines(service: &Service, stack: &Stack, problems: &mut Vec<Problem>) {
    for line in stack.ours() {
        for word in line.words().iter().filter(|word| !WORDS.contains(&word.as_str())) {
            let (service, line) = (service.name.clone(), line.shown());
            problems.push(Problem::UnknownWord { service, line, word: word.clone() });
        }
    }
}

fn judgement(service: &Service, phase: Phase, stack: &Stack, ours: &Line, problems: &mut Vec<Problem>) {
    let Judgement {
        bypass,
        way_in,
        unreachable,
        keeps_out_verified,
        keeps_out_excused,
        twice,
        code_alone,
        before_factor,
        after_failure,
    } = judge(stack, phase);
    let (name, line) = (service.name.clone(), ours.shown());
    let auth = phase == Phase::Auth;
    let mut add = |problem| problems.push(problem);
    if unreachable {
        add(Problem::Unreachable { service: name, phase, line });
        return;
    }
    if let Some(way) = bypass {
        add(Problem::Bypass { service: name.clone(), phase, way: told(stack, &way) });
    }
    let other = stack.ours().find(|line| !line.is_required());
    if way_in.is_some() {
        let line = other.map_or_else(|| line.clone(), Line::shown);
        add(Problem::WayIn { service: name.clone(), phase, line });
    } else if let Some(other) = other {
        add(Problem::OtherControl { service: name.clone(), phase, line: other.shown() });
    }
    if keeps_out_verified {
        add(Problem::KeepsOut { service: name.clone(), phase, line: line.clone() });
    } else if keeps_out_excused {
        add(Problem::KeepsOutExcused { service: name.clone(), phase });
    }
    if twice {
        let lines = stack.ours().map(Line::shown).collect();
        add(Problem::Twice { service: name.clone(), phase, lines });
    }
    if auth && code_alone.is_some() && !service.counts_on_a_key() {
        add(Problem::CodeAlone { service: name, line });
    } else if auth && before_factor && !service.takes_one_answer() {
        add(Problem::BeforeFactor { service: name, line });
    } else if auth && after_failure {
        add(Problem::AfterFailure { service: name, line });
    }
}

/// The lines of a way that did something.
fn told(stack: &Stack, way: &[Step]) -> Vec<String> {
    way.iter().filter_map(|step| stack.lines.get(step.line)).map(Line::shown).collect()
}
