"""The relay against every server: the same five deliveries, with each group of commands it may send ahead switched on and off.

What a server offers differs, what has to come out does not: every mail arrives as it was, or its sender is told.
"""

import itertools
import pathlib
import re

import checker
import rivals
from case import Failed, Mail, run, script
from machine import HOST

DOMAIN = "i.example"
SWITCHES = ("pipelining", "chunking", "auth-in-group")
BODY = "八位 eight bits\n.\n..dots\nlast line\n"

CONFIGURATION = """\
[smarthost]
host = "{address}"
user = "{account}"
password-file = "/etc/e2e/password"
ca-file = "/etc/e2e/ca.crt"
connect-timeout = "20s"
timeout = "30s"
{switches}

[recipients]
default = "ops@{domain}"

[spool]
path = "{place}/spool"

[log]
target = "{place}/log"
"""


class Bench:
    """One server and one setting of the switches: a configuration and a spool of their own."""

    def __init__(self, server, on):
        self.server = server
        self.name = f"{server.name}, " + (" and ".join(on) or "one command at a time")
        self.place = pathlib.Path("/srv/interop") / re.sub(r"\W+", "-", self.name)
        self.place.mkdir(parents=True)
        switches = "\n".join(f"{switch} = {str(switch in on).lower()}" for switch in SWITCHES)
        self.config = script(self.place / "config.toml", CONFIGURATION.format(
            address=server.address, account=rivals.ACCOUNT, switches=switches, domain=DOMAIN, place=self.place), 0o644)
        self.mailx("ctl", "init")

    def mailx(self, *words, stdin="", status=0):
        return run("mailx-t", "--config", self.config, *words, stdin=stdin, status=status)

    def send(self, subject, *recipients, body=BODY, how="-odi", status=0):
        """Hands in one mail from root."""
        message = f"Subject: {subject}\nTo: undisclosed\n\n{body}"
        names = [name if "@" in name else f"{name}@{DOMAIN}" for name in recipients]
        return run("sendmail", "-C", self.config, "-i", how, *names, stdin=message, status=status)

    def is_idle(self):
        return not any(path.name.isalnum() for path in (self.place / "spool/queue").iterdir())

    def log(self):
        path = self.place / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def play(tally, words):
    """All of them on every server with every setting of the switches; one line each."""
    rivals.start()
    for server in rivals.SERVERS:
        for on in itertools.chain.from_iterable(itertools.combinations(SWITCHES, n) for n in range(len(SWITCHES) + 1)):
            bench = Bench(server, on)
            for case in (*CASES, utf8_address if server.smtputf8 else utf8_refused):
                name = f"{bench.name}: {case.__doc__.splitlines()[0]}"
                if case is twenty and server.trips and "pipelining" in on:
                    print(f"known  {name}: {server.trips}", flush=True)
                elif not words or any(word.lower() in name.lower() for word in words):
                    tally.tell(name, complaints(bench, case))


def complaints(bench, case, seconds=30):
    """Plays one case and tells the faults of the mails that arrived."""
    try:
        wanted = case(bench)
    except Failed as failure:
        return [str(failure)]
    arrived = checker.wait(rivals.MAILDIRS, wanted, seconds, bench.is_idle)
    said = checker.judge(wanted, arrived, rivals.ACCOUNT) + checker.strays(wanted, arrived)
    checker.empty(rivals.MAILDIRS)
    return said + [f"its log: {line}" for line in bench.log().splitlines()[-4:] if said]


def at(*names):
    return {f"{name}@{DOMAIN}" for name in names}


def single(bench):
    """a single mail, 8-bit"""
    bench.send("single", "one")
    return [Mail("single", at("one"), BODY, f"root on {HOST}")]


def one_refused(bench):
    """three recipients, of whom one is refused"""
    bench.send("refused", "one", "refused", "two")
    return [Mail("refused", at("one", "two"), BODY), report(f"refused@{DOMAIN}")]


def report(address):
    """The report to the sender about a mail that did not arrive."""
    return Mail(f"Undelivered mail: {address}", at("ops"), holds=(f"<{address}>",), null=True)


def utf8_address(bench):
    """an address beyond ASCII"""
    bench.send("international", "用户")
    return [Mail("international", {f"用户@{DOMAIN}"}, BODY)]


def utf8_refused(bench):
    """an address beyond ASCII that cannot be named to it, among two others"""
    address = f"用户@{DOMAIN}"
    bench.send("international", "one", address, "two")
    if "dsn=5.6.7, status=bounced" not in bench.log():
        raise Failed("the log does not say dsn=5.6.7, status=bounced")
    # Its address stands in the text of the report, not in the subject, which is ASCII.
    told = Mail(f"Undelivered mail: ??@{DOMAIN}", at("ops"), holds=(f"<{address}>",), null=True)
    return [Mail("international", at("one", "two"), BODY), told]


def twenty(bench):
    """twenty mails over one connection"""
    for n in range(20):
        bench.send(f"number {n}", "one", how="-odq")
    bench.mailx("-q")
    most = max((int(use) for use in re.findall(r"conn_use=(\d+)", bench.log())), default=1)
    if most != 20:
        raise Failed(f"the twenty mails did not use one connection: the most over one was {most}")
    return [Mail(f"number {n}", at("one"), BODY) for n in range(20)]


def over_size(bench):
    """a mail larger than the server takes"""
    bench.send("large", "large", body="0123456789 of a long report\n" * 2500)
    whole = bench.place / "spool/failed"
    return [Mail("large", at("large"), holds=("0123456789 of a long report", "[mailx-t: ", str(whole)))]


CASES = (single, one_refused, twenty, over_size)
