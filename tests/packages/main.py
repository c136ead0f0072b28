"""The packages, in fresh Debian folders. Run by `run`, which installs what this needs."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading

import claims
import deb
import debian
import extras
import folder
import rpm
import source
from claims import attempt, chapter, claim
from source import one

# What is tried in mounts and a network of its own, all at once: its name, its heading, what it stands on, what it does.
SCENES = {
    "trixie": ("The .deb in trixie", "trixie",
               lambda short: attempt(deb.of, "trixie", one("libpam-twinlock_*-1_*.deb"), one("libpam-twinlock_*-2_*.deb"))),
    "bookworm": ("The .deb in bookworm", "bookworm",
                 lambda short: attempt(deb.of, "bookworm", one("libpam-twinlock_*-1_*.deb"), one("libpam-twinlock_*-2_*.deb"))),
    "rpm": ("The .rpm, and authselect", "trixie",
            lambda short: attempt(rpm.of, one("twinlock-[0-9]*-1.*.rpm"), one("twinlock-[0-9]*-2.*.rpm"), short)),
    "fail2ban": ("fail2ban", "trixie", lambda short: attempt(extras.fail2ban)),
    "selinux": ("SELinux", "trixie", lambda short: attempt(extras.selinux, one("twinlock-selinux-*-1.*.rpm"))),
}


def of_the_files():
    """What can be said of the packages without installing them."""
    for package in (one("libpam-twinlock_*-1_*.deb"), one("twinlock-selinux_*-1_*.deb")):
        done = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", str(package)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        found = [line for line in done.stdout.splitlines() if re.match(r"[EW]: ", line)]
        claim(done.returncode == 0 and not found, f"lintian has neither errors nor warnings of {package.name} that are not explained", done.stdout)
    root = source.SOURCE / "dist/root/deb"
    programs = [next(root.glob("usr/lib/*/security/pam_twinlock.so")), root / "usr/bin/twinlock", root / "usr/libexec/twinlock/check"]
    for program in programs:
        text = subprocess.run(["readelf", "-VdS", "-W", str(program)], stdout=subprocess.PIPE, text=True, check=True).stdout
        newest = max(tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([\d.]+)", text))
        claim(newest <= (2, 34), f"{program.name} needs glibc {'.'.join(map(str, newest))}, no newer than 2.34")
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", text)
        print(f"        {program.name}: {program.stat().st_size} bytes, needs {' '.join(needed)}")
        claim(".dep-v0" in text, f"{program.name} carries the list of its crates (cargo auditable)")
        strings = program.read_bytes()
        claim(str(folder.TOP).encode() not in strings and b"/.cargo/registry" not in strings, f"{program.name} names no folder of the build machine")
    manuals = [path.name for path in root.glob("usr/share/man/man*/*")]
    claim("twinlock.1.gz" in manuals, "the command's manual page is in the package", manuals)
    for path in sorted(source.DIST.iterdir()):
        print(f"        {path.name}: {path.stat().st_size} bytes")


def built_again(everything):
    names, differ = source.differing(everything)
    how = "compiled and packed a second time elsewhere" if everything else "packed a second time"
    claim(not differ and len(names) == 8, f"{how}, all {len(names)} packages have the same bytes", f"{differ} of {names}")


def all_at_once(*functions):
    """Runs them in threads; raises what the first of them raised."""
    raised = []

    def run(function):
        try:
            function()
        except Exception as error:  # pylint: disable=broad-except
            raised.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def begin(name, short):
    """Starts a scene; what it prints goes to a file."""
    output = tempfile.TemporaryFile("w+")
    words = [*folder.ENCLOSED, sys.executable, "-B", __file__, "--scene", name, *(["--short"] if short else [])]
    return subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT), output


def end(process, output):
    """Waits for a scene, prints what it printed, and adds up its claims."""
    status = process.wait()
    output.seek(0)
    *lines, last = output.read().rstrip().split("\n")
    print("\n".join(lines), flush=True)
    counted = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    if not claim(counted, f"a scene runs to its end ({status})", last):
        return
    # It is no claim of the packages.
    claims.passed += int(counted[1]) - 1
    claims.failed += int(counted[2])


def scene(name, short):
    """Inside its walls."""
    folder.settle()
    heading, _, play = SCENES[name]
    chapter(heading)
    play(short)
    print(f"({claims.seconds():.0f} s)\n{claims.passed} passed, {claims.failed} failed", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rebuild", action="store_true", help="compile everything a second time and compare")
    arguments.add_argument("--short", action="store_true", help="authselect's profiles with each feature alone, not in pairs")
    arguments.add_argument("--only", action="append", choices=["files", *SCENES])
    arguments.add_argument("--no-build", action="store_true", help="take the packages of the last run")
    arguments.add_argument("--scene", choices=SCENES, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.scene:
        return scene(given.scene, given.short)

    wanted = given.only or ["files", *SCENES]
    folder.KEPT.mkdir(parents=True, exist_ok=True)
    # What needs the network, and the build beside it.
    chapter("Build, and folders of Debian")
    suites = sorted({SCENES[name][1] for name in wanted if name in SCENES})
    work = [lambda suite=suite: debian.prepare(suite) for suite in suites]
    all_at_once(*work, *([] if given.no_build else [source.build]))
    chapter("The packages, in all scenes at once")
    running = [begin(name, given.short) for name in SCENES if name in wanted]
    if "files" in wanted:
        attempt(of_the_files)
        attempt(built_again, given.rebuild)
    for process, output in running:
        end(process, output)
    print(f"\n{claims.seconds():.0f} s\n{claims.passed} passed, {claims.failed} failed", flush=True)
    sys.exit(1 if claims.failed or not claims.passed else 0)


main()
