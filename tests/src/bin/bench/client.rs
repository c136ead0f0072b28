//! The measured application, `client/benchclient.c`: compiled here, run here, its output understood here.

use std::path::{Path, PathBuf};
use std::process::Command;

use twinlock_tests::{artefacts, process};

use crate::stage::Login;

/// The compiled application.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
}

/// What a login had used while its modules were loaded.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Bytes resident.
    pub resident: f64,
    /// Page faults so far.
    pub faults: f64,
}

/// What became of a crowd.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many got in.
    pub successes: u32,
    /// Seconds from the release to the last one's end.
    pub seconds: f64,
}

/// Where a crowd waits for its release.
#[derive(Clone, Copy, Debug)]
pub enum Waits {
    /// Before the login.
    AtStart,
    /// At the prompt.
    AtPrompt,
}

impl Client {
    /// Compiles it. Outside of a host, so that every host sees it.
    pub fn compile() -> Self {
        let folder = folder();
        let (source, path) =
            (Path::new(env!("CARGO_MANIFEST_DIR")).join("client/benchclient.c"), folder.join("benchclient"));
        let status = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
            .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wl,-z,now", "-o"])
            .arg(&path)
            .arg(&source)
            .arg("-lpam")
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cannot compile {}", source.display());
        Self { path }
    }

    /// One login, perhaps under another program.
    pub fn once(&self, under: &[&str], login: &Login) -> Memory {
        login.restore();
        let mut command = match under.split_first() {
            None => process::command(&self.path),
            Some((program, words)) => {
                let mut command = process::command(program);
                command.args(words).arg(&self.path);
                command
            }
        };
        command.args(["once", &login.service, &login.user, login.hooks, &login.answer]);
        let finished = process::run(&mut command).ok();
        let numbers = finished.stdout.split_whitespace().map(|word| word.parse().expect("a number"));
        let [code, kilobytes, faults] = numbers.collect::<Vec<i32>>()[..] else { panic!("{finished:?}") };
        assert_eq!(code, login.expected, "{login:?}: {}", finished.stderr);
        Memory { resident: f64::from(kilobytes) * 1024.0, faults: f64::from(faults) }
    }

    /// So many rounds of logins in turn: the microseconds of each, login by login.
    pub fn time(&self, rounds: usize, logins: &[Login]) -> Vec<Vec<f64>> {
        let mut command = process::command(&self.path);
        command.args(["time", &rounds.to_string()]);
        for login in logins {
            let (live, saved) = login.state.as_ref().map_or(("-".into(), "-".into()), |state| {
                (state.live.display().to_string(), state.saved.display().to_string())
            });
            command.args([&login.service, &login.user, login.hooks, &login.answer, &live, &saved]);
        }
        let finished = process::run(&mut command).ok();
        let mut times = vec![Vec::with_capacity(rounds); logins.len()];
        for line in finished.stdout.lines() {
            let numbers: Vec<i64> = line.split(' ').map(|word| word.parse().expect("a number")).collect();
            let [number, nanoseconds, code] = numbers[..] else { panic!("{line:?}") };
            let number = usize::try_from(number).expect("a login");
            assert_eq!(i64::from(logins[number].expected), code, "{:?}", logins[number]);
            times[number].push(nanoseconds as f64 / 1000.0);
        }
        times
    }

    /// So many times each module's dlopen, in turn: the microseconds of each, module by module.
    pub fn load(&self, rounds: usize, modules: &[PathBuf]) -> Vec<Vec<f64>> {
        let mut command = process::command(&self.path);
        command.args(["load", &rounds.to_string()]).args(modules);
        let finished = process::run(&mut command).ok();
        let mut times = vec![Vec::with_capacity(rounds); modules.len()];
        for line in finished.stdout.lines() {
            let (number, nanoseconds) = line.split_once(' ').expect("two numbers");
            let nanoseconds: f64 = nanoseconds.parse().expect("nanoseconds");
            times[number.parse::<usize>().expect("a module")].push(nanoseconds / 1000.0);
        }
        times
    }

    /// Processes for these users, released together, all with one answer.
    pub fn crowd(&self, waits: Waits, service: &str, answer: &str, users: &[String]) -> Crowd {
        let waits = match waits {
            Waits::AtStart => "start",
            Waits::AtPrompt => "answer",
        };
        let mut command = process::command(&self.path);
        let finished = process::run(command.args(["crowd", waits, service, answer]).args(users)).ok();
        let (successes, nanoseconds) = finished.stdout.trim_end().split_once(' ').expect("two numbers");
        Crowd {
            successes: successes.parse().expect("a count"),
            seconds: nanoseconds.parse::<f64>().expect("nanoseconds") / 1e9,
        }
    }
}

/// The folder of what the benchmark makes and keeps: `bench` in the target folder.
pub fn folder() -> PathBuf {
    let folder = artefacts::target_folder().join("bench");
    std::fs::create_dir_all(&folder).expect("a folder in the target folder");
    folder
}
