"""The .rpm, by the real rpm, and authselect's profile: made, selected, used, given up."""

import itertools
import re
import subprocess

import logins
from claims import claim
from deb import before_any_end
from folder import Folder
from person import Sshd

# As RHEL has it.
SSHD = """\
auth       substack     password-auth
auth       include      postlogin
account    required     pam_sepermit.so
account    required     pam_nologin.so
account    include      password-auth
password   include      password-auth
session    required     pam_loginuid.so
session    optional     pam_keyinit.so force revoke
session    include      password-auth
session    include      postlogin
"""
FEATURES = ["with-faillock", "with-fingerprint", "with-smartcard", "with-smartcard-required", "with-pam-u2f", "with-pam-u2f-2fa",
            "with-pam-gnome-keyring", "with-systemd-homed", "with-gssapi"]


def package_manager(host, *words):
    """The machine's rpm on the host's folder. Debian's warns that dpkg knows nothing of it."""
    return subprocess.run(["rpm", "--force-debian", "--root", str(host.root), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def of(package, newer, short):
    host = Folder("trixie")
    sshd = None
    try:
        needs = package_manager(host, "-qp", "--requires", str(package)).stdout.split("\n")
        strange = [need for need in needs if need and not re.match(
            r"(/bin/sh|pam|rpmlib\(.*|lib(c|m|pam|gcc_s|dl|pthread)\.so\.\d\(.*|lib(c|pam|gcc_s)\.so\.\d|rtld\(.*|ld-linux.*|/usr/bin/(env|sh)|config\(twinlock\).*)( .*)?$", need)]
        claim(not strange, "rpm: needs a shell, PAM and the C library, nothing else", "\n".join(needs))

        # The folder is Debian's: its libraries are there, but not in rpm's books.
        done = package_manager(host, "-i", "--nodeps", str(package))
        claim(done.returncode == 0 and "warning" not in done.stdout.replace("warning: Signature", ""), "rpm: installs, scripts run", done.stdout)
        verified = package_manager(host, "-V", "--nodeps", "twinlock")
        claim(verified.returncode == 0 and not verified.stdout.strip(), "rpm: -V is clean", verified.stdout)
        modes = host.must("stat", "-c", "%U %a", "/var/lib/twinlock", "/var/lib/twinlock/ledger", "/usr/libexec/twinlock/check",
                          "/usr/lib64/security/pam_twinlock.so").split("\n")
        claim(modes[:4] == ["root 700", "root 700", "root 4755", "root 644"], "rpm: the state is root's alone, the helper is 4755", modes)

        policy = host.read("/etc/twinlock/policy.toml").replace("require_mfa = false", "require_mfa = true")
        host.write("/etc/twinlock/policy.toml", policy)
        done = package_manager(host, "-U", "--nodeps", str(newer))
        claim(done.returncode == 0 and host.read("/etc/twinlock/policy.toml") == policy
              and not host.path("/etc/twinlock/policy.toml.rpmnew").exists(), "rpm: an upgrade keeps the administrator's policy", done.stdout)
        # Debian's libpam looks elsewhere.
        host.must("sh", "-c", "cp /usr/lib64/security/pam_twinlock.so /usr/lib/*-linux-gnu/security/")

        host.must("mkdir", "-p", "/etc/authselect")
        every_profile_lands(host, short)
        host.must("authselect", "select", "local", "with-faillock", "--force")
        host.add_user("maria", logins.PASSWORD)
        shown = host.run("twinlock", "setup", "--all-logins", "--dry-run").stdout
        claim("runs: /usr/libexec/twinlock/authselect && authselect select custom/twinlock with-faillock\n" in shown,
              "authselect: setup shows what it will run, the features in use with it", shown)
        made = host.run("/usr/libexec/twinlock/authselect")
        claim(made.returncode == 0 and "authselect select custom/twinlock with-faillock" in made.stdout,
              "authselect: the profile is made from the one in use", made.stdout)
        current = host.must("authselect", "current", "--raw")
        claim(current.strip() == "local with-faillock", "authselect: making it selects nothing", current)
        selected = host.run("authselect", "select", "custom/twinlock", "with-faillock")
        claim(selected.returncode == 0, "authselect 1.5 accepts and selects custom/twinlock", selected.stdout)
        checked = host.run("authselect", "check")
        claim(checked.returncode == 0, "authselect finds the configuration valid", checked.stdout)
        again = host.run("/usr/libexec/twinlock/authselect")
        applied = host.run("authselect", "apply-changes")
        claim(again.returncode == 0 and "apply-changes" in again.stdout and applied.returncode == 0,
              "authselect: made again while in use", again.stdout + applied.stdout)

        host.write("/etc/pam.d/sshd", SSHD)
        sshd = Sshd(host, host.read("/usr/share/twinlock/examples/sshd/twinlock.conf"))
        what = "through authselect's stack"
        logins.wrong_password_shows_nothing(what, sshd, "maria")
        phone, codes = logins.first_login_enrols(what, sshd, "maria")
        logins.code_is_asked_for(what, sshd, "maria", phone, codes[0])
        logins.wrong_codes_never_let_in(what, sshd, "maria", phone)

        done = package_manager(host, "-e", "--nodeps", "twinlock")
        claim(done.returncode != 0 and "password-auth" in done.stdout and host.path("/usr/lib64/security/pam_twinlock.so").exists(),
              "rpm: is not erased while a stack names the module", done.stdout)
        host.must("authselect", "select", "local", "with-faillock")
        done = package_manager(host, "-e", "--nodeps", "twinlock")
        claim(done.returncode == 0, "rpm: is erased after another profile was selected", done.stdout)
        claim(not host.path("/usr/bin/twinlock").exists() and host.path("/etc/twinlock/policy.toml.rpmsave").exists(),
              "rpm: the administrator's policy is kept aside")
        host.must("sh", "-c", "rm -f /var/run/faillock/maria")
        logins.password_is_enough("rpm, erased", sshd, "maria")
    finally:
        if sshd:
            sshd.stop()
        host.close()


def every_profile_lands(host, short):
    """Each base with each pair of features: whoever passes lands on our line, whoever fails never does."""
    count, wrong = 0, []
    for base in ("local", "sssd", "winbind", "nis"):
        known = [word for word in FEATURES if re.search(rf"\b{word}\b", host.must("authselect", "list-features", base))]
        for features in [()] + [(word,) for word in known] + ([] if short else list(itertools.combinations(known, 2))):
            made = host.run("/usr/libexec/twinlock/authselect", "--base", base, *features)
            if made.returncode:
                wrong.append(f"{base} {features}: {made.stdout}")
                continue
            for name in ("system-auth", "password-auth", "fingerprint-auth", "smartcard-auth"):
                if not host.path(f"/etc/authselect/custom/twinlock/{name}").exists():
                    continue
                count += 1
                text = host.read(f"/etc/authselect/custom/twinlock/{name}")
                auth = [re.sub(r"\s+", " ", line) for line in text.splitlines() if re.match(r"-?auth\s", line)]
                account = [re.sub(r"\s+", " ", line).split(" {")[0] for line in text.splitlines() if re.match(r"-?account\s", line)]
                end = len(auth) - 2
                ends = [at + 1 + int(number) for at, line in enumerate(auth)
                        for number in re.findall(r"\bsuccess=(\d+)", line) if "new_authtok_reqd" in line or "pam_sss" in line or "fprintd" in line]
                sound = (
                    auth[-1] == "auth required pam_twinlock.so account_phase"
                    and auth[-2] == "auth required pam_permit.so"
                    and auth[-3].startswith("auth requisite pam_deny.so")
                    and not any(re.search(r"sufficient|=done|pam_twinlock", line) for line in auth[:-1])
                    and all(place == end for place in ends)
                    # A stack whose feature is off has no first factor; it refuses everybody.
                    and (ends or auth[0] == "auth required pam_debug.so auth=authinfo_unavail")
                    and (before_any_end(account) or not ends and not account)
                )
                if not sound:
                    wrong.append(f"{base} {features} {name}:\n" + "\n".join(auth + account))
    claim(count > (60 if short else 100) and not wrong, f"authselect: in {count} stacks of 4 profiles every first factor lands on our line", "\n".join(wrong[:3]))
    host.must("rm", "-rf", "/etc/authselect/custom/twinlock")
