-- What was missing when it was counted is missing still, whatever was stored since: writers add to both sides.
SELECT FROM event_counts t JOIN wrong_event_counts w USING (grain, bucket, source, funnel_stage, event_type)
ORDER BY t.grain, t.bucket, t.source, t.funnel_stage, t.event_type FOR UPDATE OF t;

INSERT INTO event_counts AS t (grain, bucket, source, funnel_stage, event_type, events, earliest, latest)
SELECT grain, bucket, source, funnel_stage, event_type, events, earliest, latest
FROM wrong_event_counts WHERE earliest IS NOT NULL
ORDER BY grain, bucket, source, funnel_stage, event_type
ON CONFLICT (grain, bucket, source, funnel_stage, event_type) DO UPDATE SET
    events = t.events + excluded.events, earliest = least(t.earliest, excluded.earliest),
    latest = greatest(t.latest, excluded.latest);

UPDATE event_counts t SET events = t.events + w.events
FROM wrong_event_counts w
WHERE w.earliest IS NULL
  AND (w.grain, w.bucket, w.source, w.funnel_stage, w.event_type)
      = (t.grain, t.bucket, t.source, t.funnel_stage, t.event_type);

DELETE FROM event_counts t USING wrong_event_counts w
WHERE t.events = 0
  AND (w.grain, w.bucket, w.source, w.funnel_stage, w.event_type)
      = (t.grain, t.bucket, t.source, t.funnel_stage, t.event_type);

-- The rows are ours by now: who stores an event of them has done so, or will widen them after us.
UPDATE event_counts t SET earliest = r.earliest, latest = r.latest
FROM wrong_event_counts w, recount_event_counts(current_setting('sluice.day')::date) r
WHERE w.narrow AND (SELECT bool_or(narrow) FROM wrong_event_counts)
  AND (w.grain, w.bucket, w.source, w.funnel_stage, w.event_type)
      = (r.grain, r.bucket, r.source, r.funnel_stage, r.event_type)
  AND (w.grain, w.bucket, w.source, w.funnel_stage, w.event_type)
      = (t.grain, t.bucket, t.source, t.funnel_stage, t.event_type)
