"""What SELinux denied, by the machine's audit log."""

import re

from claims import claim


class Denials:
    """The denials, read on and on. One is known by who, whom and what: `sshd_t -> etc_t file { write }`."""

    def __init__(self, machine):
        self.machine = machine
        self.read = 0
        self.before_us = {}

    def learn(self):
        """What is denied now has nothing to do with us."""
        self.before_us.update(self.new())
        for one in sorted(self.before_us):
            print(f"        {one}")

    def none_of_ours(self, what, expected=()):
        """Claims that nothing was denied since the last look but what is denied without us too."""
        found = {one: line for one, line in self.new().items() if one not in self.before_us and one not in expected}
        claim(not found, f"{what}: SELinux denies nothing", "\n".join(f"{one}\n    {line}" for one, line in found.items()))

    def new(self):
        """The denials since the last call: their kinds, each with the lines that the kernel wrote first."""
        # auditd writes what the kernel hands it within a second.
        text = self.machine.must(f"sleep 2; tail -c +{self.read + 1} /var/log/audit/audit.log")
        self.read += len(text.encode())
        found = {}
        for line in text.splitlines():
            if not re.search(r"type=(AVC|USER_AVC|SELINUX_ERR|USER_SELINUX_ERR)\b", line) or "granted" in line:
                continue
            found.setdefault(kind(line), line)
        return found


def kind(line):
    """Who, whom, what; the line itself where it is no denial of an access."""
    match = re.search(r"denied\s+\{ ([^}]+) \}.*scontext=(\S+) tcontext=(\S+) tclass=(\w+)", line)
    if not match:
        return line
    rights, source, target, what = match.groups()
    return f"{of(source)} -> {of(target)} {what} {{ {rights.strip()} }}"


def of(context):
    """The type in a context."""
    return context.split(":")[2]
