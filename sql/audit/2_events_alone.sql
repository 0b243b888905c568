-- event rows without their key, or with one of another day
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT e.source || ' ' || e.event_id || ' of ' || e.timestamp AS name
    FROM processed_events e
    WHERE ($1::text IS NULL OR e.source = $1)
      AND e.timestamp >= (SELECT retained_from FROM retention)
      AND NOT EXISTS (SELECT FROM event_keys k
                      WHERE k.event_key = e.event_key
                        AND k.event_day = (e.timestamp AT TIME ZONE 'UTC')::date)
) d
ORDER BY name LIMIT $2::integer
