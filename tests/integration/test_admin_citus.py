"""`sluice migrate --citus` against Citus' documented rules: Debian has no Citus, so its functions have a stand-in that holds
tables against them (harness/citus_rules.sql)."""
import pathlib
import subprocess

import psycopg2
import pytest

from harness.binary import sluice_binary
from harness.roles import clean_environment

RULES = pathlib.Path(__file__).parent / "harness" / "citus_rules.sql"


@pytest.fixture
def database(postgres):
    return postgres.new_database()


def migrate(database, *flags):
    env = clean_environment({"DATABASE_URL": database.url})
    return subprocess.run([sluice_binary(), "migrate", *flags], env=env, cwd="/", capture_output=True, text=True,
                          timeout=60, check=False)


def distributed(database):
    return database.query("SELECT logicalrelid::text, column_name, dense_rank() OVER (ORDER BY colocationid) "
                          "FROM pg_dist_partition ORDER BY 1")


WANTED = [("event_keys", "event_key", 1), ("processed_events", "event_key", 1), ("revenue_transactions", "event_key", 1)]


# What every transaction adds to, or reads whole.
LOCAL = ["ledger", "user_demographics", "user_numbers", "user_activity", "user_attributes", "event_counts",
         "revenue_totals", "cube_totals", "cube_deltas", "request_outcomes", "stream_progress", "retention"]


def test_the_schema_can_be_distributed_with_partitions_and_twice(database):
    database.execute(RULES.read_text())
    assert migrate(database).returncode == 0
    database.execute("SELECT ensure_events_partition('2026-01-31')")
    for _ in range(2):
        done = migrate(database, "--citus")
        assert (done.returncode, done.stderr) == (0, "")
        assert distributed(database) == WANTED
    local = database.query("SELECT relname FROM pg_class WHERE relname = ANY(%s) AND NOT EXISTS"
                           " (SELECT FROM pg_dist_partition WHERE logicalrelid = pg_class.oid)", (LOCAL,))
    assert sorted(name for name, in local) == sorted(LOCAL)


def test_a_new_database_at_once(database):
    database.execute(RULES.read_text())
    assert migrate(database, "--citus").returncode == 0
    assert distributed(database) == WANTED


def test_status_distributes_nothing(database):
    database.execute(RULES.read_text())
    assert migrate(database).returncode == 0
    assert migrate(database, "--status", "--citus").returncode == 0
    assert distributed(database) == []


def test_without_citus_it_says_what_to_do_and_leaves_the_schema(database):
    done = migrate(database, "--citus")
    assert done.returncode == 1
    assert "the extension citus is not in this database" in done.stderr and "citus_add_node" in done.stderr
    assert migrate(database, "--status").returncode == 0


@pytest.mark.parametrize("change, rule", [
    ("CREATE UNIQUE INDEX ON revenue_transactions (event_id)", "unique constraints must contain"),
    ("ALTER TABLE revenue_transactions ADD FOREIGN KEY (event_key) REFERENCES event_keys", "foreign keys"),
    ("ALTER TABLE revenue_transactions ALTER event_key TYPE text", "different types"),
])
def test_the_stand_in_refuses_what_citus_refuses(database, change, rule):
    """Else the tests above would prove nothing; and nothing is left half distributed."""
    database.execute(RULES.read_text())
    assert migrate(database).returncode == 0
    database.execute(change)
    done = migrate(database, "--citus")
    assert done.returncode == 1 and rule in done.stderr
    assert distributed(database) == []


def test_the_keys_cannot_lie_elsewhere(database):
    database.execute(RULES.read_text())
    assert migrate(database).returncode == 0
    with pytest.raises(psycopg2.Error, match="unique constraints must contain"):
        database.execute("SELECT create_distributed_table('event_keys', 'event_day')")
