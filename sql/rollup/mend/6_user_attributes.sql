-- Users may have changed since: with the rows locked, those who did have changed them, or will after us.
INSERT INTO user_attributes (source, attribute, value, chunk, users)
SELECT source, attribute, value, chunk, no_users() FROM wrong_user_attributes ORDER BY 1, 2, 3, 4
ON CONFLICT (source, attribute, value, chunk) DO NOTHING;

SELECT FROM user_attributes t JOIN wrong_user_attributes w USING (source, attribute, value, chunk)
ORDER BY t.source, t.attribute, t.value, t.chunk FOR UPDATE OF t;

WITH must AS (
    SELECT source, v[i] AS attribute, v[i + 1] AS value, user_no >> 13 AS chunk,
           bit_or(set_bit(no_users(), user_no & 8191, 1)) AS users
    FROM (SELECT source, user_no, demographic_values(source, age, gender, country, city, followers) AS v
          FROM user_demographics
          WHERE user_no >= 0 AND (source, user_no >> 13) IN (SELECT source, chunk FROM wrong_user_attributes)) u,
         generate_series(1, array_length(v, 1), 2) AS i
    WHERE v[i + 1] IS NOT NULL
    GROUP BY 1, 2, 3, 4
)
UPDATE user_attributes t SET users = (t.users & ~w.wrong) | (coalesce(m.users, no_users()) & w.wrong)
FROM wrong_user_attributes w
LEFT JOIN must m USING (source, attribute, value, chunk)
WHERE (t.source, t.attribute, t.value, t.chunk) = (w.source, w.attribute, w.value, w.chunk)
