"""aiosmtpd as a smarthost: python3 aiosmtpd_server.py ADDRESS"""

import os
import pathlib
import ssl
import sys
import threading
import uuid

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

PLACE = pathlib.Path("/srv/mail/aiosmtpd")


class Delivery:
    """Writes each mail into the Maildir; one file for all its recipients."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        trace = [f"Return-Path: <{(envelope.mail_from or '').strip('<>')}>"] + [f"Delivered-To: {to}" for to in envelope.rcpt_tos]
        head = "".join(line + "\n" for line in trace).encode()
        path = PLACE / "tmp" / uuid.uuid4().hex
        path.write_bytes(head + envelope.content.replace(b"\r\n", b"\n"))
        path.rename(PLACE / "new" / path.name)
        return "250 2.0.0 OK"


def is_account(server, session, envelope, mechanism, data):
    known = (os.environ["E2E_ACCOUNT"].encode(), os.environ["E2E_PASSWORD"].encode())
    return AuthResult(success=isinstance(data, LoginPassword) and (data.login, data.password) == known)


def main(address):
    for name in ("tmp", "new"):
        (PLACE / name).mkdir(parents=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/etc/e2e/crt", "/etc/e2e/key")
    # It knows TLS begun by STARTTLS only, so it would refuse AUTH over TLS from the first byte.
    Controller(Delivery(), hostname=address, port=465, ssl_context=context, authenticator=is_account, auth_required=True,
               auth_require_tls=False, enable_SMTPUTF8=True, data_size_limit=int(os.environ["E2E_SIZE"])).start()
    threading.Event().wait()


main(sys.argv[1])
