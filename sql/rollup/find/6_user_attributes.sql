-- user_attributes: bits that are not what the users' values say
SELECT format('%s %s %s, chunk %s: %s users are missing, %s too many', source, attribute, to_json(value), chunk,
              bit_count(wrong & must), bit_count(wrong & ~must)) AS name,
       source, attribute, value, chunk, wrong
FROM (
    SELECT source, attribute, value, chunk, coalesce(m.users, no_users()) AS must,
           coalesce(m.users, no_users()) # coalesce(h.users, no_users()) AS wrong
    FROM (
        SELECT source, v[i] COLLATE "C" AS attribute, v[i + 1] COLLATE "C" AS value, user_no >> 13 AS chunk,
               bit_or(set_bit(no_users(), user_no & 8191, 1)) AS users
        FROM (SELECT source, user_no, demographic_values(source, age, gender, country, city, followers) AS v
              FROM user_demographics WHERE user_no >= 0) u,
             generate_series(1, array_length(v, 1), 2) AS i
        WHERE v[i + 1] IS NOT NULL
        GROUP BY 1, 2, 3, 4
    ) m
    FULL JOIN (SELECT * FROM user_attributes WHERE users <> no_users()) h USING (source, attribute, value, chunk)
    WHERE m.users IS DISTINCT FROM h.users
) d
