"""The packages, in fresh Debian folders. Run by `run`, which installs what this needs."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

import claims
import deb
import extras
import folder
import rpm
from claims import attempt, chapter, claim

TOP = folder.TOP
DIST = TOP / "dist"
ENCLOSED = "TWINLOCK_PACKAGES_ENCLOSED"


def build():
    """Two releases of each kind from one build, as an upgrade from the build before."""
    def step(*words, **environment):
        subprocess.run(words, cwd=TOP, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)

    shutil.rmtree(DIST, ignore_errors=True)
    step("packaging/build", "deb", "rpm")
    for release in ("1", "2"):
        step("packaging/deb/build", release, TWINLOCK_STAGED="1")
        step("packaging/rpm/build", release, TWINLOCK_STAGED="1")


def one(pattern):
    found = sorted(DIST.glob(pattern))
    if len(found) != 1:
        raise RuntimeError(f"{pattern}: {found}")
    return found[0]


def bytes_of(names):
    return {name: (DIST / name).read_bytes() for name in names}


def built_again(everything):
    """The same sources, packed again; with `everything`, compiled again in another folder too."""
    names = [path.name for path in DIST.iterdir() if path.suffix in (".deb", ".rpm")]
    before = bytes_of(names)
    environment = dict(os.environ)
    if everything:
        again = folder.KEPT / "again"
        shutil.rmtree(again, ignore_errors=True)
        # The tools and the folders of Debian stay where they are: not part of what is built.
        environment["CARGO_TARGET_DIR"] = str(again)
    shutil.rmtree(DIST)
    for words in (["packaging/build", "deb", "rpm"], ["packaging/deb/build", "1"], ["packaging/deb/build", "2"],
                  ["packaging/rpm/build", "1"], ["packaging/rpm/build", "2"]):
        staged = {} if words[0] == "packaging/build" else {"TWINLOCK_STAGED": "1"}
        subprocess.run(words, cwd=TOP, check=True, env={**environment, **staged}, stdout=subprocess.DEVNULL)
    after = bytes_of(names)
    differ = [name for name in names if before[name] != after[name]]
    how = "compiled and packed a second time" if everything else "packed a second time"
    claim(not differ and len(names) == 6, f"{how}, all {len(names)} packages have the same bytes", f"{differ} of {names}")
    if everything:
        shutil.rmtree(folder.KEPT / "again", ignore_errors=True)


def of_the_files():
    """What can be said of the packages without installing them."""
    package = one("libpam-twinlock_*-1_*.deb")
    done = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", str(package)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if re.match(r"[EW]: ", line)]
    claim(done.returncode == 0 and not found, "lintian has neither errors nor warnings that are not explained", done.stdout)
    root = DIST / "root/deb"
    programs = [next(root.glob("usr/lib/*/security/pam_twinlock.so")), root / "usr/bin/twinlock", root / "usr/libexec/twinlock/check"]
    for program in programs:
        text = subprocess.run(["readelf", "-VdS", "-W", str(program)], stdout=subprocess.PIPE, text=True, check=True).stdout
        newest = max(tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([\d.]+)", text))
        claim(newest <= (2, 34), f"{program.name} needs glibc {'.'.join(map(str, newest))}, no newer than 2.34")
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
        print(f"        {program.name}: {program.stat().st_size} bytes, needs {' '.join(needed)}")
        claim(".dep-v0" in text, f"{program.name} carries the list of its crates (cargo auditable)")
        strings = program.read_bytes()
        claim(str(TOP).encode() not in strings and b"/.cargo/registry" not in strings, f"{program.name} names no folder of the build machine")
    manuals = [path.name for path in root.glob("usr/share/man/man*/*")]
    claim("twinlock.1.gz" in manuals, "the command's manual page is in the package", manuals)
    for path in sorted(DIST.glob("*.*")):
        print(f"        {path.name}: {path.stat().st_size} bytes")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rebuild", action="store_true", help="compile everything a second time and compare")
    arguments.add_argument("--only", action="append", choices=["files", "bookworm", "trixie", "rpm", "extras"])
    arguments.add_argument("--no-build", action="store_true", help="take the packages that are in dist/")
    given = arguments.parse_args()
    wanted = given.only or ["files", "bookworm", "trixie", "rpm", "extras"]

    if ENCLOSED not in os.environ:
        # What needs the network, then everything else in a network and mounts of its own.
        if not given.no_build:
            chapter("Build")
            build()
        folder.KEPT.mkdir(parents=True, exist_ok=True)
        for suite in ("bookworm", "trixie"):
            if suite in wanted or (suite == "trixie" and {"rpm", "extras"} & set(wanted)):
                folder.prepare(suite)
        if "files" in wanted:
            chapter("The packages")
            attempt(of_the_files)
            attempt(built_again, given.rebuild)
        os.environ[ENCLOSED] = f"{claims.passed} {claims.failed}"
        sys.stdout.flush()
        os.execvp("unshare", ["unshare", "--mount", "--net", "--uts", "--propagation", "private", "--", sys.executable, "-B", *sys.argv])

    claims.passed, claims.failed = map(int, os.environ[ENCLOSED].split())
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    pathlib.Path("/run/twinlock-packages").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/twinlock-packages"], check=True)
    for suite in ("bookworm", "trixie"):
        if suite in wanted:
            chapter(f"The .deb in {suite}")
            attempt(deb.of, suite, one("libpam-twinlock_*-1_*.deb"), one("libpam-twinlock_*-2_*.deb"))
    if "rpm" in wanted:
        chapter("The .rpm, and authselect")
        attempt(rpm.of, one("twinlock-[0-9]*-1.*.rpm"), one("twinlock-[0-9]*-2.*.rpm"))
    if "extras" in wanted:
        chapter("fail2ban, SELinux, polkit")
        attempt(extras.fail2ban)
        attempt(extras.selinux, one("twinlock-selinux-*-1.*.rpm"))
    print(f"\n{claims.passed} passed, {claims.failed} failed", flush=True)
    sys.exit(1 if claims.failed or not claims.passed else 0)


main()
