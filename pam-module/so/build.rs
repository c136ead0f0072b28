//! Links the unwinder into the module, so that loading it pulls in no libgcc_s (docs/decisions/0002).
//!
//! rustc asks the linker for `-lgcc_s`. A folder that comes first in the search holds a linker script of that
//! name which names the static archive instead: GCC 11's, since GCC 12's needs glibc 2.35.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // The compiler's start files hold constructors that the module has not, and four names that are looked up at every
    // login, three of them in vain.
    println!("cargo:rustc-cdylib-link-arg=-nostartfiles");
    let archive = PathBuf::from("/usr/lib/gcc/x86_64-linux-gnu/11");
    let multiarch = std::env::var("CARGO_CFG_TARGET_ARCH")
        .map(|arch| PathBuf::from(format!("/usr/lib/gcc/{arch}-linux-gnu/11")));
    let archive = multiarch.unwrap_or(archive);
    if !archive.join("libgcc_eh.a").is_file() {
        println!(
            "cargo:warning=no libgcc_eh.a of GCC 11 (Debian: libgcc-11-dev); the module will load libgcc_s"
        );
        return;
    }
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let script = format!("INPUT ( {0}/libgcc_eh.a {0}/libgcc.a )\n", archive.display());
    if std::fs::write(out.join("libgcc_s.so"), script).is_ok() {
        println!("cargo:rustc-link-search=native={}", out.display());
    }
}
