//! Compiles the parts of the harness that have to be C: the scripted PAM application and a small PAM module for the
//! stage around the one under test. Rust would need unsafe code for both, and tests of a Rust module are worth more
//! when the other side is not Rust.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a build script speaks by panics and stdout"
)]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=client");
    println!("cargo::rerun-if-env-changed=CC");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let client = Path::new(&out).join("pamclient");
    let stage = Path::new(&out).join("pam_stage.so");
    compile(&client, &["client/pamclient.c", "client/host_state.c", "-lpam"]);
    let threads = Path::new(&out).join("threadclient");
    compile(&threads, &["client/threadclient.c", "-pthread", "-lpam"]);
    compile(&stage, &["-shared", "-fPIC", "-fvisibility=hidden", "client/pam_stage.c", "-lpam", "-ldl"]);
    let faults = Path::new(&out).join("allocation_faults.so");
    // Not as builtins: the compiler would make calloc call itself.
    compile(
        &faults,
        &["-shared", "-fPIC", "-fvisibility=hidden", "-fno-builtin", "client/allocation_faults.c"],
    );
    let swapper = Path::new(&out).join("swapper");
    compile(&swapper, &["client/swapper.c"]);
    println!("cargo::rustc-env=TWINLOCK_SWAPPER={}", swapper.display());
    let transfers = Path::new(&out).join("short_transfers.so");
    compile(&transfers, &["-shared", "-fPIC", "-fvisibility=hidden", "client/short_transfers.c"]);
    println!("cargo::rustc-env=TWINLOCK_SHORT_TRANSFERS={}", transfers.display());
    let source = Path::new(&out).join("libnss_twinlocktest.so.2");
    compile(&source, &["-shared", "-fPIC", "-fvisibility=hidden", "client/nss_source.c"]);
    println!("cargo::rustc-env=TWINLOCK_NSS_SOURCE={}", source.display());
    println!("cargo::rustc-env=TWINLOCK_PAMCLIENT={}", client.display());
    println!("cargo::rustc-env=TWINLOCK_THREADCLIENT={}", threads.display());
    println!("cargo::rustc-env=TWINLOCK_PAM_STAGE={}", stage.display());
    println!("cargo::rustc-env=TWINLOCK_ALLOCATION_FAULTS={}", faults.display());
}

fn compile(output: &Path, arguments: &[&str]) {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(&compiler)
        .args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-o"])
        .arg(output)
        .args(arguments)
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => panic!("{compiler} failed; are PAM's headers there? `tests/install-packages` installs them"),
        Err(error) => panic!("{compiler}: {error}; `tests/install-packages` installs a compiler"),
    }
}
