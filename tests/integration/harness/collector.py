"""What the collectors' tests share: messages as the gateway writes them, put into the stream by hand."""
import json
import uuid

from .events import timestamp
from .nats_client import JetStreamError

SOURCES = {
    "facebook": ("fb-collector", "FACEBOOK_EVENTS", "fb_collector"),
    "tiktok": ("ttk-collector", "TIKTOK_EVENTS", "ttk_collector"),
}


def context_line(count, correlation="test", received=None):
    return json.dumps({"correlationId": correlation, "receivedAt": received or timestamp(), "count": count},
                      separators=(",", ":"))


def line_of(event):
    """An event's line; bytes and text pass as they are."""
    if isinstance(event, bytes):
        return event.decode()
    return event if isinstance(event, str) else json.dumps(event)


def payload_of(events, correlation="test"):
    return "\n".join([context_line(len(events), correlation)] + [line_of(e) for e in events]) + "\n"


class Publisher:
    """Puts messages into an event stream as the gateway does."""

    def __init__(self, nats, source="facebook"):
        self.client = nats.client()
        self.source = source
        self.stream = SOURCES[source][1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def raw(self, payload, count, stage="top", msg_id=None):
        headers = {"Event-Count": str(count), "Nats-Msg-Id": msg_id or str(uuid.uuid4())}
        return self.client.js_publish(f"events.{self.source}.{stage}", payload, headers)["seq"]

    def send(self, events, stage="top", correlation="test"):
        return self.raw(payload_of(events, correlation), len(events), stage)

    def send_in_messages(self, events, per_message=100, correlation="test"):
        for i in range(0, len(events), per_message):
            self.send(events[i:i + per_message], correlation=correlation)


def consumer_state(nats, source="facebook"):
    role, stream, _ = SOURCES[source]
    with nats.client() as client:
        return client.api(f"CONSUMER.INFO.{stream}.{role}")


def drained(nats, source="facebook"):
    """Whether everything of the stream was delivered and acked."""
    state = consumer_state(nats, source)
    return state["num_pending"] == 0 and state["num_ack_pending"] == 0


def delete_consumer(nats, source="facebook"):
    role, stream, _ = SOURCES[source]
    with nats.client() as client:
        try:
            client.api(f"CONSUMER.DELETE.{stream}.{role}")
        except JetStreamError as error:
            # nats-server may write the consumer's state file while it removes the folder; it is deleted all the same.
            if error.err_code != 10051:
                raise


def purge(nats, *streams):
    with nats.client() as client:
        for stream in streams:
            try:
                client.api(f"STREAM.PURGE.{stream}")
            except JetStreamError:
                pass  # not there yet


def dead_letters(nats):
    with nats.client() as client:
        return client.messages("EVENTS_DLQ") if client.stream_state("EVENTS_DLQ")["messages"] else []


def metric(role, name, **labels):
    """The sum of the series of that name whose labels include these."""
    total = 0.0
    for series, value in role.metrics().items():
        base, _, rest = series.partition("{")
        if base == name and all(f'{k}="{v}"' in rest for k, v in labels.items()):
            total += value
    return total
