"""What reads Postfix's log reads ours: a day of mails through mailx-t beside the same day through a real Postfix.

Both hand the mails to a server that answers alike. Then each reader counts both logs. The counts are the same but for those
in DIFFERENT, each with its reason.
"""

import datetime
import json
import pathlib
import re
import subprocess
import time
import urllib.request

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from case import Failed, run, script
from ports import wait_for_port

DOMAIN = "r.example"
# Postfix's own, kept before the product took its name (tests/e2e/machine).
POSTFIX_SENDMAIL = "/usr/lib/postfix/sendmail"
PLACE = pathlib.Path("/srv/readers")

MAILX_T = """\
[smarthost]
host = "127.0.0.51"
port = 2525
tls = "none"
[rewrite]
from = "account@{domain}"
[recipients]
default = "ops@{domain}"
[recipients.aliases]
root = "ops@{domain}"
[spool]
path = "{place}/spool"
[log]
target = "{log}"
name = "{name}"
"""

# With these a mail that was tried twice is given up.
HASTY = """
[retry]
first = "1s"
max = "1s"
give-up-after = "1s"
"""

MAIN = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix-day
data_directory = /var/lib/postfix-day
maillog_file = {log}
syslog_name = postfix
myhostname = web1.{domain}
myorigin = {domain}
mydestination =
inet_protocols = ipv4
relayhost = [127.0.0.52]:2525
alias_maps =
alias_database =
virtual_alias_maps = pcre:/etc/postfix-day/virtual
maximal_queue_lifetime = 1s
bounce_queue_lifetime = 1s
disable_dns_lookups = yes
"""

MASTER = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
showq unix n - n - - showq
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# Sent, to several, by an alias, refused and reported, in part refused, put off and sent later, put off until it is given up.
DAY = (("alice",), ("alice", "bob", "carol"), ("root",), ("nobody",), ("alice", "nobody"), ("grey",), ("never",))

OUTAGE = (("dave",), ("erin",))

GIVEN_UP = "we say of the last attempt for a mail that it bounced; Postfix that it is put off, and in a line of its own expired"
ONCE = "Postfix tells the sender again at each try, we tell a mail once"
LOST = "the trouble of a connection stands in the line of each mail, and not in one before it"
DAEMON = "no daemon of ours starts or stops"

# What a reader counts in our log and in Postfix's, where that is not the same, and why.
DIFFERENT = {
    ("pflogsumm", "bounced"): (3, 2, GIVEN_UP),
    ("logwatch", "Bounced (remote)"): (3, 2, GIVEN_UP),
    ("logwatch", "Deferrals"): (4, 5, GIVEN_UP),
    ("logwatch", "Expired and returned to sender"): (0, 1, GIVEN_UP),
    ("logwatch", "Connection failures (outbound)"): (0, 2, LOST),
    ("logwatch", "Postfix start"): (0, 1, DAEMON),
    ("logwatch", "Postfix stop"): (0, 1, DAEMON),
    ("maillogconvert", f"shop@{DOMAIN} to never@{DOMAIN}: 999"): (1, 0, GIVEN_UP),
    ("mailgraph", "bounced"): (3, 2, GIVEN_UP),
    ("exporter", "postfix_qmgr_messages_inserted_receipients_count"): (12, 16, ONCE),
    ("exporter", 'postfix_unsupported_log_entries_total{service=""}'): (0, 2, DAEMON),
    ("exporter", 'postfix_unsupported_log_entries_total{service="master"}'): (0, 1, DAEMON),
    ("exporter", 'postfix_unsupported_log_entries_total{service="qmgr"}'): (0, 1, GIVEN_UP),
    ("exporter", 'postfix_unsupported_log_entries_total{service="smtp"}'): (0, 2, LOST),
}


class Host:
    """The server of one day."""

    def __init__(self):
        self.met = set()
        self.mails = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "nobody":
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if name == "never" or name == "grey" and name not in self.met:
            self.met.add(name)
            return f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        self.mails += 1
        return f"250 2.0.0 Ok: queued as {self.mails:011X}"


class Server(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="smtp.example", ident="ready", enable_SMTPUTF8=True)


def serve(address):
    server = Server(Host(), hostname=address, port=2525)
    server.start()
    return server


def hand_in(sendmail, mails):
    for n, names in enumerate(mails):
        run(*sendmail, "-i", "-f", f"shop@{DOMAIN}", *(name if name == "root" else f"{name}@{DOMAIN}" for name in names),
            stdin=f"Subject: mail {n} of the day\n\ntext\n")


def until(what, is_so, seconds=30):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed(f"after {seconds} s still not: {what}")
        time.sleep(0.1)


def waiting(command):
    """How many mails wait, and how many of them were tried."""
    queued = [json.loads(line)["queue_name"] for line in run(*command, "-j").splitlines() if line.startswith("{")]
    return len(queued), queued.count("deferred")


def play_day(command, sendmail, flush, log):
    """Two mails wait after the first tries. They are tried again when they are old enough to be given up. At last the
    server is away while two mails come."""
    address = "127.0.0.51" if sendmail[0] == "sendmail" else "127.0.0.52"
    server = serve(address)
    try:
        hand_in(sendmail, DAY)
        until("two mails wait", lambda: waiting(command) == (2, 2))
        # The settings of both have whole seconds.
        young = time.monotonic()
        until("they are old", lambda: time.monotonic() > young + 2.5)
        run(*flush)
        until("none waits", lambda: waiting(command) == (0, 0))
    finally:
        server.stop()
    hand_in(sendmail, OUTAGE)
    # Postfix has "deferred" for both, and we have "incoming" for a mail that no server was there for.
    until("two mails wait, and each has been looked at", lambda: waiting(command)[0] == 2)
    until("the log says of both that they wait", lambda: told(log).issuperset(OUTAGE))
    server = serve(address)
    try:
        run(*flush)
        until("none waits", lambda: waiting(command) == (0, 0))
    finally:
        server.stop()


def told(log):
    """Who has to wait, by the log."""
    return {(name,) for name in re.findall(rf"to=<(\w+)@{DOMAIN}>.* status=deferred", log.read_text())}


def day_of_ours(name):
    place = PLACE / name
    log = pathlib.Path(f"/var/log/day-of-{name}.log")
    config = script(place / "config.toml", MAILX_T.format(domain=DOMAIN, place=place, log=log, name=name), 0o644)
    run("mailx-t", "--config", config, "ctl", "init")
    hasty = script(place / "hasty.toml", config.read_text() + HASTY, 0o644)
    play_day(("mailq", "-C", config), ("sendmail", "-C", config), ("sendmail", "-C", hasty, "-q"), log)
    return log


def day_of_postfix():
    log = pathlib.Path("/var/log/day-of-postfix-itself.log")
    place = pathlib.Path("/etc/postfix-day")
    script(place / "main.cf", MAIN.format(domain=DOMAIN, log=log), 0o644)
    script(place / "master.cf", MASTER, 0o644)
    script(place / "virtual", f"/^root@/ ops@{DOMAIN}\n", 0o644)
    pathlib.Path("/var/spool/postfix-day").mkdir()
    run("install", "-d", "-o", "postfix", "/var/lib/postfix-day")
    run("postfix", "-c", place, "start")
    try:
        play_day(("postqueue", "-c", place), (POSTFIX_SENDMAIL, "-C", place), ("postqueue", "-c", place, "-f"), log)
    finally:
        run("postfix", "-c", place, "stop")
    return log


def pflogsumm(log, name):
    said = run("pflogsumm", f"--syslog-name={name}", "--detail=0", log)
    return {what: int(count) for count, what in re.findall(r"^ +(\d+) +([a-z][a-z/ ]+?)(?: +\(.*\))?$", said, re.M)
            if "bytes" not in what}


def logwatch(log, name):
    said = run("perl", "-I/usr/share/logwatch/lib", "/usr/share/logwatch/scripts/services/postfix", "--detail", "5",
               "--syslog_name", name, stdin=log.read_bytes())
    found = {what.strip(): int(count) for count, what in re.findall(r"^ +(\d+) {2,}(\S.*?) +[\d.]+%? *$", said, re.M)}
    return found | ({"unmatched": said.partition("Unmatched")[2]} if "Unmatched" in said else {})


def maillogconvert(log, name):
    converted = run("perl", "/usr/share/doc/awstats/examples/maillogconvert.pl", "standard", stdin=log.read_bytes())
    rows = [line.split() for line in converted.splitlines()]
    found = {}
    for row in rows:
        # time, sender, recipient, and the code before the size
        key = f"{row[2]} to {row[3]}: {row[-2]}"
        found[key] = found.get(key, 0) + 1
    return found


def mailgraph(log, name):
    """It tells a minute when a mail is sent in a later one, and passes over what has yet to come."""
    lines = log.read_text().splitlines()
    last = [line for line in lines if "status=sent" in line][-1]
    at = datetime.datetime.strptime(f"{datetime.date.today().year} {last[:15]}", "%Y %b %d %H:%M:%S")
    before = f"{at - datetime.timedelta(minutes=3):%b %e %H:%M:%S}"
    whole = script(PLACE / f"mailgraph-{log.stem}" / "log", "".join(f"{before}{line[15:]}\n" for line in lines) + last + "\n")
    said = run("mailgraph", "--cat", "--verbose", "--logfile", whole, "--daemon-rrd", whole.parent)
    rows = [[int(count) for count in row.split(":")] for row in re.findall(r"^update \d+:([\d:]+)$", said, re.M)]
    return dict(zip(("sent", "received", "bounced", "rejected"), map(sum, zip(*rows))))


def exporter(log, name):
    """It follows a log from its end on."""
    follows = pathlib.Path(f"{log}.follows")
    follows.write_text("")
    with open("/var/log/postfix-exporter.log", "ab") as said:
        daemon = subprocess.Popen(["prometheus-postfix-exporter", "--web.listen-address=127.0.0.1:9154", "--log.unsupported",
                                   f"--postfix.logfile_path={follows}"], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        wait_for_port("127.0.0.1", 9154)
        with follows.open("a") as file:
            file.write(log.read_text())
        found = {}

        def is_read():
            before = dict(found)
            found.update(scrape())
            return before == found and any(found.values())

        until("the exporter counts", is_read)
        return found
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)


def scrape():
    with urllib.request.urlopen("http://127.0.0.1:9154/metrics", timeout=10) as page:
        text = page.read().decode()
    rows = re.findall(r"^(postfix_(?:smtp|qmgr|cleanup|unsupported)\S*(?:_total|_count)\S*) ([\d.e+]+)$", text, re.M)
    return {name: float(count) for name, count in rows if not re.search(r"_up|_bytes", name)}


# Each with whether it takes another name than Postfix's.
READERS = ((pflogsumm, True), (logwatch, True), (maillogconvert, False), (mailgraph, False), (exporter, False))


def play(tally, words):
    """A line for each reader and name."""
    names = " ".join(["readers of the log rsyslog", *(reader.__name__ for reader, _ in READERS)])
    if words and not any(word.lower() in names for word in words):
        return
    PLACE.mkdir()
    tell(tally, "rsyslog, by the example", rsyslog_writes_a_file_of_its_own)
    # A relay without any network but the loopback blames itself and no server, and tries again at once.
    run("ip", "link", "add", "day0", "up", "type", "veth", "peer", "name", "day1")
    run("ip", "link", "set", "day1", "up")
    theirs = tell(tally, "a day of Postfix", day_of_postfix)
    for name in ("postfix", "mailx-t"):
        ours = tell(tally, f"a day of mailx-t, name = \"{name}\"", lambda: day_of_ours(name))
        for reader, takes_names in READERS:
            if ours and theirs and (name == "postfix" or takes_names):
                tell(tally, f"{reader.__name__}, name = \"{name}\"", lambda: compare(reader, ours, name, theirs))


def tell(tally, name, play):
    """Plays a part; returns what it gives, or None if it failed."""
    try:
        result, said = play(), []
    except Failed as failure:
        result, said = None, [str(failure)]
    tally.tell(f"readers of the log: {name}", said)
    return result


def compare(reader, ours, name, theirs):
    said = differences(reader.__name__, reader(ours, name), reader(theirs, "postfix"))
    if said:
        raise Failed("; ".join(said))


RSYSLOG = """\
module(load="imuxsock")
include(file="/examples/log/rsyslog.conf")
action(type="omfile" file="/var/log/others.log")
"""


def rsyslog_writes_a_file_of_its_own():
    """Our example, in place of the system's log."""
    place = PLACE / "rsyslog"
    config = script(place / "config.toml", MAILX_T.format(domain=DOMAIN, place=place, log="syslog", name="mailx-t"), 0o644)
    run("mailx-t", "--config", config, "ctl", "init")
    socket = pathlib.Path("/dev/log")
    kept = socket.rename("/dev/log.e2e")
    daemon = subprocess.Popen(["rsyslogd", "-n", "-i", place / "pid", "-f", script(place / "rsyslog.conf", RSYSLOG, 0o644)],
                              stdin=subprocess.DEVNULL)
    server = serve("127.0.0.51")
    ours, others = pathlib.Path("/var/log/mailx-t.log"), pathlib.Path("/var/log/others.log")
    try:
        until("rsyslogd listens", socket.exists)
        run("sendmail", "-C", config, "-i", f"alice@{DOMAIN}", stdin="Subject: to rsyslog\n\ntext\n")
        until("the mail has left", lambda: ours.exists() and ": removed" in ours.read_text())
        text = ours.read_text()
        if not re.search(r" mailx-t/smtp\[\d+\]: \w+: to=<alice@.*status=sent", text):
            raise Failed(f"the file says: {text}")
        if others.exists() and "mailx-t" in others.read_text():
            raise Failed(f"the rest of the log has our lines too: {others.read_text()}")
    finally:
        server.stop()
        daemon.terminate()
        daemon.wait(timeout=30)
        kept.rename(socket)


def differences(reader, ours, theirs):
    said = []
    for what in sorted({*ours, *theirs}):
        found = ours.get(what, 0), theirs.get(what, 0)
        expected = DIFFERENT.get((reader, what), (found[1], found[1]))[:2]
        if found != expected:
            said.append(f"{what}: {found[0]} of ours, {found[1]} of Postfix's")
    return said if any(ours.values()) else ["it counts nothing"]
