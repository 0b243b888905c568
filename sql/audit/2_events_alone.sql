-- event rows without their key, or with one of another day
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT e.source || ' ' || e.event_id || ' of ' || e.timestamp AS name
    FROM processed_events e
    LEFT JOIN event_keys k USING (event_key)
    WHERE ($1::text IS NULL OR e.source = $1)
      AND e.timestamp >= (SELECT retained_from FROM retention)
      AND k.event_day IS DISTINCT FROM (e.timestamp AT TIME ZONE 'UTC')::date
) d
ORDER BY name LIMIT $2::integer
