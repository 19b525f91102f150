"""Whether a master of Spark's own (`spark://host:port`) is where it is said to be, before Spark is started.

In comes the address; out comes nothing, or `NoSpark`. Spark itself tries three times, twenty seconds each, whatever
its settings say, and then tells no more than that all masters are unresponsive. What a master is asked here is what its
workers ask it too: for a file that it does not have.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time

from policyengine.base.diagnostic import shorten

PATIENCE = 3.0
"""Seconds in which a master has to take a connection."""

SILENCE = 10.0
"""Seconds in which it has to answer. That takes it milliseconds; but its Java may be collecting garbage."""

INSTALLED = "see docs/cluster.md for what a machine needs"

SHOWN = "take the address that the master's own page shows, `URL: spark://host:port`; its port is 7077 by default"


class NoSpark(Exception):
    """Spark cannot be started here; the text says why, `help` what to do."""

    def __init__(self, reason: str, help: str = INSTALLED) -> None:
        super().__init__(reason)
        self.help = help


def reach(master: str) -> None:
    """Raises `NoSpark` where none of the masters of `spark://host:port,host:port` takes a connection and answers as one
    does. Of other masters, and of what is none, Spark knows more, and of those that speak TLS."""
    reason = ""
    for place in master.removeprefix("spark://").split(",") if master.startswith("spark://") else ():
        host, _, port = place.rpartition(":")
        if not host or not port.isdecimal():
            return
        try:
            said = _answer(host.strip("[]"), int(port))
        except (OSError, OverflowError) as problem:
            why = (getattr(problem, "strerror", None) or str(problem)).lower()
            reason = reason or f"nothing answers at `{shorten(master)}`: {why}"
        else:
            if said is None:
                return
            reason = reason or f"what answers at `{shorten(master)}` is no Spark master: it {said}"
    if reason:
        raise NoSpark(reason, SHOWN)


_STREAM_REQUEST = 6  # of Spark's `network-common`, `Message.Type`, since 1.6
_FILE = b"/jars/guiju-asks-whether-this-is-spark"
_ASKED = struct.pack(">qbi", 13 + len(_FILE), _STREAM_REQUEST, len(_FILE)) + _FILE
_HEAD = 9  # bytes: the length of a whole message, and its type
_LONGEST = 1 << 16


def _answer(host: str, port: int) -> str | None:
    """None where a master answers, or may; else what happened instead. Raises OSError where nobody takes the
    connection."""
    with socket.create_connection((host, port), PATIENCE) as to:
        until = time.monotonic() + SILENCE
        said, closed = b"", False
        try:
            to.sendall(_ASKED)
            while len(said) < _HEAD and not closed and (left := until - time.monotonic()) > 0:
                to.settimeout(left)
                more = to.recv(1_024)
                said, closed = said + more, not more
        except TimeoutError:
            pass
        except OSError:
            closed = True
    if len(said) >= _HEAD and _HEAD <= struct.unpack(">q", said[:8])[0] <= _LONGEST:
        return None
    if said:
        return f"says `{shorten(said.decode('latin-1').splitlines()[0], 60)}`"
    if not closed:
        return f"said nothing for {SILENCE:.0f} seconds"
    return None if _speaks_tls(host, port) else "closes the connection"


def _speaks_tls(host: str, port: int) -> bool:
    """Whether what closes a connection in plain bytes takes one by TLS, as a master with `spark.ssl.rpc.enabled` does;
    whose certificate it has is for Spark to see to."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), PATIENCE) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as problem:
        return "ALERT" in (problem.reason or "")  # it wants a certificate of ours
    except OSError:
        return False
