"""mailx-t as a service of the machine: what systemd's timer and path unit do elsewhere, `sendmail -bD` does here."""

import pathlib
import subprocess

SPOOL = pathlib.Path("/var/spool/mailx-t")


def serve():
    """Starts it, in the foreground, and returns its process."""
    return subprocess.Popen(["/usr/sbin/sendmail", "-bD", "-q5m"], stdin=subprocess.DEVNULL)


def is_idle():
    """True if no mail waits, neither one that users left nor one in the queue."""
    return not any((SPOOL / "drop").iterdir()) and not any(path.name.isalnum() for path in (SPOOL / "queue").iterdir())
