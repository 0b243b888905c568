-- user_activity: users whose bits are missing, users whose bits should not be there
SELECT format('%s, %s min, %s %s, chunk %s: %s users are missing, %s too many', bucket, grain, source, funnel_stage,
              chunk, bit_count(missing), bit_count(surplus)) AS name,
       grain, bucket, source, funnel_stage, chunk, missing, surplus
FROM (
    SELECT grain, bucket, source, funnel_stage, chunk,
           coalesce(m.users, no_users()) & ~coalesce(h.users, no_users()) AS missing,
           coalesce(h.users, no_users()) & ~coalesce(m.users, no_users()) AS surplus
    FROM (
        -- Users without a number are a difference of the numbers.
        SELECT * FROM recount_user_activity(current_setting('sluice.day')::date) WHERE chunk IS NOT NULL
    ) m
    FULL JOIN (
        SELECT * FROM user_activity
        WHERE bucket >= utc_day(current_setting('sluice.day')::date)
          AND bucket < utc_day(current_setting('sluice.day')::date + 1)
    ) h USING (grain, bucket, source, funnel_stage, chunk)
    WHERE m.users IS DISTINCT FROM h.users
) d
