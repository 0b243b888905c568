-- users whose country is not that of their newest event with one
--
-- CASE keeps the order: few events are newer than the country, and only these are parsed.
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT u.source || ' ' || u.user_id AS name
    FROM user_demographics u
    LEFT JOIN processed_events e
        ON e.event_key = u.country_key AND e.source = u.source AND e.user_id = u.user_id
    WHERE ($1::text IS NULL OR u.source = $1)
      AND u.country_at >= (SELECT retained_from FROM retention)
      AND (u.country_at, u.country)
          IS DISTINCT FROM
          (e.timestamp,
           e.data #>> CASE e.source WHEN 'facebook' THEN '{data,user,location,country}'
                                    ELSE '{data,engagement,country}' END::text[])
    UNION
    SELECT u.source || ' ' || u.user_id
    FROM user_demographics u
    JOIN processed_events e USING (source, user_id)
    WHERE ($1::text IS NULL OR u.source = $1)
      AND CASE
              WHEN (e.timestamp, e.event_key) <= (u.country_at, u.country_key) THEN false
              WHEN strpos(e.data::text, 'country') = 0 AND strpos(e.data::text, '\u') = 0 THEN false
              ELSE e.data #>> CASE e.source WHEN 'facebook' THEN '{data,user,location,country}'
                                            ELSE '{data,engagement,country}' END::text[] IS NOT NULL
          END
) d
ORDER BY name LIMIT $2::integer
