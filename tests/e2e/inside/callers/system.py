"""The tools that look after a machine."""

import pathlib
import shutil
import subprocess
import time

from case import LINES, Failed, Mail, case, run, script
from machine import HOST


@case("logrotate, which mails a log before it goes")
def logrotate(provider):
    log = pathlib.Path("/srv/rotated/shop.log")
    script(log, LINES, 0o644)
    pathlib.Path(f"{log}.1").unlink(missing_ok=True)
    rules = script("/srv/logrotate.conf", f"{log} {{\n rotate 0\n mail rotated@{provider.domain}\n}}\n", 0o644)
    run("logrotate", "-f", "-s", "/srv/logrotate.state", rules)
    return [Mail(rf"{log}\S*", provider.at("rotated"), LINES, f"root on {HOST}", pattern=True)]


@case("smartd's warning, through its script and through Debian's runner")
def smartd(provider):
    environment = {"SMARTD_DEVICE": "/dev/sda", "SMARTD_DEVICESTRING": "/dev/sda", "SMARTD_DEVICETYPE": "sat",
                   "SMARTD_DEVICEINFO": "Disk 磁盘", "SMARTD_FAILTYPE": "EmailTest", "SMARTD_ADDRESS": "root",
                   "SMARTD_MESSAGE": "TEST EMAIL from smartd for device: /dev/sda", "SMARTD_PREVCNT": "0"}
    warn = "/usr/share/smartmontools/smartd_warning.sh"
    run(warn, env=environment)
    run(warn, env=environment | {"SMARTD_MAILER": "/usr/share/smartmontools/smartd-runner", "SMARTD_ADDRESS": "team",
                                 "SMARTD_FAILTYPE": "Health"})
    holds = ("TEST EMAIL from smartd for device: /dev/sda", "Disk 磁盘")
    return [Mail(f"SMART error (EmailTest) detected on host: {HOST}", provider.at("ops"), holds=holds),
            Mail(f"SMART error (Health) detected on host: {HOST}", provider.at("one", "two", "three"), holds=holds)]


@case("sudo's report of somebody it does not let in")
def sudo(provider):
    script("/etc/sudoers.d/e2e", "Defaults:bob !authenticate\n", 0o440)
    run("sudo", "-n", "ls", user="bob", status=1)
    return [Mail(rf"\*\*\* SECURITY information for {HOST}\S* \*\*\*", provider.at("ops"), sender=f"bob on {HOST}", pattern=True,
                 holds=("bob : user NOT in sudoers", "COMMAND=/usr/bin/ls"))]


@case("fail2ban's actions, sendmail and mail")
def fail2ban(provider):
    place = pathlib.Path("/srv/fail2ban")
    shutil.copytree("/etc/fail2ban", place, dirs_exist_ok=True)
    shutil.rmtree(place / "jail.d", ignore_errors=True)
    # It would remember the last run's bans, and not ban again.
    script(place / "fail2ban.local", "[DEFAULT]\ndbfile = None\n", 0o644)
    script("/srv/fail2ban.log", "", 0o644)
    script(place / "filter.d/e2e.conf", "[Definition]\nfailregex = ^refused <HOST>$\n", 0o644)
    script(place / "jail.conf", f"""\
[e2e]
enabled = true
filter = e2e
backend = polling
logpath = /srv/fail2ban.log
action = sendmail[name=by-sendmail, dest=ban@{provider.domain}, sendername=Fail2Ban]
         mail[name=by-mail, dest=ban@{provider.domain}]
""", 0o644)
    ban(place, "192.0.2.7")
    to = provider.at("ban")
    mails = []
    for name in ("by-sendmail", "by-mail"):
        sender = f"Fail2Ban (fail2ban on {HOST})" if name == "by-sendmail" else f"root on {HOST}"
        for what, says in (("started", "The jail"), ("banned 192.0.2.7", "has just been banned"), ("stopped", "The jail")):
            subject = rf"\[Fail2Ban\] {name}: {what} +(on|from) {HOST}\S*"
            mails.append(Mail(subject, to, sender=sender, pattern=True, holds=("Hi,\n", says, "Fail2Ban")))
    return mails


@case("fail2ban with the settings of our examples")
def fail2ban_example(provider):
    place = pathlib.Path("/srv/fail2ban-example")
    shutil.copytree("/etc/fail2ban", place, dirs_exist_ok=True)
    shutil.rmtree(place / "jail.d", ignore_errors=True)
    to = f"mwl@{provider.domain}"
    example = pathlib.Path("/examples/fail2ban/jail.local").read_text()
    script(place / "jail.local", example.replace("ops@example.com", to), 0o644)
    script(place / "fail2ban.local", "[DEFAULT]\ndbfile = None\n", 0o644)
    script("/srv/fail2ban.log", "refused 192.0.2.9\n", 0o644)
    script(place / "filter.d/e2e.conf", "[Definition]\nfailregex = ^refused <HOST>$\n", 0o644)
    # This machine has no firewall to ban in.
    script(place / "jail.d/e2e.local", """\
[e2e]
enabled = true
filter = e2e
backend = polling
logpath = /srv/fail2ban.log
banaction = dummy
""", 0o644)
    ban(place, "192.0.2.9")
    return [Mail(rf"\[Fail2Ban\] e2e: {what} +(on|from) {HOST}\S*", {to}, pattern=True, holds=(says,))
            for what, says in (("started", "The jail"), ("banned 192.0.2.9", "\nrefused 192.0.2.9\n"), ("stopped", "The jail"))]


def ban(place, address):
    """Has a fail2ban with the settings in that place begin, ban the address in its jail e2e, and end."""
    server = subprocess.Popen(["fail2ban-server", "-f", "-c", place, "-s", "/run/f2b.sock", "-p", "/run/f2b.pid", "start"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = ["fail2ban-client", "-c", place, "-s", "/run/f2b.sock", "-p", "/run/f2b.pid"]
    until(lambda: subprocess.run([*client, "status", "e2e"], capture_output=True, timeout=30).returncode == 0, "fail2ban")
    run(*client, "set", "e2e", "banip", address)
    # It bans in a thread of its own, and tells only of what it has done.
    banned = f"Ban {address}"
    until(lambda: banned in pathlib.Path("/var/log/fail2ban.log").read_text(), banned)
    run(*client, "stop")
    server.wait(timeout=30)
    pathlib.Path("/var/log/fail2ban.log").write_text("")


def until(is_so, what, seconds=40):
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.2)


@case("logwatch")
def logwatch(provider):
    pathlib.Path("/var/cache/logwatch").mkdir(parents=True, exist_ok=True)
    run("logwatch", "--output", "mail", "--mailto", f"watch@{provider.domain}", "--service", "zz-disk_space", "--range", "all",
        "--detail", "high", "--hostname", HOST)
    return [Mail(f"Logwatch for {HOST} (Linux)", provider.at("watch"), holds=("Disk Space", "Logwatch End"))]


@case("mdadm's test message")
def mdadm(provider):
    conf = script("/srv/mdadm.conf", "MAILADDR root\nMAILFROM mdadm@shop.example\n", 0o644)
    run("mdadm", "--monitor", "--test", "--oneshot", "--config", conf, "--mail", "root", "/dev/md0")
    return [Mail(rf"TestMessage event on /dev/md0:{HOST}\S*", provider.at("ops"), pattern=True,
                 holds=("A TestMessage event had been detected on md device /dev/md0",))]
