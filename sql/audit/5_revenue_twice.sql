-- revenue rows that are there more than once
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT event_key || ', ' || count(*) || ' rows' AS name
    FROM revenue_transactions
    WHERE $1::text IS NULL OR source = $1
    GROUP BY event_key
    HAVING count(*) > 1
) d
ORDER BY name LIMIT $2::integer
