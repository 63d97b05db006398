"""The machine that the callers live on: its name, its addresses, its users, its log, and mailx-t as its sendmail."""

import os
import pathlib
import socket
import subprocess
import tempfile
import threading

HOST = "web1"
LOG = pathlib.Path("/var/log/e2e.log")
PASSWORD = "a pass word 密码"

# The callers, besides root and the users of Debian's packages.
USERS = ("alice", "bob")


class Provider:
    """A smarthost with its own domain and the one account we have there."""

    def __init__(self, letter, address, demands):
        self.letter = letter
        self.address = address
        self.demands = demands
        self.domain = f"{letter}.example"
        self.host = f"smtp.{self.domain}"
        self.account = f"mail@{self.domain}"

    def at(self, *names):
        """Addresses in the provider's domain, as a set."""
        return {f"{name}@{self.domain}" for name in names}


PROVIDERS = (
    Provider("a", "127.0.0.11", "MAIL FROM equals the login"),
    Provider("b", "127.0.0.12", "MAIL FROM and the From field equal the login"),
)

CONFIGURATION = """\
[smarthost]
host = "{provider.host}"
user = "{provider.account}"
password-file = "/etc/mailx-t/password"
{trust}
connect-timeout = "20s"

[recipients]
default = "ops@{provider.domain}"

[recipients.aliases]
root = "ops@{provider.domain}"
alice = "alice.li@{provider.domain}"
team = ["one@{provider.domain}", "two@{provider.domain}", "night"]
"""


def set_up():
    """Names, addresses, users, certificates, log; mailx-t's user and spool."""
    socket.sethostname(HOST)
    command("ip", "link", "set", "lo", "up")
    names = [f"{provider.address} {provider.host}" for provider in PROVIDERS]
    pathlib.Path("/etc/hosts").write_text("\n".join(
        ["127.0.0.1 localhost", f"127.0.1.1 {HOST}.example.net {HOST}", *names, ""]))
    for user in USERS:
        command("useradd", "--create-home", "--shell", "/bin/bash", user)
    command("useradd", "--system", "--shell", "/usr/sbin/nologin", "mailx-t")
    threading.Thread(target=keep_log, args=(log_socket(),), daemon=True).start()
    make_certificates()


def make_certificates():
    """A CA of our own, which this machine trusts, and one certificate for every name and address here."""
    place = pathlib.Path("/etc/e2e")
    place.mkdir()
    names = ",".join([f"DNS:{provider.host}" for provider in PROVIDERS]
                     + ["DNS:localhost"] + [f"IP:127.0.0.{last}" for last in range(1, 100)])
    (place / "extensions").write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command("openssl", "req", "-x509", *new_key, "-days", "30", "-subj", "/CN=e2e CA",
            "-keyout", place / "ca.key", "-out", place / "ca.crt")
    command("openssl", "req", "-new", *new_key, "-subj", "/CN=smtp", "-keyout", place / "key", "-out", place / "csr")
    command("openssl", "x509", "-req", "-in", place / "csr", "-CA", place / "ca.crt", "-CAkey", place / "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", place / "extensions", "-out", place / "crt")
    os.chmod(place / "key", 0o644)
    pathlib.Path("/usr/local/share/ca-certificates/e2e.crt").write_bytes((place / "ca.crt").read_bytes())
    command("update-ca-certificates")


def configure(provider):
    """Makes that provider the one that mailx-t uses. One is trusted by the system's CAs, one by ca-file."""
    place = pathlib.Path("/etc/mailx-t")
    place.mkdir(exist_ok=True)
    trust = 'ca-file = "/etc/e2e/ca.crt"' if provider.letter == "b" else ""
    (place / "config.toml").write_text(CONFIGURATION.format(provider=provider, trust=trust))
    password = place / "password"
    password.write_text(PASSWORD + "\n")
    os.chmod(password, 0o600)
    pathlib.Path("/etc/aliases").write_text(f"postmaster: root\nnight: three@{provider.domain}\n")
    command("mailx-t", "ctl", "init")
    command("chown", "mailx-t", password)


def command(*words):
    """Runs a program that has to succeed, quietly. Its output goes to a file: a daemon it leaves behind would hold a pipe."""
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=120)
        if done.returncode != 0:
            said.seek(0)
            text = said.read().decode(errors="replace")
            raise SystemExit(f"e2e: {' '.join(map(str, words))}: status {done.returncode}: {text}")


def log_socket():
    """/dev/log, as a syslogd would have it."""
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    return log


def keep_log(log):
    with LOG.open("ab", buffering=0) as file:
        while True:
            file.write(log.recv(65536).rstrip(b"\0\n") + b"\n")
