-- revenue_totals: `transactions` and `amount` are missing (or too much: < 0); narrow: as in event_counts
SELECT format('%s, %s min, %s %s: has %s (%s) from %s to %s, must have %s (%s) from %s to %s', bucket, grain, source,
              to_json(currency), coalesce(h.transactions, 0), h.amount, h.earliest, h.latest,
              coalesce(m.transactions, 0), m.amount, m.earliest, m.latest) AS name,
       grain, bucket, source, currency, coalesce(m.transactions, 0) - coalesce(h.transactions, 0) AS transactions,
       coalesce(m.amount, 0) - coalesce(h.amount, 0) AS amount, m.earliest, m.latest,
       m.transactions IS NULL OR coalesce(h.earliest < m.earliest OR h.latest > m.latest, false) AS narrow
FROM recount_revenue_totals(current_setting('sluice.day')::date) m
FULL JOIN (
    SELECT * FROM revenue_totals
    WHERE bucket >= utc_day(current_setting('sluice.day')::date)
      AND bucket < utc_day(current_setting('sluice.day')::date + 1)
) h USING (grain, bucket, source, currency)
WHERE (m.transactions, m.amount, m.earliest, m.latest)
      IS DISTINCT FROM (h.transactions, h.amount, h.earliest, h.latest)
