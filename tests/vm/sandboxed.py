"""polkit's helper in the sandbox that polkit has it run in since 127: where homes are not there and nothing can be written."""

from claims import claim
from logins import PASSWORD

# The sandbox of polkit 127 (data/polkit-agent-helper@.service.in); trixie's 126 has the helper, but no unit. All but
# NoNewPrivileges: with it Debian's policy of SELinux keeps pam_unix from checking a password.
UNIT = """[Service]
ExecStart=/usr/lib/polkit-1/polkit-agent-helper-1 maria
StandardInput=socket
StandardOutput=socket
StandardError=journal
UMask=0077
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectKernelTunables=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
LimitMEMLOCK=0
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
"""
SOCKET = """[Socket]
ListenStream=/run/polkit/agent-helper.socket
Accept=yes
"""
# An agent: prints what the helper says, and answers it.
AGENT = """
import socket, sys
helper = socket.socket(socket.AF_UNIX)
helper.connect("/run/polkit/agent-helper.socket")
helper.sendall(sys.stdin.read().encode())
while said := helper.recv(4096):
    sys.stdout.write(said.decode())
"""
UNITS = "/etc/systemd/system/polkit-agent-helper"
OURS = "/etc/systemd/system/polkit-agent-helper@.service.d/50-twinlock.conf"


def asks(machine, *answers):
    """polkit's helper asks maria; what it said, and what was logged of it."""
    mark = machine.must("cat /proc/uptime").split()[0]
    # It ends as failed: nobody has asked polkitd, so the cookie is nobody's.
    said = machine.must("timeout 300 python3 /root/agent.py", typed="\n".join(("0-cookie", *answers)) + "\n")
    logged = machine.run(f"journalctl -b --no-pager -o short-monotonic -t polkit-agent-helper-1 | awk -v from={mark} 'substr($0, 2) + 0 >= from'").stdout
    return said, logged


def without_us(machine):
    machine.must("cat >/root/agent.py", typed=AGENT)
    machine.must(f"cat >{UNITS}@.service", typed=UNIT)
    machine.must(f"cat >{UNITS}.socket && systemctl daemon-reload && systemctl start polkit-agent-helper.socket", typed=SOCKET)
    answers, logged = asks(machine, PASSWORD)
    claim("PAM_PROMPT_ECHO_OFF Password: " in answers, "without us, polkit: its helper asks for the password", answers + logged)


def a_code(machine, denials, people):
    """The package's drop-in opens the homes for reading, and the ledger."""
    phone, codes = people["maria"]
    answers, logged = asks(machine, PASSWORD, phone.unused())
    claim("Verification code" in answers and "event=code_accepted" in logged, "polkit, in its sandbox: the code is asked for and accepted", answers + logged)
    denials.none_of_ours("polkit, in its sandbox")

    # And it is the drop-in that does it.
    machine.must(f"mkdir -p {OURS.rpartition('/')[0]} && ln -s /dev/null {OURS} && systemctl daemon-reload")
    answers, logged = asks(machine, PASSWORD, codes[-1])
    claim("event=unavailable" in logged and "event=code_accepted" not in logged, "polkit, in its sandbox, without our drop-in: refused as unavailable", answers + logged)
    machine.must(f"rm {OURS} && systemctl daemon-reload")
    denials.none_of_ours("polkit, in its sandbox, without our drop-in")
