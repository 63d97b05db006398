"""Mail programs: those that call our sendmail, and our own mail(1)."""

import pathlib

from case import LINES, SUBJECT, Mail, case, run, script
from machine import HOST

# mailutils ends a mail at a lone dot by itself, before it calls anybody.
WITHOUT_DOT = LINES.replace("\n.\n", "\n")
ATTACHMENT = "attached: 附件\n".encode()
CHINESE = {"LANG": "C.UTF-8"}


def attachment():
    path = pathlib.Path("/srv/attachment.log")
    path.write_bytes(ATTACHMENT)
    return path


@case("mutt, with a copy and an attachment")
def mutt(provider):
    run("mutt", "-F", "/dev/null", "-e", "set copy=no", "-s", f"mutt {SUBJECT}", "-c", f"copy@{provider.domain}",
        "-a", attachment(), "--", f"mutt@{provider.domain}", user="alice", env=CHINESE, stdin=LINES, cwd="/tmp")
    return [Mail(f"mutt {SUBJECT}", provider.at("mutt", "copy"), LINES, f"alice on {HOST}", attachment=ATTACHMENT)]


@case("s-nail, with a blind copy")
def s_nail(provider):
    run("s-nail", "-n", "-s", f"s-nail {SUBJECT}", "-b", f"blind@{provider.domain}", f"nail@{provider.domain}",
        user="alice", env=CHINESE | {"MAILRC": "/dev/null"}, stdin=LINES)
    return [Mail(f"s-nail {SUBJECT}", provider.at("nail", "blind"), LINES, visible_to=f"nail@{provider.domain}")]


@case("bsd-mailx, with copies")
def bsd_mailx(provider):
    run("bsd-mailx", "-s", f"bsd-mailx {SUBJECT}", "-c", f"copy@{provider.domain}", "-b", f"blind@{provider.domain}",
        f"bsd@{provider.domain}", user="alice", env=CHINESE, stdin=LINES)
    return [Mail(f"bsd-mailx {SUBJECT}", provider.at("bsd", "copy", "blind"), LINES, f"alice on {HOST}")]


@case("bsd-mailx, without a locale, to a local name")
def bsd_mailx_bare(provider):
    run("bsd-mailx", "-s", f"bsd-mailx bare {SUBJECT}", "root", stdin=LINES)
    return [Mail(f"bsd-mailx bare {SUBJECT}", provider.at("ops"), LINES, f"root on {HOST}", f"ops@{provider.domain}")]


@case("mailutils' mail")
def mailutils(provider):
    run("mail.mailutils", "-s", f"mailutils {SUBJECT}", f"utils@{provider.domain}", user="alice", env=CHINESE, stdin=WITHOUT_DOT)
    return [Mail(f"mailutils {SUBJECT}", provider.at("utils"), WITHOUT_DOT)]


@case("mail, our own name, as a user")
def mail(provider):
    run("mail", "-s", f"mail {SUBJECT}", f"mail1@{provider.domain}", "team", user="bob", stdin=LINES)
    return [Mail(f"mail {SUBJECT}", provider.at("mail1", "one", "two", "three"), LINES, f"bob on {HOST}")]


@case("mailx, our own name, with sender, copies and an attachment")
def mailx(provider):
    run("mailx", "-r", "Night Shift <night@shop.example>", "-c", f"copy@{provider.domain}", "-b", f"blind@{provider.domain}",
        "-a", attachment(), "-s", f"mailx {SUBJECT}", f"mailx@{provider.domain}", stdin=LINES)
    return [Mail(f"mailx {SUBJECT}", provider.at("mailx", "copy", "blind"), LINES, "Night Shift",
                 reply_to="Night Shift <night@shop.example>", attachment=ATTACHMENT)]


@case("mail, with nothing to say and no subject")
def mail_empty(provider):
    run("mail", f"empty@{provider.domain}", stdin="")
    return [Mail(f"mail from root on {HOST}", provider.at("empty"))]


@case("a script that pipes a message without fields but To into sendmail -t")
def shell(provider):
    script("/srv/notify", f"#!/bin/sh\nsendmail -t <<END\nTo: shell@{provider.domain}\nSubject: shell {SUBJECT}\n\n{LINES}END\n")
    run("/srv/notify", user="bob")
    return [Mail(f"shell {SUBJECT}", provider.at("shell"), LINES, f"bob on {HOST}")]
