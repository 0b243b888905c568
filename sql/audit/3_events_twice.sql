-- events that are stored more than once
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT e.event_key || ', ' || count(*) || ' rows' AS name
    FROM processed_events e
    WHERE $1::text IS NULL OR e.source = $1
    GROUP BY e.event_key
    HAVING count(*) > 1
) d
ORDER BY name LIMIT $2::integer
