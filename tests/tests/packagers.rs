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
    let builds = [
        ("make", &["--eval=probe: ; cargo", "probe"][..], 0),
        ("make", &["--eval=probe: ; packaging/build deb", "probe"], 2),
        ("sh", &["packaging/build", "deb"], 2),
    ];
    for (given, (program, arguments, own)) in
        ["-Cdebuginfo=1", ""].into_iter().flat_map(|given| builds.map(|build| (given, build)))
    {
        let mut build = process::command(program);
        build.args(arguments).current_dir(top);
        build.env("PATH", "/tmp/stub:/usr/bin:/bin").env("XDG_CACHE_HOME", "/tmp/cache");
        build.env("CARGO_TARGET_DIR", "/tmp/target").env("RUSTFLAGS", given);
        assert!(!process::run(&mut build).status.success());
        let told = std::fs::read_to_string("/tmp/flags").unwrap();
        std::fs::remove_file("/tmp/flags").unwrap();
        let mut flags = Vec::new();
        for line in told.lines() {
            // RUSTFLAGS itself, empty or not, would take the place of those in .cargo/config.toml.
            let line = line.strip_prefix("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS=");
            flags.extend(line.expect(&told).split_whitespace());
        }
        assert!(given.is_empty() || flags[0] == given, "{program} {arguments:?}: {flags:?}");
        assert_eq!(flags.len(), own + usize::from(!given.is_empty()), "{program} {arguments:?}: {flags:?}");
    }
}
