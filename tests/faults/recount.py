"""What derives from the events, counted again in SQL: 0 differing rows is right (invariant I4)."""
from harness.rollup_recount import rollup_differences

REVENUE = """
WITH wanted AS (
    SELECT event_key, timestamp, event_id, source, event_type, user_id,
           nullif(data->'data'->'engagement'->>'campaignId', '') AS campaign_id,
           coalesce(data->'data'->'engagement'->>'currency', 'USD') AS currency,
           coalesce((data->'data'->'engagement'->>'purchaseAmount')::numeric(17, 2), 0) AS amount
    FROM processed_events
    WHERE event_type IN ('checkout.complete', 'purchase')
       OR data->'data'->'engagement'->>'purchaseAmount' IS NOT NULL
), found AS (
    SELECT event_key, timestamp, event_id, source, event_type, user_id, campaign_id, currency, amount
    FROM revenue_transactions
)
SELECT coalesce(w.event_id, f.event_id), w.amount, f.amount
FROM wanted w FULL JOIN found f USING (event_key)
WHERE to_jsonb(w) IS DISTINCT FROM to_jsonb(f)
"""

USERS = """
WITH events AS (
    SELECT event_key, timestamp, source, user_id, data->'data'->'user' AS u, data->'data'->'engagement' AS g
    FROM processed_events
), attributes AS (
    SELECT DISTINCT ON (source, user_id) source, user_id, timestamp AS attributes_at, event_key AS attributes_key,
           coalesce(u->>'name', u->>'username') AS name, (u->>'age')::float8 AS age, u->>'gender' AS gender,
           u->'location'->>'city' AS city, (u->>'followers')::numeric::bigint AS followers
    FROM events ORDER BY source, user_id, timestamp DESC, event_key DESC
), countries AS (
    SELECT DISTINCT ON (source, user_id) source, user_id, timestamp AS country_at, event_key AS country_key, country
    FROM (SELECT *, CASE source WHEN 'facebook' THEN u->'location'->>'country' ELSE g->>'country' END AS country
          FROM events) e
    WHERE country IS NOT NULL ORDER BY source, user_id, timestamp DESC, event_key DESC
), seen AS (
    SELECT source, user_id, min(timestamp) AS first_seen_at, max(timestamp) AS last_seen_at FROM events GROUP BY 1, 2
), wanted AS (
    SELECT source, user_id, first_seen_at, last_seen_at, attributes_at, attributes_key, name, age, gender, city,
           followers, country_at, country_key, country
    FROM seen JOIN attributes USING (source, user_id) LEFT JOIN countries USING (source, user_id)
), found AS (
    SELECT source, user_id, first_seen_at, last_seen_at, attributes_at, attributes_key, name, age, gender, city,
           followers, country_at, country_key, country
    FROM user_demographics
)
SELECT coalesce(w.user_id, f.user_id), to_jsonb(w), to_jsonb(f)
FROM wanted w FULL JOIN found f USING (source, user_id)
WHERE to_jsonb(w) IS DISTINCT FROM to_jsonb(f)
"""


# Days that were dropped may have held a user's first event, or the last one that named a country.
USERS_RETAINED = USERS.replace("FULL JOIN found", "LEFT JOIN found").replace(
    "WHERE to_jsonb(w) IS DISTINCT FROM to_jsonb(f)",
    "WHERE to_jsonb(w) - '{first_seen_at,country_at,country_key,country}'::text[] IS DISTINCT FROM"
    " to_jsonb(f) - '{first_seen_at,country_at,country_key,country}'::text[] OR f.first_seen_at > w.first_seen_at")


def differences(query, retained_from=None):
    """(what differs, the rows) for each derived table that does not equal its recount."""
    users = USERS_RETAINED if retained_from else USERS
    for name, sql in (("revenue_transactions", REVENUE), ("user_demographics", users)):
        rows = query(sql)
        if rows:
            yield f"{len(rows)} rows of {name} differ from a recount", rows
    yield from rollup_differences(query)
