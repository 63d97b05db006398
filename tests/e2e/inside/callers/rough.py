"""Callers in a bad place: without rights to gain, without an environment, on a disk that takes nothing."""

import pathlib
import subprocess

from case import LINES, Failed, Mail, case, group_of, run
from machine import HOST


def message(provider, name):
    return f"To: {name}@{provider.domain}\nSubject: rough {name}\n\n{LINES}"


@case("under NoNewPrivileges, as a user and as root")
def no_new_privileges(provider):
    run("setpriv", "--no-new-privs", "sendmail", "-t", user="alice", stdin=message(provider, "nnp-user"))
    run("setpriv", "--no-new-privs", "sendmail", "-t", stdin=message(provider, "nnp-root"))
    return [Mail("rough nnp-user", provider.at("nnp-user"), LINES, f"alice on {HOST}"),
            Mail("rough nnp-root", provider.at("nnp-root"), LINES, f"root on {HOST}")]


@case("with an empty environment, as a user and as root")
def empty_environment(provider):
    for user in ("bob", "root"):
        become = {} if user == "root" else {"user": user, "group": group_of(user), "extra_groups": []}
        done = subprocess.run(["/usr/sbin/sendmail", "-t"], env={}, input=message(provider, f"bare-{user}").encode(),
                              capture_output=True, timeout=60, **become)
        if done.returncode != 0:
            raise Failed(f"sendmail ended with {done.returncode}: {done.stderr.decode()}")
    return [Mail(f"rough bare-{user}", provider.at(f"bare-{user}"), LINES, f"{user} on {HOST}") for user in ("bob", "root")]


@case("without stdout and stderr, stdin a file that has no name any more")
def closed(provider):
    path = pathlib.Path("/srv/closed")
    path.write_text(message(provider, "closed"))
    run("sh", "-c", f"exec <{path}; rm {path}; sendmail -t >&- 2>&-")
    return [Mail("rough closed", provider.at("closed"), LINES)]


@case("on a read-only machine with a spool that can be written, as a user and as root")
def read_only_but_spool(provider):
    for user in ("alice", "root"):
        on_read_only("mount --bind /var/spool/mailx-t /var/spool/mailx-t", user, message(provider, f"ro-{user}"))
    return [Mail(f"rough ro-{user}", provider.at(f"ro-{user}"), LINES, f"{user} on {HOST}") for user in ("alice", "root")]


@case("on a machine that is read-only altogether: root's mail is sent at once, a user is told that his is not accepted")
def read_only(provider):
    on_read_only("true", "root", message(provider, "ro-all"))
    said = on_read_only("true", "bob", message(provider, "ro-lost"), status=73)
    if "sendmail: " not in said and "mailx-t: " not in said:
        raise Failed(f"the user only hears: {said!r}")
    return [Mail("rough ro-all", provider.at("ro-all"), LINES, f"root on {HOST}")]


def on_read_only(first, user, data, status=0):
    """sendmail where everything is read-only but what is mounted first."""
    return run("unshare", "--mount", "sh", "-c",
               f"{first} && mount -o remount,bind,ro / && exec setpriv --reuid={user} --regid={group_of(user)} --init-groups"
               " sendmail -t", stdin=data, status=status)
