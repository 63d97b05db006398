#!/usr/bin/env python3
"""Mails in wire form, read by Python's email package, which is not ours: no defect, no charset that its bytes are not in.

The files to read are named, or else are all that the tests expect below fixtures/.
"""

import email
import email.policy
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
# Text that no label fits whole, and text that its program has encoded and not labelled: what is encoded is not looked into.
UNLABELLED = {"logcheck", "charset-stray-byte"}

# RFC 2047 section 5 forbids encoded words within quotes; a file's name in them is the one form that QQ and Outlook read.
NAMES = ("encoded word inside quoted string", "missing trailing whitespace after encoded-word")


def faults(path):
    octets = path.read_bytes()
    for number, line in enumerate(octets.split(b"\r\n"), 1):
        if len(line) > 998 or any(byte in line for byte in (b"\0", b"\r", b"\n")):
            yield f"line {number} is not legal on the wire"
    if not octets.partition(b"\r\n\r\n")[0].isascii():
        yield "the header section has bytes over 127"
    message = email.message_from_bytes(octets, policy=email.policy.default)
    for part in message.walk():
        yield from (repr(defect) for defect in part.defects)
        for name, value in part.items():
            wanted = NAMES if name.lower() == "content-type" else ()
            yield from (f"{name}: {defect!r}" for defect in value.defects if not str(defect).startswith(wanted))
        if part.get_content_maintype() == "text" and path.parent.name not in UNLABELLED:
            charset = part.get_content_charset("us-ascii")
            try:
                part.get_payload(decode=True).decode(charset)
            except (LookupError, UnicodeDecodeError) as error:
                yield str(error)


def main(names):
    paths = [pathlib.Path(name) for name in names]
    paths = paths or sorted([*ROOT.glob("captures/*/message"), *ROOT.glob("repairs/*/out")])
    if not paths:
        sys.exit("check_wire: there is nothing to read")
    found = [f"{path}: {fault}" for path in paths for fault in faults(path)]
    print("\n".join(found) or f"check_wire: {len(paths)} mails read, no defect")
    sys.exit(1 if found else 0)


main(sys.argv[1:])
