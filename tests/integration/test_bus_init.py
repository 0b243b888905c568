"""`sluice init`: the streams it makes, and that running it again changes nothing."""
import os
import subprocess

import pytest
from harness.binary import sluice_binary
from harness.clusters import NatsCluster
from harness.servers import NatsServer

DAY_NSEC = 86400 * 10**9

# stream -> subjects, discard, max_age
STREAMS = {
    "FACEBOOK_EVENTS": (["events.facebook.>"], "new", 0),
    "TIKTOK_EVENTS": (["events.tiktok.>"], "new", 0),
    "EVENTS_DLQ": (["dlq.>"], "new", 0),
    "EVENTS_UNREADABLE": (["unreadable.>"], "old", 0),
    "SERVICE_METRICS": (["metrics.>"], "old", DAY_NSEC),
}


def init(url, **env):
    return subprocess.run([sluice_binary(), "init"], env={**os.environ, "NATS_URL": url, **env},
                          capture_output=True, text=True, timeout=60)


def configs(server):
    with server.client() as client:
        return {name: client.api(f"STREAM.INFO.{name}")["config"] for name in STREAMS}


def limits(server):
    return {name: config["max_bytes"] for name, config in configs(server).items()}


def test_makes_every_stream_and_says_its_limit(nats):
    done = init(nats.url, DUPLICATE_WINDOW="90s")
    assert done.returncode == 0, done.stderr
    for name, config in configs(nats).items():
        subjects, discard, max_age = STREAMS[name]
        assert config["subjects"] == subjects
        assert config["discard"] == discard
        assert config["storage"] == "file"
        assert config["max_age"] == max_age
        line = next(line for line in done.stdout.splitlines() if line.startswith(name))
        assert f" {config['max_bytes'] >> 20} MiB" in line
    assert configs(nats)["FACEBOOK_EVENTS"]["duplicate_window"] == 90 * 10**9


def test_again_changes_nothing(nats):
    assert init(nats.url).returncode == 0
    with nats.client() as client:
        client.js_publish("events.facebook.top", b"x")
    before = configs(nats)
    assert init(nats.url).returncode == 0
    assert configs(nats) == before
    assert len(nats.messages("FACEBOOK_EVENTS")) == 1


def test_set_limits_are_taken_and_never_below_what_is_held(nats):
    assert init(nats.url, STREAM_MAX_BYTES="100M", DLQ_MAX_BYTES="32M").returncode == 0
    assert limits(nats) == {"FACEBOOK_EVENTS": 100 << 20, "TIKTOK_EVENTS": 100 << 20, "EVENTS_DLQ": 32 << 20,
                            "EVENTS_UNREADABLE": 32 << 20, "SERVICE_METRICS": 64 << 20}
    with nats.client() as client:
        for _ in range(3):
            client.js_publish("events.tiktok.top", b"x" * 500_000)
    done = init(nats.url, STREAM_MAX_BYTES="1M")
    assert done.returncode == 1
    assert "TIKTOK_EVENTS holds" in done.stderr
    assert len(nats.messages("TIKTOK_EVENTS")) == 3


@pytest.mark.parametrize("store_gib", [1, 3])
def test_automatic_sizes_fit_a_small_store(store_gib):
    server = NatsServer(max_file_store=store_gib << 30)
    try:
        server.start()
        done = init(server.url)
        assert done.returncode == 0, done.stderr
        sizes = limits(server)
        assert sum(sizes.values()) <= store_gib << 30
        assert sizes["FACEBOOK_EVENTS"] == sizes["TIKTOK_EVENTS"] >= (store_gib << 30) // 5
        assert sizes["EVENTS_DLQ"] == sizes["EVENTS_UNREADABLE"] < sizes["FACEBOOK_EVENTS"]
        assert init(server.url).returncode == 0
        assert limits(server) == sizes
    finally:
        server.remove()


def test_automatic_sizes_fit_the_small_stores_of_a_cluster():
    cluster = NatsCluster()
    try:
        cluster.start()
        done = init(cluster.url, STREAM_REPLICAS="3")
        assert done.returncode == 0, done.stderr
        assert {config["num_replicas"] for config in configs(cluster).values()} == {3}
        assert sum(limits(cluster).values()) <= 8 << 30
    finally:
        cluster.remove()


@pytest.mark.parametrize("url, words", [
    ("http://127.0.0.1:4222", "nats://"),
    ("nats://127.0.0.1:99999", "nats://"),
    ("nats://127.0.0.1:1", "no server answers"),
])
def test_says_what_is_wrong_with_the_url(url, words):
    done = init(url)
    assert done.returncode == 1
    assert words in done.stderr
