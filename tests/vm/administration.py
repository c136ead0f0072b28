"""What administrators do: install, switch on, look, mend, take away."""

import labels
from claims import claim
from folder import TOP
from scenes import CODE, signs_in

DEBCONF = "DEBIAN_FRONTEND=noninteractive "
DIST = TOP / "dist"


def one(pattern):
    found = sorted(DIST.glob(pattern))
    if not found:
        raise RuntimeError(f"no {pattern} in dist: make deb")
    return found[0]


def installed_without_the_policy(machine, denials):
    """Without the policy module nobody gets past: sshd may not write the ledger."""
    machine.bring(one("libpam-twinlock_*.deb"), "/root/libpam-twinlock.deb")
    machine.bring(one("twinlock-selinux_*.deb"), "/root/twinlock-selinux.deb")
    done = machine.run(DEBCONF + "dpkg -i /root/libpam-twinlock.deb")
    claim(done.returncode == 0, "the package installs under enforcing SELinux", done.stdout)
    machine.must(DEBCONF + "pam-auth-update --enable twinlock")
    machine.must("cp /usr/share/twinlock/examples/sshd/twinlock.conf /etc/ssh/sshd_config.d/10-twinlock.conf && systemctl reload ssh")
    denials.none_of_ours("installing")
    machine.must("twinlock policy require on --force")
    screen = machine.client("otto")
    came = signs_in(screen)
    screen.stop()
    logged = machine.run("journalctl -b --no-pager -o cat | grep 'pam_twinlock.*event=unavailable'").stdout
    claim(not came and CODE not in screen.sent and "Permission denied" in logged,
          "without the policy module a login that needs a code is refused, and the log says what was denied", screen.sent + logged)
    denied = denials.new()
    claim(any(one.startswith("sshd_t -> var_lib_t ") for one in denied), "what SELinux denied is the ledger", "\n".join(denied.values()))
    doctor = machine.run("twinlock doctor").stdout
    claim("SELinux type var_lib_t, not twinlock_ledger_t" in doctor and "twinlock-selinux" in doctor, "doctor names the package that is missing", doctor)
    machine.must("twinlock policy require off --force")


def the_policy_module(machine, denials):
    """The distribution's own tools take it, and it labels what is there already."""
    done = machine.run(DEBCONF + "dpkg -i /root/twinlock-selinux.deb")
    listed = machine.run("semodule -lfull | grep twinlock").stdout
    claim(done.returncode == 0 and listed.split()[:2] == ["200", "twinlock"], "twinlock-selinux installs, and the policy has the module", done.stdout + listed)
    labels.right(machine, "after twinlock-selinux")
    machine.must("systemd-run --quiet --wait systemd-tmpfiles --create twinlock.conf")
    labels.right(machine, "after systemd-tmpfiles")
    denials.none_of_ours("the policy module, systemd-tmpfiles")


def by_root(machine, denials, people):
    """doctor with a planted label, enrolment for somebody, reset, unlock."""
    clean = [line for line in machine.run("twinlock doctor --json").stdout.splitlines() if "selinux-label" in line]
    claim(not clean, "doctor finds no wrong label", "\n".join(clean))
    planted = ["/var/lib/twinlock/ledger", "/usr/libexec/twinlock/check"]
    machine.must(f"chcon -t var_lib_t {planted[0]}; chcon -t bin_t {planted[1]}")
    doctor = machine.run("twinlock doctor --json").stdout
    text = machine.run("twinlock doctor").stdout
    claim("selinux-label" in doctor and all(f"restorecon -R {path}" in text for path in planted), "doctor finds the labels that were planted", text)
    for path in planted:
        machine.must(f"restorecon -R {path}")
    after = machine.run("twinlock doctor --json").stdout
    claim("selinux-label" not in after, "what doctor says mends them", after)
    labels.right(machine, "mended", users=["maria", "otto", "anna", "udo"])

    done = machine.run("twinlock unlock maria")
    claim(done.returncode == 0, "root: twinlock unlock", done.stdout)
    done = machine.run("twinlock reset udo --yes")
    claim(done.returncode == 0, "root: twinlock reset", done.stdout)
    gone = machine.run("ls -a /home/udo/.twinlock /var/lib/twinlock/ledger/$(id -u udo)").stdout
    claim(gone.count("No such file") >= 1 and "credential.toml" not in gone, "root: reset leaves no credential and no record", gone)
    done = machine.run("twinlock enroll --user udo --unattended")
    claim(done.returncode == 0, "root: twinlock enroll for somebody else", done.stdout)
    people.pop("udo", None)
    labels.right(machine, "after reset and an enrolment by root", users=["maria", "otto", "anna", "udo"])
    denials.none_of_ours("root: doctor, unlock, reset, enroll")


def gone_and_back(machine, denials):
    """A user and the packages, removed; and installed where the policy is there first."""
    machine.must("loginctl terminate-user otto 2>/dev/null; sleep 5; userdel --force --remove otto 2>&1 || test ! -e /home/otto")
    left = machine.run("ls -ad /home/otto").stdout
    claim("No such file" in left, "userdel takes ~/.twinlock with the home", left)
    denials.none_of_ours("userdel")
    machine.must(DEBCONF + "dpkg --purge libpam-twinlock")
    denials.none_of_ours("purging")
    done = machine.run(DEBCONF + "dpkg -i /root/libpam-twinlock.deb")
    claim(done.returncode == 0, "the package installs where the policy is there first", done.stdout)
    labels.right(machine, "installed where the policy is there first")
    done = machine.run(DEBCONF + "dpkg --purge twinlock-selinux")
    listed = machine.run("semodule -l | grep twinlock; ls -Z /var/lib/twinlock /usr/libexec/twinlock; ls -Zd /home/maria/.twinlock").stdout
    claim(done.returncode == 0 and "twinlock_" not in listed and "unlabeled_t" not in listed and "?" not in listed,
          "twinlock-selinux is removed, and leaves no label that nobody knows", done.stdout + listed)
    denials.none_of_ours("removing the policy module")
