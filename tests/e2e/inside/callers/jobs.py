"""Other programs that run jobs and mail their output: at, anacron, systemd-cron."""

import pathlib

from case import LINES, Mail, case, run, script
from machine import HOST, command
from callers.cron import JOBS, job


@case("at, as a user")
def at(provider):
    if not pathlib.Path("/run/atd.pid").exists():
        command("atd")
    run("at", "now", user="alice", stdin=f"{job('at')}\n")
    return [Mail(r"Output from your job +\d+", provider.at("alice.li"), LINES, f"alice on {HOST}", pattern=True)]


@case("anacron, which never passes -i")
def anacron(provider):
    table = script("/srv/anacrontab", f"SHELL=/bin/sh\nMAILTO=team\n1 0 e2e {job('anacron')}\n", 0o644)
    pathlib.Path("/srv/anacron").mkdir(exist_ok=True)
    run("anacron", "-d", "-f", "-n", "-t", table, "-S", "/srv/anacron")
    return [Mail(f"Anacron job 'e2e' on {HOST}", provider.at("one", "two", "three"), LINES, f"Anacron (root on {HOST})")]


@case("systemd-cron's mail about a failed job")
def systemd_cron(provider):
    # There is no systemd here: this answers its questions as systemctl would.
    script("/srv/systemd/systemctl", f"""#!/bin/sh
        case "$*" in
        show*User*) echo User=alice ;;
        show*Environment*) echo "Environment=MAILTO=dev@{provider.domain}" ;;
        *) cat {JOBS.parent}/output; exit 3 ;;
        esac
        """)
    job("systemd")
    path = "/srv/systemd:/usr/sbin:/usr/bin:/sbin:/bin"
    run("/opt/systemd-cron/lib/systemd-cron/mail_on_failure", "cron-e2e-1.service", env={"PATH": path})
    return [Mail(f"[{HOST}] job cron-e2e-1.service failed", provider.at("dev"), LINES, f"systemd-cron (root on {HOST})")]
