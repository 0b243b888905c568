"""The checker itself: what is falsified on purpose must be found."""
from dataclasses import replace

from load import dumps
from pipeline import Failed
from registry import case


def check_again(world):
    return world.check().faults


FALSIFICATIONS = [
    ("an amount of revenue", "I4",
     "UPDATE revenue_transactions SET amount = amount + 0.01 WHERE event_key = (SELECT min(event_key::text)::uuid FROM revenue_transactions)"),
    ("a missing row of revenue", "I4",
     "DELETE FROM revenue_transactions WHERE event_key = (SELECT max(event_key::text)::uuid FROM revenue_transactions)"),
    ("the name of a user", "I4", "UPDATE user_demographics SET name = name || '!' WHERE user_id = (SELECT min(user_id) FROM user_demographics)"),
    ("when a user was last seen", "I4", "UPDATE user_demographics SET last_seen_at = last_seen_at + interval '1 us'"
     " WHERE user_id = (SELECT max(user_id) FROM user_demographics)"),
    ("a missing user", "I4", "DELETE FROM user_demographics WHERE user_id = (SELECT min(user_id) FROM user_demographics)"),
    ("a count of a minute", "I4", "UPDATE event_counts SET events = events + 1 WHERE bucket = (SELECT max(bucket) FROM event_counts WHERE grain = 1)"),
    ("a user who was not active", "I4", "UPDATE user_activity SET users = set_bit(users, 8191, 1) WHERE grain = 1440"),
    ("a count in the ledger", "I1", "UPDATE ledger SET stored = stored + 1 WHERE seq = 1"),
    ("two counts in the ledger that still add up", "I1",
     "UPDATE ledger SET stored = stored - 1, duplicates = duplicates + 1 WHERE seq = 2"),
    ("a missing ledger row", "I1", "DELETE FROM ledger WHERE seq = 3"),
    ("a missing event", "I1", "DELETE FROM processed_events WHERE event_id = (SELECT min(event_id) FROM processed_events)"),
    ("a doubled event", "I2", "INSERT INTO processed_events SELECT * FROM processed_events"
     " WHERE event_id = (SELECT max(event_id) FROM processed_events)"),
    ("an event that nobody sent", "I3",
     "UPDATE processed_events SET event_id = 'forged' WHERE event_id = (SELECT max(event_id) FROM processed_events)"),
    ("an event that was changed", "I3",
     "UPDATE processed_events SET data = '{}' WHERE event_id = (SELECT max(event_id) FROM processed_events)"),
]


@case(0, "the checker finds what is falsified on purpose", seconds=40)
def self_test(world):
    world.start()
    world.begin_load(repeated=0.1)
    world.load.wait_accepted(500)
    world.finish()
    for what, invariant, sql in FALSIFICATIONS:
        tables = ("processed_events", "event_keys", "ledger", "revenue_transactions", "user_demographics", "event_counts",
                  "user_activity")
        world.database.execute("".join(f"CREATE TABLE saved_{t} AS TABLE {t};" for t in tables))
        world.database.execute(sql)
        faults = check_again(world)
        if not any(fault.startswith(invariant) for fault in faults):
            world.faults.append(f"not found: {what} ({invariant}); found: {faults}")
        world.database.execute("".join(f"DELETE FROM {t}; INSERT INTO {t} SELECT * FROM saved_{t}; DROP TABLE saved_{t};"
                                       for t in tables))
    faults = check_again(world)
    if faults:
        world.faults.append(f"found although nothing is wrong: {faults}")
    forget_an_event(world)
    world.note = f"{len(FALSIFICATIONS) + 1} falsifications made, each found"
    world.verdict = replace(world.verdict, lost=0, faults=[])
    world.conclude()


def forget_an_event(world):
    """An event that was answered 200 and never sent on: the journal alone knows of it."""
    event = world.plan.event()
    world.load.settle(world.load.announce([dumps(event)]), 200)
    verdict = world.check()
    if verdict.lost != 1:
        raise Failed(f"an event that was lost is not found: {verdict.faults}")
