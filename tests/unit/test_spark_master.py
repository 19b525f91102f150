"""What listens at the address of a Spark master, and what is said of it where that is none."""

from __future__ import annotations

import re
import socket
import struct

import pytest

from policyengine.trace.engines import spark_master
from policyengine.trace.engines.spark_master import NoSpark, reach
from tests.support.listening import listening

NOT_THERE = b"Stream was not found."
ANSWER = struct.pack(">qb", 9 + len(NOT_THERE), 8) + NOT_THERE
ALERT = bytes.fromhex("15030300020228")  # of TLS: handshake failure


@pytest.fixture
def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"127.0.0.1:{gone.getsockname()[1]}"


def test_the_master_of_a_real_spark() -> None:
    """Its driver listens as its masters do, in the same words."""
    pytest.importorskip("pyspark", reason='Spark is not installed: pip install "guiju[spark]"')
    from tests.support.spark import session

    port = session().sparkContext.getConf().get("spark.driver.port")
    with listening(b"") as other:
        reach(f"spark://127.0.0.1:{port}")
        reach(f"spark://{other},127.0.0.1:{port}")


def test_what_spark_knows_more_of(closed: str) -> None:
    """Where one of several answers, though in two pieces, and where it is no address, Spark goes on."""
    with listening(ANSWER[:5], ANSWER[5:]) as there:
        for master in (f"spark://{there}", f"spark://{closed},{there}", "spark://127.0.0.1", "yarn", "local[*]",
                       f"k8s://https://{closed}", ""):
            reach(master)


def test_a_master_that_speaks_tls() -> None:
    """It closes what comes in plain bytes; what it asks of a certificate is for Spark to see to."""
    with listening(b"", tls=ALERT) as there:
        reach(f"spark://{there}")


@pytest.mark.parametrize(("says", "told"), [
    (b"HTTP/1.1 400 Bad Request\r\nDate: today\r\n\r\n", "says `HTTP/1.1 400 Bad Request`"),
    (b"220\r\n", "says `220`"), (b"J\0\0\0\n8.0.36\0", "says `J"), (b"", "closes the connection"),
    (None, "said nothing for 0 seconds"),
])
def test_what_is_no_master(says: bytes | None, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_master, "SILENCE", 0.3)
    with listening(says) as there, pytest.raises(NoSpark, match=re.escape(
            f"what answers at `spark://{there}` is no Spark master: it {told}")) as found:
        reach(f"spark://{there}")
    assert "URL: spark://host:port" in found.value.help


def test_nothing_listens(closed: str) -> None:
    with pytest.raises(NoSpark, match=f"^nothing answers at `spark://{closed},{closed}`: connection refused$"):
        reach(f"spark://{closed},{closed}")
