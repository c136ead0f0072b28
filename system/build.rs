//! Gives the build its date: SOURCE_DATE_EPOCH, which packagers set and `make` takes from the last commit;
//! without it, the day of the release this source belongs to.

/// 2026-11-25, the day of the version in Cargo.toml.
const RELEASED: &str = "1795564800";

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let built = std::env::var("SOURCE_DATE_EPOCH").unwrap_or_default();
    let is_number = !built.is_empty() && built.len() < 12 && built.bytes().all(|byte| byte.is_ascii_digit());
    println!("cargo:rustc-env=TWINLOCK_BUILT={}", if is_number { &built } else { RELEASED });
}
