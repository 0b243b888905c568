-- The deltas may be what is wrong: with them merged, the difference is one of the totals. A merge that is at work holds
-- the lock; those that come keep away.
SELECT pg_advisory_xact_lock(hashtextextended('sluice.cubes', 0));
SELECT merge_cube_deltas();

INSERT INTO cube_totals AS t (cube, grain, bucket, campaign_id, country, event_type, device, currency, source,
                              funnel_stage, events, amount)
SELECT cube, grain, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage, events, amount
FROM wrong_cube_totals
ON CONFLICT (cube, grain, bucket, campaign_id, country, event_type, device, currency, source, funnel_stage)
DO UPDATE SET events = t.events + excluded.events, amount = t.amount + excluded.amount;

DELETE FROM cube_totals t USING wrong_cube_totals w
WHERE t.events = 0 AND t.amount = 0
  AND (w.cube, w.grain, w.bucket, w.campaign_id, w.country, w.event_type, w.device, w.currency, w.source, w.funnel_stage)
      = (t.cube, t.grain, t.bucket, t.campaign_id, t.country, t.event_type, t.device, t.currency, t.source,
         t.funnel_stage)
