//! The built module as a file: what it exports, what it needs, how large it is; and where unsafe code may be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use twinlock_tests::artefacts;

/// What a tool of binutils prints about the module.
fn about_module(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).arg(artefacts::module()).output().expect("binutils");
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_module_exports_only_hooks() {
    let symbols = about_module("nm", &["-D", "--defined-only"]);
    let names: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert!(names.iter().all(|name| name.starts_with("pam_sm_")), "{names:?}");
    for hook in ["pam_sm_authenticate", "pam_sm_acct_mgmt", "pam_sm_setcred"] {
        assert!(names.contains(&hook), "{hook} is not exported");
    }
}

#[test]
fn the_module_needs_only_libc_libpam_and_the_loader() {
    let dynamic = about_module("readelf", &["-d"]);
    for line in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        let library = line.split(['[', ']']).nth(1).unwrap();
        let known = ["libpam.so", "libc.so", "ld-linux"].iter().any(|known| library.starts_with(known));
        assert!(known, "the module needs {library}");
    }
    assert!(dynamic.contains("libpam.so.0"), "some hosts load the module where no libpam is global");
}

/// The versions of glibc that stand in what objdump says of symbols.
fn versions(symbols: &str) -> impl Iterator<Item = (u32, u32)> {
    symbols.split("GLIBC_").skip(1).map(|rest| {
        let version: String =
            rest.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    })
}

#[test]
fn the_module_needs_no_glibc_newer_than_2_34() {
    let newest = versions(&about_module("objdump", &["-T"])).max().expect("a version");
    assert!(newest <= (2, 34), "needs glibc {newest:?}");
}

/// What is looked up when it is called (docs/decisions/0013) must be there: the loader would have said so, dlsym(3) says null.
#[test]
#[cfg(target_arch = "x86_64")]
fn each_function_that_is_looked_up_late_is_in_glibc_2_34() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pam-module/src/ffi/names.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let late: Vec<&str> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"twinlock_late ")?.strip_suffix("\","))
        .collect();
    assert!(late.len() > 20, "{late:?}");
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.split_whitespace().find(|word| word.ends_with("/libc.so.6")).expect("glibc");
    let output = Command::new("objdump").args(["-T", libc]).output().expect("binutils");
    let symbols = String::from_utf8(output.stdout).unwrap();
    for name in late {
        // The default version, which dlsym(3) gives: the others stand in brackets.
        let found = symbols.lines().find(|line| {
            line.split_whitespace().next_back() == Some(name)
                && line.contains(" GLIBC_")
                && !line.contains("(GLIBC_")
        });
        let line = found.unwrap_or_else(|| panic!("libc has no {name}"));
        assert!(versions(line).all(|version| version <= (2, 34)), "{line}");
    }
}

/// Each is looked up at every login (docs/decisions/0013).
#[test]
#[cfg(target_arch = "x86_64")]
fn the_module_names_few_functions_of_others() {
    let symbols = about_module("nm", &["-D", "--undefined-only"]);
    let names: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert!(names.len() <= 31, "{} names: {names:?}", names.len());
}

/// docs/decisions/0015: inside a virtual machine each such question is a trap into the hypervisor.
#[test]
fn the_module_asks_the_processor_nothing() {
    let code = about_module("objdump", &["-d"]);
    assert!(code.lines().count() > 50_000, "no disassembly: {} lines", code.lines().count());
    assert!(!code.contains("\tcpuid"), "the module holds CPUID");
}

#[test]
fn the_module_is_under_one_megabyte() {
    let size = std::fs::metadata(artefacts::module()).unwrap().len();
    assert!(size < 1_000_000, "{size} bytes");
}

/// All Rust sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The workspace forbids unsafe code; the two packages that do not inherit that are the module's.
#[test]
fn unsafe_code_lives_in_the_ffi_room_alone_and_each_block_is_argued_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert!(std::fs::read_to_string(root.join("Cargo.toml")).unwrap().contains("unsafe_code = \"forbid\""));
    for room in ["policy", "verifier", "enrollment", "system", "enroll-cli", "check-helper", "tests"] {
        let manifest = std::fs::read_to_string(root.join(room).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{room} does not inherit the lints");
        for path in sources(&root.join(room)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let loosened =
                ["allow(unsafe", "expect(unsafe"].iter().any(|word| text.contains(&format!("{word}_code")));
            assert!(!loosened, "{}", path.display());
        }
    }
    for path in sources(&root.join("pam-module")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let in_ffi = path.components().any(|part| part.as_os_str() == "ffi") || path.ends_with("ffi.rs");
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap();
            if !code.contains("unsafe {") && !code.contains("unsafe impl") {
                continue;
            }
            assert!(in_ffi, "{}:{} has unsafe code", path.display(), number + 1);
            let argued = lines[number.saturating_sub(8)..number].iter().any(|line| line.contains("SAFETY:"));
            assert!(argued, "{}:{} is not argued for", path.display(), number + 1);
        }
    }
}
