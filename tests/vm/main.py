"""Twinlock on a machine with SELinux enforcing. Run by `run`, which installs what this needs."""

import argparse
import os
import pathlib
import subprocess
import sys

import administration
import claims
import everyday
import folder
import image
import sandboxed
import unreadable
from claims import attempt, chapter, claim
from denials import Denials
from machine import KEPT, Machine

WITHIN = "TWINLOCK_VM_WITHIN"


def build():
    """The packages, in dist/."""
    subprocess.run(["packaging/deb/build"], cwd=folder.TOP, check=True, stdout=subprocess.DEVNULL)


def all_of_it(machine):
    machine.up()
    mode = machine.must("getenforce").strip()
    claim(mode == "Enforcing", "the machine is up, and SELinux is enforcing", machine.must("sestatus"))
    denials = Denials(machine)
    chapter("Before: what Debian's own policy denies at logins without us")
    attempt(everyday.without_us, machine, denials)
    chapter("Installed, without the policy module")
    attempt(administration.installed_without_the_policy, machine, denials)
    chapter("The policy module")
    attempt(administration.the_policy_module, machine, denials)
    chapter("A confined user, while nothing is required")
    people = {}
    attempt(everyday.a_confined_user, machine, denials, people)
    chapter("Required of everybody: enrolment and codes, at the console and over ssh")
    machine.must("twinlock policy require on --force")
    attempt(everyday.at_the_console, machine, denials, people)
    attempt(everyday.over_ssh, machine, denials, people)
    attempt(everyday.a_member_of_staff, machine, denials, people)
    attempt(everyday.cron, machine, denials)
    attempt(sandboxed.a_code, machine, denials, people)
    chapter("Administrators")
    attempt(administration.by_root, machine, denials, people)
    chapter("A credential and a ledger that SELinux keeps from sshd")
    attempt(unreadable.of_a_user, machine, denials, people)
    attempt(unreadable.of_the_host, machine, denials, people)
    chapter("The end")
    attempt(administration.gone_and_back, machine, denials)
    claim(machine.must("getenforce").strip() == "Enforcing", "SELinux has been enforcing to the end")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--no-build", action="store_true", help="take the packages that are in dist/")
    given = arguments.parse_args()
    if WITHIN not in os.environ:
        if not given.no_build:
            chapter("Build")
            build()
        chapter("The machine")
        image.prepare()
        os.environ[WITHIN] = "yes"
        sys.stdout.flush()
        os.execvp(folder.ENCLOSED[0], [*folder.ENCLOSED, sys.executable, "-B", *sys.argv])

    folder.settle()
    machine = Machine()
    try:
        attempt(all_of_it, machine)
    finally:
        machine.close()
    print(f"\nThe screens are in {os.path.relpath(KEPT, folder.TOP)}:", *sorted(path.name for path in pathlib.Path(KEPT).glob("*.txt")))
    if claims.failed:
        print("The end of the console:", (KEPT / "console.txt").read_text()[-3000:], sep="\n")
    print(f"\n{claims.passed} passed, {claims.failed} failed", flush=True)
    sys.exit(1 if claims.failed or not claims.passed else 0)


main()
