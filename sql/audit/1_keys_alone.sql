-- keys without their event row
--
-- A key does not say whose it is: only an audit of all sources asks.
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT k.event_key || ' of ' || k.event_day AS name
    FROM event_keys k
    WHERE $1::text IS NULL
      AND k.event_day >= ((SELECT retained_from FROM retention) AT TIME ZONE 'UTC')::date
      AND NOT EXISTS (SELECT FROM processed_events e WHERE e.event_key = k.event_key)
) d
ORDER BY name LIMIT $2::integer
