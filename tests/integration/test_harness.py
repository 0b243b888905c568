"""The harness itself: the servers start, stop, and what is put in comes out."""
from harness.nats_client import JetStreamError

import pytest


def test_nats_client_publishes_and_reads_back(nats):
    with nats.client() as client:
        client.api("STREAM.CREATE.HARNESS", {"name": "HARNESS", "subjects": ["harness.>"], "storage": "file"})
        client.js_publish("harness.a", b"one", {"Nats-Msg-Id": "1", "X": "y"})
        assert client.js_publish("harness.a", b"one", {"Nats-Msg-Id": "1"})["duplicate"]
        with pytest.raises(JetStreamError):
            client.api("STREAM.INFO.NOTHING")
    nats.kill9()
    nats.start()
    messages = nats.messages("HARNESS")
    assert [(m.payload, m.headers["X"]) for m in messages] == [(b"one", "y")]


def test_postgres_survives_a_kill(postgres, database):
    database.execute("CREATE TABLE t (x int)")
    database.execute("INSERT INTO t VALUES (%s)", (5,))
    postgres.kill9()
    postgres.start()
    assert database.value("SELECT x FROM t") == 5
