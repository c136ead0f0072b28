//! What a packager gives to the build gets to the compiler, beside what the build gives itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use twinlock_tests::{Host, process};

/// Writes down the flags that it was run with, installs tools that do nothing, and builds nothing.
const CARGO: &str = r#"#!/bin/sh
if [ "$1" = install ]; then
    while [ "$1" != --root ]; do shift; done
    mkdir -p "$2/bin" && ln -s /bin/true "$2/bin/cargo-auditable"
    exit
fi
env | grep RUSTFLAGS >>/tmp/flags
exit 1
"#;

#[test]
fn a_packagers_flags_come_to_the_projects_own_in_make_and_in_packages() {
    let host = Host::new();
    host.write("/tmp/stub/cargo", CARGO, 0o755);
    host.write("/tmp/stub/rustc", "#!/bin/sh\necho host: x86_64-unknown-linux-gnu\n", 0o755);
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (program, arguments, is_package) in [
        ("make", &["--eval=probe: ; cargo", "probe"][..], false),
        ("make", &["--eval=probe: ; packaging/build deb", "probe"], true),
        ("sh", &["packaging/build", "deb"], true),
    ] {
        let mut build = process::command(program);
        build.args(arguments).current_dir(top);
        build.env("PATH", "/tmp/stub:/usr/bin:/bin").env("XDG_CACHE_HOME", "/tmp/cache");
        build.env("CARGO_TARGET_DIR", "/tmp/target").env("RUSTFLAGS", "-Cdebuginfo=1");
        assert!(!process::run(&mut build).status.success());
        let flags = std::fs::read_to_string("/tmp/flags").unwrap();
        std::fs::remove_file("/tmp/flags").unwrap();
        // RUSTFLAGS itself would take the place of those in .cargo/config.toml.
        let flags = flags.trim_end().strip_prefix("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS=");
        let flags: Vec<_> = flags.expect(program).split_whitespace().collect();
        assert_eq!(flags[0], "-Cdebuginfo=1", "{program} {arguments:?}: {flags:?}");
        assert_eq!(flags.len(), if is_package { 3 } else { 1 }, "{flags:?}");
    }
}
