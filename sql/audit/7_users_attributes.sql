-- users whose attributes are not those of their newest event
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT u.source || ' ' || u.user_id AS name
    FROM user_demographics u
    LEFT JOIN processed_events e
        ON e.event_key = u.attributes_key AND e.source = u.source AND e.user_id = u.user_id
    WHERE ($1::text IS NULL OR u.source = $1)
      AND u.attributes_at >= (SELECT retained_from FROM retention)
      AND (u.attributes_at, u.name, u.age, u.gender, u.city, u.followers)
          IS DISTINCT FROM
          (e.timestamp,
           e.data #>> CASE e.source WHEN 'facebook' THEN '{data,user,name}' ELSE '{data,user,username}' END::text[],
           CASE e.source WHEN 'facebook' THEN (e.data #>> '{data,user,age}')::float8 END,
           CASE e.source WHEN 'facebook' THEN e.data #>> '{data,user,gender}' END,
           CASE e.source WHEN 'facebook' THEN e.data #>> '{data,user,location,city}' END,
           CASE e.source WHEN 'tiktok' THEN (e.data #>> '{data,user,followers}')::numeric::bigint END)
    UNION
    SELECT u.source || ' ' || u.user_id
    FROM user_demographics u
    JOIN processed_events e USING (source, user_id)
    WHERE ($1::text IS NULL OR u.source = $1)
      AND (e.timestamp, e.event_key) > (u.attributes_at, u.attributes_key)
) d
ORDER BY name LIMIT $2::integer
