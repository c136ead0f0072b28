"""Folders with Debian in them, made by debootstrap. Those that the packages' tests stand on are made once a day for this user."""

import datetime
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache").resolve() / "twinlock"
KEPT = CACHE / "debian"
MIRROR = "http://deb.debian.org/debian"
# What a host has that people log in to; and in trixie what comes with other distributions' ways.
BASE = ["openssh-server", "openssh-client", "sudo", "login", "passwd", "util-linux", "oathtool"]
MORE = {
    "bookworm": [],
    "trixie": ["systemd-standalone-tmpfiles", "authselect", "fail2ban", "selinux-policy-default", "policycoreutils"],
}
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "vt220",
    "DEBIAN_FRONTEND": "noninteractive",
}


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def base(suite):
    """The folder of a suite. Its name says what is in it: the suite as it was on a day, with these packages, by this recipe;
    so another clone may use it, and tomorrow's run does not."""
    recipe = hashlib.sha256(" ".join(BASE + MORE[suite]).encode() + pathlib.Path(__file__).read_bytes()).hexdigest()
    # A run that crosses midnight stays with the day it began on.
    day = os.environ.setdefault("TWINLOCK_PACKAGES_DAY", today().isoformat())
    return KEPT / f"{suite}-{day}-{recipe[:12]}"


def prepare(suite):
    """Makes the folder that tests of this suite stand on, if it is not there. Needs the network."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        forget_old(suite)
        if not base(suite).is_dir():
            print(f"making a folder of {suite}, once a day: {base(suite)}", flush=True)
            make(suite, BASE + MORE[suite], base(suite))


def make(suite, packages, folder):
    """Makes a folder with a suite and these packages of it. Needs the network."""
    made, log = folder.parent / f".{suite}.part", folder.parent / f"{suite}.log"
    shutil.rmtree(made, ignore_errors=True)
    with log.open("w") as output:
        def step(*words):
            done = subprocess.run(words, stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT, check=False)
            if done.returncode:
                raise RuntimeError(f"{words[0]} failed, see {log}")

        step("debootstrap", "--variant=minbase", suite, str(made), MIRROR)
        # No daemon starts in it; and nobody needs it after a power cut.
        policy = made / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        unsafe = made / "etc/dpkg/dpkg.cfg.d/tests"
        unsafe.write_text("force-unsafe-io\n")
        # sudo's, systemd's and others' scripts want these; the kernel file systems come with each test.
        step("chroot", str(made), "apt-get", "-q", "install", "-y", "--no-install-recommends", *packages)
        step("chroot", str(made), "apt-get", "clean")
    # Whole, or not there.
    made.rename(folder)


def forget_old(suite):
    """Folders of days before yesterday: no run stands on them any more."""
    for folder in KEPT.glob(f"{suite}-????-??-??-*"):
        day = datetime.date.fromisoformat(folder.name[len(suite) + 1:][:10])
        if (today() - day).days > 1:
            shutil.rmtree(folder, ignore_errors=True)
