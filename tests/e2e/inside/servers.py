"""The smarthosts: one Postfix with many faces, and Dovecot who knows the passwords. Each delivers into a Maildir."""

import os
import pathlib

import rivals
from ports import wait_for_port
from machine import PASSWORD, PROVIDERS, command

MAILDIR = pathlib.Path("/srv/mail/all")

MAIN = """\
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = smtp.example
mydestination =
mynetworks =
inet_protocols = ipv4
alias_maps =
alias_database =
smtpd_banner = $myhostname ESMTP
smtputf8_enable = yes
message_size_limit = 10240000
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all/
virtual_mailbox_base = /srv/mail
virtual_mailbox_limit = 0
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
smtpd_tls_cert_file = /etc/e2e/crt
smtpd_tls_key_file = /etc/e2e/key
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_client_restrictions =
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access pcre:/etc/postfix/recipients, permit_sasl_authenticated, reject
smtpd_sender_login_maps = pcre:/etc/postfix/logins
smtpd_sender_restrictions = check_sender_access pcre:/etc/postfix/senders, reject_sender_login_mismatch
"""

# An address may be used by the login of the same name alone; nobody may use the null reverse-path.
LOGINS = "/^(.+)$/ $1\n"
SENDERS = "/^<>$/ REJECT 5.7.1 Sender address rejected: not owned by user\n"
RECIPIENTS = "/^refused/ 550 5.1.1 Recipient address rejected: User unknown\n"

MASTER = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
cleanup-b unix n - n - 0 cleanup -o header_checks=pcre:/etc/postfix/from-b -o nested_header_checks=
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
127.0.0.11:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
127.0.0.12:465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
 -o cleanup_service_name=cleanup-b
"""

FROM_B = """\
if /^From:/
!/^From:(.*[ <])?mail@b\\.example>?$/ REJECT 5.7.1 the From field is not the login
endif
"""

DOVECOT = """\
protocols = submission
listen = 127.0.0.25
log_path = /var/log/dovecot.log
ssl = required
ssl_cert = </etc/e2e/crt
ssl_key = </etc/e2e/key
auth_mechanisms = plain login
mail_location = maildir:/srv/mail/dovecot/%u
mail_uid = 5000
mail_gid = 5000
first_valid_uid = 5000
hostname = smtp.example
passdb {
  driver = passwd-file
  args = scheme=PLAIN /etc/dovecot/e2e.passwd
}
userdb {
  driver = static
  args = uid=5000 gid=5000 home=/srv/mail/dovecot/%u
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
"""


def start():
    """Starts them all and returns when they answer."""
    command("groupadd", "--gid", "5000", "vmail")
    command("useradd", "--uid", "5000", "--gid", "5000", "--home-dir", "/srv/mail", "vmail")
    pathlib.Path("/srv/mail").mkdir()
    os.chown("/srv/mail", 5000, 5000)
    start_dovecot()
    start_postfix()
    for provider in PROVIDERS:
        wait_for_port(provider.address, 465)


def start_postfix():
    place = pathlib.Path("/etc/postfix")
    (place / "main.cf").write_text(MAIN)
    (place / "master.cf").write_text(MASTER + rivals.postfix_services())
    (place / "logins").write_text(LOGINS)
    (place / "senders").write_text(SENDERS)
    (place / "recipients").write_text(RECIPIENTS)
    (place / "from-b").write_text(FROM_B)
    command("postfix", "start")


def start_dovecot():
    accounts = [*(provider.account for provider in PROVIDERS), rivals.ACCOUNT]
    accounts = "".join(f"{account}:{PASSWORD}::::::\n" for account in accounts)
    pathlib.Path("/etc/dovecot/e2e.passwd").write_text(accounts)
    pathlib.Path("/etc/dovecot/e2e.conf").write_text(DOVECOT + rivals.dovecot_lines())
    command("dovecot", "-c", "/etc/dovecot/e2e.conf")
