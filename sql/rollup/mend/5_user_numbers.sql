-- Users before their numbers, as the writers lock them.
SELECT FROM user_demographics u JOIN wrong_user_numbers w USING (source, user_id)
ORDER BY u.source, u.user_id FOR UPDATE OF u;

INSERT INTO user_numbers AS n (source, next_no)
SELECT source, greatest(max(user_no) + 1, 0) FROM user_demographics GROUP BY source ORDER BY source
ON CONFLICT (source) DO UPDATE SET next_no = greatest(n.next_no, excluded.next_no);

-- Whom another has numbered since keeps that. Not to be listed: user_attributes is mended next.
WITH users AS (
    SELECT source, user_id, w.user_no, row_number() OVER (PARTITION BY source ORDER BY user_id)::integer AS place
    FROM wrong_user_numbers w WHERE renumber
), taken AS (
    UPDATE user_numbers n SET next_no = n.next_no + c.users
    FROM (SELECT source, count(*)::integer AS users FROM users GROUP BY source) c
    WHERE n.source = c.source
    RETURNING n.source, n.next_no - c.users AS first
)
UPDATE user_demographics u SET user_no = t.first + users.place - 1
FROM users JOIN taken t USING (source)
WHERE (u.source, u.user_id) = (users.source, users.user_id) AND u.user_no IS NOT DISTINCT FROM users.user_no;

UPDATE user_demographics u SET relist = false, listed = NULL
FROM wrong_user_numbers w WHERE (u.source, u.user_id) = (w.source, w.user_id) AND u.relist
