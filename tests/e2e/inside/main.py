"""Plays the cases on every smarthost and judges the mails that arrive. Arguments choose: only names that have one of them."""

import sys

import callers  # noqa: F401 (enters the cases)
import checker
import interop
import machine
import mailer
import readers
import servers
from case import CASES, Failed
from callers import cron

# A crontab's minute is up to 70 s away; mail takes a moment beyond that.
SECONDS = 40


class Tally:
    """Counts, and prints one line a case."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def tell(self, name, complaints):
        if complaints:
            self.failed += 1
            print(f"FAILED {name}")
            for complaint in complaints:
                print(f"       {complaint}")
        else:
            self.passed += 1
            print(f"ok     {name}")
        sys.stdout.flush()


def main(words):
    cases = [case for case in CASES if not words or any(word.lower() in case.name.lower() for word in words)]
    tally = Tally()
    machine.set_up()
    servers.start()
    for provider in machine.PROVIDERS if cases else ():
        on_provider(provider, cases, tally)
    print("--- the relay against other servers", flush=True)
    interop.play(tally, words)
    print("--- what reads Postfix's log", flush=True)
    readers.play(tally, words)
    if not tally.passed and not tally.failed:
        raise SystemExit(f"e2e: no case has {' or '.join(words)} in its name")
    print(f"{tally.passed} passed, {tally.failed} failed")
    if tally.failed:
        tell_log()
        return 1
    return 0


def on_provider(provider, cases, tally):
    """Plays all callers against one smarthost: first those that wait for a minute to come, then the others, then the check."""
    print(f"--- smarthost {provider.letter}: Postfix with Dovecot's login; {provider.demands}", flush=True)
    machine.configure(provider)
    relay = mailer.serve()
    wanted, trouble = {}, {}
    for case in (case for case in cases if case.stage == "crontab"):
        play(case, provider, wanted, trouble)
    daemons = cron.start() if wanted else []
    for case in (case for case in cases if case.stage != "crontab"):
        play(case, provider, wanted, trouble)
    arrived = checker.wait([servers.MAILDIR], all_of(wanted), cron.patience(daemons) + SECONDS, mailer.is_idle)
    for daemon in [*daemons, relay]:
        daemon.terminate()
        daemon.wait(timeout=30)
    for case in cases:
        tally.tell(f"{provider.letter}: {case.name}", [trouble[case.name]] if case.name in trouble
                   else checker.judge(wanted[case.name], arrived, provider.account))
    tally.tell(f"{provider.letter}: nothing else arrived", checker.strays(all_of(wanted), arrived))
    checker.empty([servers.MAILDIR])


def play(case, provider, wanted, trouble):
    try:
        wanted[case.name] = case.play(provider)
    except Failed as failure:
        trouble[case.name] = str(failure)


def all_of(wanted):
    return [mail for mails in wanted.values() for mail in mails]


def tell_log():
    """The log of mailx-t; the smarthosts' own logs are kept beside it."""
    if machine.LOG.exists():
        lines = machine.LOG.read_text(errors="replace").splitlines()
        print("--- the last lines of mailx-t's log; all logs are in the directory that tests/e2e/run names")
        print("\n".join([line for line in lines if " mailx-t" in line][-40:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
