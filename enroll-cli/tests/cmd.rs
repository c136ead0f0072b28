//! Runs the case files of `tests/cmd`, each on a host of its own. A file's name is the claim; in it stand who types
//! what, and what must come of it. In expected output `[..]` stands for anything within a line, and a line `...` for
//! any lines.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test runner"
)]

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::Deserialize;
use twinlock_tests::process::{self, Finished};
use twinlock_tests::{Account, Host, oathtool};

/// The secret of `{credential}` (RFC 4226, appendix D).
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CREDENTIAL: &str = r#"version = 1

[[authenticator]]
id = 1
label = "phone"
secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
algorithm = "SHA1"
digits = 6
period = 30
enrolled = 1795600000
"#;

/// One case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Who runs the command.
    #[serde(default = "maria")]
    user: String,
    /// Commands run before, all of which must end with 0.
    #[serde(default)]
    before: Vec<Step>,
    args: Vec<String>,
    /// Standard input, with `{code}`, `{next code}`, `{wrong code}`, `{recovery code}`; nothing if not given.
    #[serde(default)]
    input: String,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Whether /var/lib/twinlock is there.
    #[serde(default = "yes")]
    state: bool,
    /// Whether the check helper is installed.
    #[serde(default)]
    helper: bool,
    /// Groups to begin with, and their members.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    /// Files to begin with: those below `~/` are the user's (0600), those below `/home/maria/` are hers (0600), all
    /// others root's (0644).
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// Other modes of files, or of folders on the way.
    #[serde(default)]
    modes: BTreeMap<String, String>,
    status: i32,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    /// Modes of what must be there afterwards.
    #[serde(default)]
    after: BTreeMap<String, String>,
    /// Texts of files afterwards.
    #[serde(default)]
    contents: BTreeMap<String, String>,
    /// What must not be there afterwards.
    #[serde(default)]
    absent: Vec<String>,
    /// Lines that the command itself must have logged to authpriv, in this order, and no others.
    #[serde(default)]
    log: Option<Vec<String>>,
}

/// A command run before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    user: String,
    args: Vec<String>,
    /// As in a case.
    #[serde(default)]
    input: String,
}

fn maria() -> String {
    "maria".to_owned()
}

fn yes() -> bool {
    true
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    cases.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let all = cases.len();
    cases.retain(|path| words.is_empty() || words.iter().any(|word| name(path).contains(word)));
    if std::env::args().any(|word| word == "--list") {
        cases.iter().for_each(|path| println!("{}: test", name(path)));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", cases.len());
    let failed = cases.iter().filter(|path| {
        let passed = catch_unwind(|| run(path)).is_ok();
        println!("test {} ... {}", name(path), if passed { "ok" } else { "FAILED" });
        !passed
    });
    let failed = failed.count();
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out\n",
        cases.len() - failed,
        all - cases.len()
    );
    ExitCode::from(u8::from(failed > 0))
}

fn run(path: &Path) {
    let case: Case =
        toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    let host = Host::new();
    let maria = host.add_user("maria", "secret");
    host.add_user("olaf", "secret");
    host.install_command(Path::new(env!("CARGO_BIN_EXE_twinlock")));
    if case.state {
        for folder in ["ledger", "credentials", "pending"] {
            let folder = Path::new("/var/lib/twinlock").join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        }
    }
    for (path, text) in &case.files {
        let text = text.replace("{credential}", CREDENTIAL);
        match path.strip_prefix("~/") {
            Some(below) if case.user == "maria" => drop(maria.write(below, text, 0o600)),
            Some(below) => host.write(Path::new("/root").join(below), &text, 0o600),
            None => match path.strip_prefix("/home/maria/") {
                Some(below) => drop(maria.write(below, text, 0o600)),
                None => host.write(path, &text, 0o644),
            },
        }
    }
    for (path, mode) in &case.modes {
        std::fs::set_permissions(whole(path, &case), Permissions::from_mode(octal(mode))).unwrap();
    }
    for (name, members) in &case.groups {
        host.add_group(name, &members.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if case.helper {
        host.install_check_helper();
    }
    oathtool::with_time_left(if case.helper { 15 } else { 10 });
    let mut earlier = Vec::new();
    let input = |text: &str, earlier: &[serde_json::Value]| {
        host.write("/tmp/input", &filled(text, earlier), 0o644);
        File::open("/tmp/input").unwrap()
    };
    for step in &case.before {
        let mut command = command(&step.user, &maria);
        command.args(&step.args).stdin(input(&step.input, &earlier));
        let said = process::run(&mut command).ok().stdout;
        earlier.extend(serde_json::from_str(&said).ok());
    }

    host.journal().catch_up();
    host.journal().clear();
    if case.before.is_empty() {
        oathtool::with_time_left(10);
    }
    let mut command = command(&case.user, &maria);
    command.args(&case.args).envs(&case.environment).stdin(input(&case.input, &earlier));
    let Finished { status, stdout, stderr } = process::run(&mut command);

    let said = format!("--- {status}\n--- stdout\n{stdout}--- stderr\n{stderr}");
    assert_eq!(status.code(), Some(case.status), "exit status\n{said}");
    assert!(matches(&case.stdout, &stdout), "stdout is not\n{}{said}", case.stdout);
    assert!(matches(&case.stderr, &stderr), "stderr is not\n{}{said}", case.stderr);
    for (path, mode) in &case.after {
        let metadata =
            std::fs::symlink_metadata(whole(path, &case)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(metadata.permissions().mode() & 0o7777, octal(mode), "mode of {path}");
    }
    for (path, expected) in &case.contents {
        let text =
            std::fs::read_to_string(whole(path, &case)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(matches(expected, &text), "{path} is not\n{expected}---\n{text}");
    }
    if let Some(expected) = &case.log {
        host.journal().catch_up();
        let lines = host.journal().lines();
        let lines: Vec<_> =
            lines.iter().filter(|line| line.tag == "twinlock").map(|line| line.message.as_str()).collect();
        let text = lines.join("\n");
        assert!(matches(&expected.join("\n"), &text), "the log is not\n{}\n---\n{text}", expected.join("\n"));
    }
    for path in &case.absent {
        assert!(std::fs::symlink_metadata(whole(path, &case)).is_err(), "{path} is there");
    }
}

fn command(user: &str, maria: &Account) -> Command {
    match user {
        "root" => process::command("/usr/bin/twinlock"),
        _ => maria.command("/usr/bin/twinlock"),
    }
}

fn whole(path: &str, case: &Case) -> PathBuf {
    let home = if case.user == "root" { "/root/" } else { "/home/maria/" };
    PathBuf::from(path.replacen("~/", home, 1))
}

fn octal(mode: &str) -> u32 {
    u32::from_str_radix(mode, 8).unwrap()
}

/// Input with its codes filled in: those of the first secret and the last recovery codes that commands before printed as
/// JSON, or of the fixed credential.
fn filled(input: &str, earlier: &[serde_json::Value]) -> String {
    let secret = earlier.iter().find_map(|json| json["secret"].as_str()).unwrap_or(SECRET);
    let recovery = earlier.iter().rev().find_map(|json| json["recovery_codes"][0].as_str());
    let recovery = recovery.unwrap_or("AAAA-AAAA-AAAA-AAAA");
    input
        .replace("{code}", &oathtool::code_now(secret))
        .replace("{next code}", &oathtool::code_at_step(secret, 1))
        .replace("{wrong code}", &oathtool::wrong_code(secret))
        .replace("{recovery code}", recovery)
}

/// Whether a text is as expected, line by line.
fn matches(expected: &str, text: &str) -> bool {
    fn lines(expected: &[&str], text: &[&str]) -> bool {
        match (expected, text) {
            ([], []) => true,
            (["...", rest @ ..], _) => (0..=text.len()).any(|skipped| lines(rest, &text[skipped..])),
            ([first, rest @ ..], [line, others @ ..]) => one(first, line) && lines(rest, others),
            _ => false,
        }
    }
    lines(&expected.lines().collect::<Vec<_>>(), &text.lines().collect::<Vec<_>>())
}

fn one(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            (0..=line.len()).filter(|at| line.is_char_boundary(*at)).any(|at| one(rest, &line[at..]))
        }),
    }
}
