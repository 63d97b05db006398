"""Every crond. Their crontabs name one minute, the next; the daemons are started when all crontabs stand."""

import datetime
import os
import pathlib
import shutil
import subprocess

from case import LINES, Mail, case, script
from machine import HOST

JOBS = pathlib.Path("/srv/jobs")
BUSYBOX = pathlib.Path("/srv/busybox")
CRONIE = pathlib.Path("/opt/cronie/var")
HANDLER = pathlib.Path("/srv/cronie-with-handler")


def job(name):
    """A program that prints text that has to survive."""
    script("/srv/output", LINES, 0o644)
    return script(JOBS / name, "#!/bin/sh\nexec cat /srv/output\n")


def due():
    """The minute to come, in cron's notation; one later if it is too near."""
    return f"{moment().minute} {moment().hour} * * *"


def moment():
    now = datetime.datetime.now()
    return now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1 if now.second < 45 else 2)


def patience(daemons):
    """How many seconds the jobs may need to start."""
    return 120 if daemons else 0


def crontab(user, *lines):
    """That user's crontab, as crontab(1) installs it."""
    subprocess.run(["crontab", "-u", user, "-"], input="\n".join([*lines, ""]).encode(), check=True, timeout=30)


def start():
    """Every crond, in the foreground."""
    # The jobs of Debian's packages mail too, when their minute comes.
    for table in [pathlib.Path("/etc/crontab"), *pathlib.Path("/etc/cron.d").iterdir()]:
        table.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"]}
    return [subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL) for words in (
        ["/usr/sbin/cron", "-f"],
        ["/opt/busybox-static/bin/busybox", "crond", "-f", "-c", str(BUSYBOX)],
        ["/opt/cronie/sbin/crond", "-n"],
        # A second cronie, which has its files where the first has its own.
        ["unshare", "--mount", "sh", "-c", f"mount --bind {HANDLER} /opt/cronie/var && mount -t tmpfs run /opt/cronie/run &&"
         " exec /opt/cronie/sbin/crond -n -m /usr/bin/mailx-t"],
    )]


def cronie_crontab(place, user, *lines):
    """That user's crontab where cronie looks."""
    path = script(place / "spool/cron" / user, "\n".join([*lines, ""]), 0o600)
    shutil.chown(path, user)


@case("Debian cron, root's crontab, no MAILTO; and MAILTO a list of an address and an alias", "crontab")
def debian_root(provider):
    crontab("root", f"{due()} {job('debian-root')}", f"MAILTO=dev@{provider.domain},team", f"{due()} {job('debian-list')}",
            'MAILTO=""', f"{due()} {job('debian-silent')}")
    return [
        Mail(f"Cron <root@{HOST}> {JOBS}/debian-root", provider.at("ops"), LINES, f"Cron Daemon (root on {HOST})"),
        Mail(f"Cron <root@{HOST}> {JOBS}/debian-list", provider.at("dev", "one", "two", "three"), LINES,
             f"Cron Daemon (root on {HOST})"),
    ]


@case("Debian cron, users' crontabs: an alias of the user's name, and MAILTO", "crontab")
def debian_users(provider):
    crontab("alice", f"{due()} {job('debian-alice-备份')}")
    crontab("bob", f"MAILTO=bob@{provider.domain}", f"{due()} {job('debian-bob')}")
    return [
        Mail(f"Cron <alice@{HOST}> {JOBS}/debian-alice-备份", provider.at("alice.li"), LINES),
        Mail(f"Cron <bob@{HOST}> {JOBS}/debian-bob", provider.at("bob"), LINES),
    ]


@case("busybox crond", "crontab")
def busybox(provider):
    script(BUSYBOX / "bob", f"MAILTO=busy@{provider.domain}\n{due()} {job('busybox')}\n", 0o600)
    return [Mail(f"cron: {JOBS}/busybox", provider.at("busy"), LINES, f"bob on {HOST}")]


@case("cronie, with its own call of sendmail: an alias of the user's name, and MAILTO a list", "crontab")
def cronie(provider):
    pathlib.Path("/opt/cronie/run").mkdir(exist_ok=True)
    cronie_crontab(CRONIE, "alice", f"{due()} {job('cronie-alice')}")
    cronie_crontab(CRONIE, "root", f"MAILTO=dev@{provider.domain},team", f"{due()} {job('cronie-list')}")
    return [
        Mail(f"Cron <alice@{HOST}> {JOBS}/cronie-alice", provider.at("alice.li"), LINES, f"Cron Daemon (alice on {HOST})"),
        Mail(f"Cron <root@{HOST}> {JOBS}/cronie-list", provider.at("dev", "one", "two", "three"), LINES,
             f"Cron Daemon (root on {HOST})"),
    ]


@case("cronie, crond -m mailx-t", "crontab")
def cronie_handler(provider):
    cronie_crontab(HANDLER, "alice", f"{due()} {job('handler-alice')}")
    cronie_crontab(HANDLER, "root", f"{due()} {job('handler-备份')}")
    return [
        Mail(f"Cron <alice@{HOST}> {JOBS}/handler-alice", provider.at("alice.li"), LINES, f"Cron Daemon (alice on {HOST})"),
        Mail(f"Cron <root@{HOST}> {JOBS}/handler-备份", provider.at("ops"), LINES, f"Cron Daemon (root on {HOST})"),
    ]
