//! The modules as files: what is loaded into every login.

use std::path::{Path, PathBuf};

use twinlock_tests::{pam_folder, process};

use crate::client::{Client, Memory};
use crate::contestant::Contestant;
use crate::figure::{Figure, Spread, Unit};
use crate::stage::{Login, Stage};
use crate::target::Target;

/// Times that each module is loaded, and that its resident memory is looked at.
const LOADS: usize = 300;
const LOOKS: usize = 5;
/// What is loaded already where PAM is.
const THERE: [&str; 3] = ["libc.so.6", "libpam.so.0", "ld-linux"];

/// Everything about the files.
pub fn all(client: &Client, stage: &Stage) -> Vec<Figure> {
    let path = |contestant: Contestant| pam_folder().join(contestant.file());
    let each =
        |of: &dyn Fn(&Path) -> f64| Contestant::ALL.map(|contestant| (contestant, of(&path(contestant))));
    let loads = client.load(LOADS, &Contestant::ALL.map(path));
    let loads = Contestant::ALL.into_iter().zip(loads.into_iter().map(|times| Spread::of(times).median));
    let permit = memory(client, &stage.permitted());
    let used = Contestant::ALL.map(|contestant| (contestant, memory(client, &stage.right_code(contestant))));
    let added = |of: fn(&Memory) -> f64| used.map(|(contestant, used)| (contestant, of(&used) - of(&permit)));
    let size = |path: &Path| std::fs::metadata(path).expect("a module").len() as f64;
    vec![
        Figure::new("module.dlopen", "dlopen, median", Unit::Microseconds).values(loads),
        Figure::new("module.size", "module size", Unit::Bytes)
            .values(each(&size))
            .target(Target::Under(1024.0 * 1024.0)),
        Figure::new("module.libraries", "libraries beyond libc and libpam", Unit::Count)
            .values(each(&libraries))
            .target(Target::Exactly(0.0)),
        Figure::new("module.relocations", "relocations", Unit::Count).values(each(&relocations)),
        Figure::new("module.glibc", "glibc needed", Unit::Glibc)
            .values(each(&glibc))
            .target(Target::AtMost(34.0)),
        Figure::new("module.resident", "resident memory added", Unit::Bytes)
            .values(added(|used| used.resident))
            .target(Target::Under(1.5 * 1024.0 * 1024.0)),
        Figure::new("module.page_faults", "page faults added", Unit::Count).values(added(|used| used.faults)),
    ]
}

fn memory(client: &Client, login: &Login) -> Memory {
    let looks: Vec<Memory> = (0..LOOKS).map(|_| client.once(&[], login)).collect();
    let median = |of: fn(&Memory) -> f64| Spread::of(looks.iter().map(of).collect()).median;
    Memory { resident: median(|used| used.resident), faults: median(|used| used.faults) }
}

fn readelf(what: &str, module: &Path) -> String {
    let path = PathBuf::from(module);
    process::run(process::command("readelf").args(["--wide", what]).arg(path)).ok().stdout
}

fn libraries(module: &Path) -> f64 {
    let text = readelf("--dynamic", module);
    let needed = text.lines().filter(|line| line.contains("(NEEDED)"));
    needed.filter(|line| !THERE.iter().any(|there| line.contains(there))).count() as f64
}

fn relocations(module: &Path) -> f64 {
    // Relocation section '.rela.dyn' at offset 0x... contains 123 entries:
    let text = readelf("--relocs", module);
    let counts = text
        .lines()
        .filter_map(|line| line.split_once(" contains ")?.1.split(' ').next()?.parse::<u32>().ok());
    f64::from(counts.sum::<u32>())
}

fn glibc(module: &Path) -> f64 {
    let text = readelf("--version-info", module);
    let minor = |rest: &str| rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u32>().ok();
    f64::from(text.split("GLIBC_2.").skip(1).filter_map(minor).max().unwrap_or(0))
}
