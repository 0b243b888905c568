-- user_demographics: users that need another number, and those that were never listed
SELECT format('%s %s: %s', source, to_json(user_id),
              CASE WHEN user_no IS NULL OR user_no < 0 THEN 'has no number'
                   WHEN place > 1 THEN format('has the number of another, %s', user_no)
                   WHEN relist THEN 'is to be listed'
                   ELSE format('has a number, %s, that is not given out yet', user_no) END) AS name,
       source, user_id, user_no, (user_no IS NULL OR user_no < 0 OR place > 1) AS renumber
FROM (
    SELECT source, user_id, user_no, relist, next_no,
           row_number() OVER (PARTITION BY source, user_no ORDER BY first_seen_at, user_id) AS place
    FROM user_demographics LEFT JOIN user_numbers USING (source)
) u
WHERE user_no IS NULL OR user_no < 0 OR place > 1 OR relist OR user_no >= coalesce(next_no, 0)
