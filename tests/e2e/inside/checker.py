"""Reads the Maildirs of the smarthosts and tells the faults of the mails that arrived, in sentences."""

import email
import email.header
import email.policy
import email.utils
import re
import time


class Arrived:
    """A mail as the smarthost has it: once, with all the recipients it was delivered to."""

    def __init__(self, octets):
        self.octets = octets
        self.head = octets.partition(b"\n\n")[0]
        self.message = email.message_from_bytes(octets, policy=email.policy.default)
        self.recipients = []

    def values(self, name):
        """All fields of that name, decoded."""
        return [str(value) for value in self.message.get_all(name, [])]

    def one(self, name):
        values = self.values(name)
        return values[0] if len(values) == 1 else None

    def text(self, kind="text/plain"):
        """The first part of that type, as a reader sees it; raises if it is not of its type."""
        for part in self.message.walk():
            if part.get_content_type() == kind and not part.is_multipart() and part.get_filename() is None:
                octets = part.get_payload(decode=True)
                return octets.decode(part.get_content_charset() or "us-ascii").replace("\r\n", "\n")
        return None

    def attachments(self):
        return [part.get_payload(decode=True) for part in self.message.walk() if part.get_filename() is not None]


def collect(maildirs):
    """The mails in the Maildirs: recipients of one mail joined by its Message-ID and its arrival in one piece."""
    mails = {}
    for maildir in maildirs:
        for path in sorted(maildir.glob("new/*")):
            mail = Arrived(path.read_bytes())
            trace = re.search(r"\sid ([\w-]+)", "".join(mail.values("Received")[:1]))
            queue_id = trace.group(1) if trace else path.name
            mail = mails.setdefault((maildir, mail.one("Message-ID"), queue_id), mail)
            mail.recipients += Arrived(path.read_bytes()).values("Delivered-To")
    return list(mails.values())


def wait(maildirs, wanted, seconds, is_idle):
    """Waits until every mail is there, to all its recipients, and none could still come; or the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        arrived = collect(maildirs)
        lacking = [one for one in wanted
                   if not any(matches(mail, one) and len(mail.recipients) >= len(one.to) for mail in arrived)]
        if not lacking and is_idle() or time.monotonic() > deadline:
            return arrived
        time.sleep(0.2)


def judge(wanted, arrived, account):
    """The faults of one case's mails."""
    said = []
    for one in wanted:
        found = [mail for mail in arrived if matches(mail, one)]
        if len(found) != 1:
            said.append(f"arrived {len(found)} times: {one.subject!r}")
        for mail in found:
            said += [f"{one.subject!r}: {complaint}" for complaint in complaints(mail, one, account)]
    return said


def strays(wanted, arrived):
    """The mails that arrived although nobody sent them."""
    return [f"nobody sent it: to {mail.recipients}: {mail.values('Subject')}" for mail in arrived
            if not any(matches(mail, one) for one in wanted)]


def empty(maildirs):
    """Takes away the mails that have arrived."""
    for maildir in maildirs:
        for path in maildir.glob("*/*"):
            path.unlink()


def matches(mail, wanted):
    """That arrival is the one that the expectation means: by its subject."""
    subjects = mail.values("Subject")
    if len(subjects) != 1:
        return False
    if wanted.pattern:
        return re.fullmatch(wanted.subject, subjects[0]) is not None
    return subjects[0] == wanted.subject


def complaints(mail, wanted, account):
    """The faults of an arrival; empty if it has none."""
    yield from about_addresses(mail, wanted, account)
    yield from about_head(mail)
    yield from about_body(mail, wanted)


def about_addresses(mail, wanted, account):
    if mail.values("Return-Path") != ["<>" if wanted.null else f"<{account}>"]:
        yield f"Return-Path is {mail.values('Return-Path')}"
    if sorted(mail.recipients) != sorted(wanted.to):
        yield f"went to {sorted(mail.recipients)} instead of {sorted(wanted.to)}"
    senders = [mailbox for value in mail.message.get_all("From", []) for mailbox in value.addresses]
    if [mailbox.addr_spec for mailbox in senders] != [account]:
        yield f"From is {mail.values('From')}"
    elif wanted.sender is not None and senders[0].display_name != wanted.sender:
        yield f"the sender's name is {senders[0].display_name!r} instead of {wanted.sender!r}"
    for field, value in (("To", wanted.visible_to), ("Reply-To", wanted.reply_to)):
        if value is not None and mail.values(field) != [value]:
            yield f"{field} is {mail.values(field)} instead of {value!r}"


def about_head(mail):
    for name in ("Date", "Message-ID", "From", "Subject"):
        if len(mail.values(name)) != 1:
            yield f"{len(mail.values(name))} fields named {name}"
    for name in ("Bcc", "X-Cron-Env"):
        if mail.values(name):
            yield f"{name} was not taken out"
    # What the server put before it may say what it likes.
    ours = re.sub(rb"^(Return-Path|Delivered-To|X-Original-To|Received):.*\n([ \t].*\n)*", b"", mail.head + b"\n", flags=re.M)
    if any(octet > 127 for octet in ours):
        yield "the header section is not ASCII"
    if b"\r" in mail.octets.replace(b"\r\n", b""):
        yield "a bare carriage return"
    try:
        if mail.one("Date") and abs(email.utils.parsedate_to_datetime(mail.one("Date")).timestamp() - time.time()) > 3600:
            yield f"Date is {mail.one('Date')}"
    except ValueError:
        yield f"Date is {mail.one('Date')}"


def about_body(mail, wanted):
    try:
        text, html = mail.text(), mail.text("text/html")
    except (LookupError, UnicodeDecodeError) as error:
        yield f"the body is not in the charset it names: {error}"
        return
    # SMTP carries lines: a last one without an end gets one.
    if wanted.body is not None and text is not None and ended(text) != ended(wanted.body):
        yield f"the body is {text!r} instead of {wanted.body!r}"
    if text is None and (wanted.body is not None or wanted.holds):
        yield "there is no text in it"
    for piece in wanted.holds:
        if text is not None and piece not in text:
            yield f"the body does not hold {piece!r}: {text!r}"
    if wanted.html is not None and (html is None or ended(html) != ended(wanted.html)):
        yield f"the HTML is {html!r} instead of {wanted.html!r}"
    if wanted.attachment is not None and mail.attachments() != [wanted.attachment]:
        yield f"the attachments are {mail.attachments()!r}"


def ended(text):
    return text if text.endswith("\n") else text + "\n"
