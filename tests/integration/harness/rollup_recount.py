"""Rollups against what the recount_*() functions make of the events: no row is right."""

DAYS = """
days AS (SELECT DISTINCT (timestamp AT TIME ZONE 'UTC')::date AS day FROM processed_events, retention
         WHERE timestamp >= retained_from)
"""

CELLS = """
(SELECT bucket, sum(events)::bigint AS events, grain, cube, source, funnel_stage, event_type, campaign_id, country,
        device, currency, sum(amount) AS amount
 FROM cube_cells GROUP BY grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency)
"""

# Table, what it holds, what names a row.
ROLLUPS = [
    ("event_counts", "event_counts", "grain, bucket, source, funnel_stage, event_type"),
    ("revenue_totals", "revenue_totals", "grain, bucket, source, currency"),
    ("cube_totals", CELLS,
     "grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency"),
    ("user_activity", "user_activity", "grain, bucket, source, funnel_stage, chunk"),
]

ATTRIBUTES = """
WITH lists AS (
    SELECT source, user_no, demographic_values(source, age, gender, country, city, followers) AS v
    FROM user_demographics
), wanted AS (
    SELECT user_no >> 13 AS chunk, source, v[i] AS attribute, v[i + 1] AS value,
           bit_or(set_bit(no_users(), user_no & 8191, 1)) AS users
    FROM lists, generate_series(1, 5, 2) AS i WHERE v[i + 1] IS NOT NULL GROUP BY 1, 2, 3, 4
), found AS (
    SELECT * FROM user_attributes WHERE users <> no_users()
)
SELECT source, attribute, value, bit_count(w.users), bit_count(f.users)
FROM wanted w FULL JOIN found f USING (chunk, source, attribute, value) WHERE w.users IS DISTINCT FROM f.users
"""

NUMBERS = """
SELECT source, user_no, count(*) FROM user_demographics LEFT JOIN user_numbers USING (source)
GROUP BY source, user_no, next_no HAVING count(*) > 1 OR user_no IS NULL OR user_no NOT BETWEEN 0 AND next_no - 1
"""


def of_days(table, found, names):
    return f"""
WITH {DAYS}, wanted AS (
    SELECT r.* FROM days, recount_{table}(day) r
), found AS (
    SELECT t.* FROM {found} t, retention WHERE bucket >= retained_from
)
SELECT {names}, to_jsonb(w) - 'users', to_jsonb(f) - 'users' FROM wanted w FULL JOIN found f USING ({names})
WHERE to_jsonb(w) IS DISTINCT FROM to_jsonb(f)
"""


def rollup_differences(query):
    """(what differs, the rows) for each rollup that does not equal its recount. query: SQL -> rows."""
    queries = [(table, of_days(table, found, names)) for table, found, names in ROLLUPS]
    for name, sql in [*queries, ("user_attributes", ATTRIBUTES), ("user numbers", NUMBERS)]:
        rows = query(sql)
        if rows:
            yield f"{len(rows)} rows of {name} differ from a recount", rows


def assert_rollups_are_right(database):
    found = [(text, rows[:3]) for text, rows in rollup_differences(database.query)]
    assert not found, found
