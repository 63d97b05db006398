"""The servers that the relay has to get along with: faces of Postfix, Exim, Dovecot, aiosmtpd, npm's smtp-server.

All of them let one account in over implicit TLS, refuse a recipient whose name begins with "refused", and take mails of so
many octets. Each delivers into a Maildir, with Return-Path and Delivered-To before the mail.
"""

import dataclasses
import os
import pathlib
import subprocess

from machine import PASSWORD, command
from ports import wait_for_port

ACCOUNT = "mail@i.example"
SIZE = 60000


@dataclasses.dataclass
class Server:
    name: str
    address: str
    smtputf8: bool = True
    # It fails with an envelope that comes before it has answered to the content before it.
    trips: str = ""


SERVERS = (
    Server("Postfix", "127.0.0.21"),
    Server("Postfix that forbids pipelining ahead of its turn", "127.0.0.22"),
    Server("Postfix that offers AUTH alone", "127.0.0.23", smtputf8=False),
    Server("Exim", "127.0.0.24"),
    Server("Dovecot's submission", "127.0.0.25", smtputf8=False,
           trips="Dovecot 2.3.19 dies (smtp_server_transaction_finished), and what was under way is tried later"),
    Server("aiosmtpd", "127.0.0.26"),
    Server("npm's smtp-server", "127.0.0.27"),
)

MAILDIRS = tuple(pathlib.Path("/srv/mail") / name for name in ("all", "exim", "aiosmtpd", "npm"))

# Behind a face of its own each; 127.0.0.40 is where Dovecot hands on what it was given.
POSTFIX = """\
{address}:{port} inet n - n - - smtpd {options}
 -o message_size_limit={size}
 -o smtpd_sender_restrictions=
 -o {{ smtpd_recipient_restrictions = check_recipient_access pcre:/etc/postfix/recipients, permit }}
 -o smtpd_relay_restrictions={relay}
"""
LOGIN = "-o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes"
ONLY_AUTH = "pipelining,size,vrfy,etrn,starttls,enhancedstatuscodes,8bitmime,dsn,smtputf8,chunking"

EXIM = """\
primary_hostname = smtp.example
# It starts itself anew for each delivery.
exim_path = /opt/exim4-daemon-light/usr/sbin/exim4
log_file_path = /var/log/exim-%s.log
local_interfaces = 127.0.0.24
daemon_smtp_ports = 465
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = /etc/e2e/crt
tls_privatekey = /etc/e2e/key
smtputf8_advertise_hosts = *
message_size_limit = {size}
# It delivers as much as comes over one connection, and not ten mails.
smtp_accept_queue_per_connection = 0
acl_smtp_rcpt = rcpt
acl_smtp_data = accept

begin acl
rcpt:
  deny local_parts = ^refused
       message = User unknown
  deny !authenticated = *
  accept

begin routers
all:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = /srv/mail/exim
  maildir_format
  create_directory
  user = vmail
  group = vmail
  return_path_add
  headers_add = Delivered-To: $local_part@$domain

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq{{$auth2}}{{{account}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""

DOVECOT = """\
submission_relay_host = 127.0.0.40
submission_relay_port = 25
submission_relay_trusted = no
submission_max_mail_size = {size}
service submission-login {{
  inet_listener submission {{
    port = 0
  }}
  inet_listener submissions {{
    address = 127.0.0.25
    port = 465
    ssl = yes
  }}
}}
"""


def postfix_services():
    """Their lines in master.cf."""
    faces = (
        ("127.0.0.21", f"{LOGIN} -o smtpd_forbid_unauth_pipelining=no"),
        ("127.0.0.22", f"{LOGIN} -o smtpd_forbid_unauth_pipelining=yes"),
        ("127.0.0.23", f"{LOGIN} -o smtpd_discard_ehlo_keywords={ONLY_AUTH}"),
    )
    lines = [POSTFIX.format(address=address, port=465, options=options, size=SIZE,
                            relay="permit_sasl_authenticated,reject") for address, options in faces]
    return "".join([*lines, POSTFIX.format(address="127.0.0.40", port=25, options="-o mynetworks=127.0.0.0/8", size=10 * SIZE,
                                            relay="permit_mynetworks,reject")])


def dovecot_lines():
    return DOVECOT.format(size=SIZE)


def start():
    """Starts the servers that are no part of Postfix and Dovecot, and returns when all answer."""
    pathlib.Path("/etc/e2e/password").write_text(PASSWORD + "\n")
    os.chmod("/etc/e2e/password", 0o600)
    start_exim()
    environment = {"PATH": os.environ["PATH"], "E2E_ACCOUNT": ACCOUNT, "E2E_PASSWORD": PASSWORD, "E2E_SIZE": str(SIZE)}
    for words, more in ((["python3", "/e2e/aiosmtpd_server.py", "127.0.0.26"], {}),
                        (["node", "/e2e/npm_server.js", "127.0.0.27"], {"NODE_PATH": "/opt"})):
        with open(f"/var/log/{words[0]}.log", "wb") as log:
            subprocess.Popen(words, env=environment | more, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for server in SERVERS:
        wait_for_port(server.address, 465)
    wait_for_port("127.0.0.40", 25)


def start_exim():
    command("groupadd", "--system", "Debian-exim")
    command("useradd", "--system", "--gid", "Debian-exim", "Debian-exim")
    for directory in ("/etc/exim4", "/var/spool/exim4"):
        pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
        command("chown", "Debian-exim:", directory)
    # Root's file alone counts.
    command("chown", "root:", "/etc/exim4")
    pathlib.Path("/etc/exim4/exim4.conf").write_text(EXIM.format(size=SIZE, account=ACCOUNT, password=PASSWORD))
    for log in ("main", "panic", "reject"):
        path = pathlib.Path(f"/var/log/exim-{log}.log")
        path.touch()
        command("chown", "Debian-exim:", path)
    command("/opt/exim4-daemon-light/usr/sbin/exim4", "-bd", "-q30m")
