"""Waits for servers."""

import socket
import time


def wait_for_port(address, port, seconds=30):
    """Waits until somebody listens there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"e2e: nobody listens on {address}:{port} after {seconds} s: {error}")
            time.sleep(0.1)
