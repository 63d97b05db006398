"""A case: a program that hands in mail, and the mail that has to arrive. It also runs programs."""

import dataclasses
import functools
import pathlib
import subprocess
import typing

CASES = []

# Text that has to survive in a body: Chinese, dots that end a mail or are doubled, and lines that mbox would quote.
LINES = "磁盘 /dev/sda1 已用 98%\nsecond line\n.\n..two dots\nFrom here on it is text\n\nlast line\n"
SUBJECT = "备份完成 backup done"


@dataclasses.dataclass
class Mail:
    """One mail that has to arrive, once. An attribute that is None is not checked."""

    subject: str
    to: set
    body: typing.Optional[str] = None
    sender: typing.Optional[str] = None
    visible_to: typing.Optional[str] = None
    reply_to: typing.Optional[str] = None
    html: typing.Optional[str] = None
    attachment: typing.Optional[bytes] = None
    # The subject is a regular expression, if the program puts a number or a time into it.
    pattern: bool = False
    # It comes with the null reverse-path.
    null: bool = False
    # Texts the body has to hold, if the program writes it.
    holds: tuple = ()


@dataclasses.dataclass
class Case:
    """A caller. `play` gets a provider, makes the program send and returns the mails to expect."""

    name: str
    play: typing.Callable
    stage: str


def case(name, stage="now"):
    """Enters the function as a case. Those of the stage "crontab" are played before any crond runs."""

    def enter(play):
        CASES.append(Case(name, play, stage))
        return play

    return enter


class Failed(Exception):
    """A program did not do its work."""


def run(*words, user="root", stdin="", env=None, cwd="/", status=0, home=True):
    """Runs a program as that user in a small environment of its own; its status has to be the one expected."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if home:
        environment |= {"HOME": "/root" if user == "root" else f"/home/{user}", "USER": user, "LOGNAME": user}
    environment |= env or {}
    data = stdin if isinstance(stdin, bytes) else stdin.encode()
    become = {} if user == "root" else {"user": user, "group": group_of(user), "extra_groups": []}
    try:
        done = subprocess.run([str(word) for word in words], input=data, capture_output=True, env=environment, cwd=cwd,
                              timeout=60, **become)
    except subprocess.TimeoutExpired:
        raise Failed(f"{words[0]} did not end within a minute") from None
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    if done.returncode != status:
        raise Failed(f"{words[0]} ended with {done.returncode} instead of {status}: {said}")
    return said


@functools.cache
def group_of(user):
    import grp
    import pwd
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def script(path, text, mode=0o755):
    """Writes a program or a configuration that the machine did not have."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path
