"""The callers, one file for each kind."""

from . import cron, jobs, languages, mailprograms, rough, system  # noqa: F401
