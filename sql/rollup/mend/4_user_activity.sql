-- Who was active stays so. Who was not may have become it since: that is looked up once nobody else can set the bits.
SELECT FROM user_activity t JOIN wrong_user_activity w USING (grain, bucket, source, funnel_stage, chunk)
ORDER BY t.grain, t.bucket, t.source, t.funnel_stage, t.chunk FOR UPDATE OF t;

INSERT INTO user_activity AS t (grain, bucket, source, funnel_stage, chunk, users)
SELECT grain, bucket, source, funnel_stage, chunk, missing FROM wrong_user_activity WHERE missing <> no_users()
ORDER BY grain, bucket, source, funnel_stage, chunk
ON CONFLICT (grain, bucket, source, funnel_stage, chunk) DO UPDATE SET users = t.users | excluded.users;

UPDATE user_activity t SET users = t.users & ~(w.surplus & ~coalesce(r.users, no_users()))
FROM wrong_user_activity w
LEFT JOIN recount_user_activity(current_setting('sluice.day')::date) r
    ON (r.grain, r.bucket, r.source, r.funnel_stage, r.chunk) = (w.grain, w.bucket, w.source, w.funnel_stage, w.chunk)
WHERE w.surplus <> no_users() AND (SELECT bool_or(surplus <> no_users()) FROM wrong_user_activity)
  AND (w.grain, w.bucket, w.source, w.funnel_stage, w.chunk)
      = (t.grain, t.bucket, t.source, t.funnel_stage, t.chunk);

DELETE FROM user_activity t USING wrong_user_activity w
WHERE t.users = no_users()
  AND (w.grain, w.bucket, w.source, w.funnel_stage, w.chunk)
      = (t.grain, t.bucket, t.source, t.funnel_stage, t.chunk)
