"""The types of our files, and whether restorecon would change any of them."""

from claims import claim

STATE = {
    "/var/lib/twinlock": "twinlock_var_lib_t",
    "/var/lib/twinlock/ledger": "twinlock_ledger_t",
    "/var/lib/twinlock/credentials": "twinlock_credential_t",
    "/var/lib/twinlock/pending": "twinlock_pending_t",
    "/usr/libexec/twinlock/check": "twinlock_check_exec_t",
}
OURS = "/var/lib/twinlock /usr/libexec/twinlock /usr/bin/twinlock /etc/twinlock /usr/lib/*/security/pam_twinlock.so /home /root"


def wrong(machine, expected):
    """The paths whose type is not as expected, with the type."""
    seen = machine.run("stat -c '%n %C' " + " ".join(expected)).stdout
    types = {line.split()[0]: line.split()[-1].split(":")[2] for line in seen.splitlines() if line.count(":") >= 3}
    return {path: types.get(path, seen) for path, kind in expected.items() if types.get(path) != kind}


def right(machine, what, users=(), pending=()):
    """Claims that state, helper, and these users' records, credentials and pending keys have their types."""
    expected = dict(STATE)
    for user in users:
        uid = machine.must(f"id -u {user}").strip()
        expected[f"/var/lib/twinlock/ledger/{uid}"] = "twinlock_ledger_t"
        expected[f"/home/{user}/.twinlock"] = "twinlock_home_t"
        expected[f"/home/{user}/.twinlock/credential.toml"] = "twinlock_home_t"
    for user in pending:
        expected[f"/var/lib/twinlock/pending/{machine.must(f'id -u {user}').strip()}"] = "twinlock_pending_t"
    found = wrong(machine, expected)
    would = machine.run(f"restorecon -R -n -v {OURS}").stdout.strip()
    claim(not found and not would, f"{what}: {len(expected)} paths have their labels, and restorecon would change none", f"{found}\n{would}")
