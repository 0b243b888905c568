-- users whose first and last event are not what the events say, missing users included
--
-- Of a user who was seen before retained_from the first event may be gone.
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT coalesce(u.source, e.source) || ' ' || coalesce(u.user_id, e.user_id) AS name
    FROM (
        SELECT * FROM user_demographics WHERE $1::text IS NULL OR source = $1
    ) u
    FULL JOIN (
        SELECT source, user_id, min(timestamp) AS first_at, max(timestamp) AS last_at
        FROM processed_events
        WHERE ($1::text IS NULL OR source = $1) AND timestamp >= (SELECT retained_from FROM retention)
        GROUP BY source, user_id
    ) e USING (source, user_id)
    WHERE CASE
              WHEN u.first_seen_at IS NULL THEN true
              WHEN e.first_at IS NULL THEN u.last_seen_at >= (SELECT retained_from FROM retention)
              ELSE u.last_seen_at <> e.last_at
                  OR u.first_seen_at > e.first_at
                  OR (u.first_seen_at < e.first_at
                      AND u.first_seen_at >= (SELECT retained_from FROM retention))
          END
) d
ORDER BY name LIMIT $2::integer
