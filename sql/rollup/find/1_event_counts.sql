-- event_counts: `events` are missing (or too many: < 0); narrow: the bounds are too wide, or no row must be there
SELECT format('%s, %s min, %s %s %s: has %s from %s to %s, must have %s from %s to %s', bucket, grain, source,
              funnel_stage, event_type, coalesce(h.events, 0), h.earliest, h.latest, coalesce(m.events, 0), m.earliest,
              m.latest) AS name,
       grain, bucket, source, funnel_stage, event_type, coalesce(m.events, 0) - coalesce(h.events, 0) AS events,
       m.earliest, m.latest,
       m.events IS NULL OR coalesce(h.earliest < m.earliest OR h.latest > m.latest, false) AS narrow
FROM recount_event_counts(current_setting('sluice.day')::date) m
FULL JOIN (
    SELECT * FROM event_counts
    WHERE bucket >= utc_day(current_setting('sluice.day')::date)
      AND bucket < utc_day(current_setting('sluice.day')::date + 1)
) h USING (grain, bucket, source, funnel_stage, event_type)
WHERE (m.events, m.earliest, m.latest) IS DISTINCT FROM (h.events, h.earliest, h.latest)
