-- As event_counts.
SELECT FROM revenue_totals t JOIN wrong_revenue_totals w USING (grain, bucket, source, currency)
ORDER BY t.grain, t.bucket, t.source, t.currency FOR UPDATE OF t;

INSERT INTO revenue_totals AS t (grain, bucket, source, currency, transactions, amount, earliest, latest)
SELECT grain, bucket, source, currency, transactions, amount, earliest, latest
FROM wrong_revenue_totals WHERE earliest IS NOT NULL
ORDER BY grain, bucket, source, currency
ON CONFLICT (grain, bucket, source, currency) DO UPDATE SET
    transactions = t.transactions + excluded.transactions, amount = t.amount + excluded.amount,
    earliest = least(t.earliest, excluded.earliest), latest = greatest(t.latest, excluded.latest);

UPDATE revenue_totals t SET transactions = t.transactions + w.transactions, amount = t.amount + w.amount
FROM wrong_revenue_totals w
WHERE w.earliest IS NULL AND (w.grain, w.bucket, w.source, w.currency) = (t.grain, t.bucket, t.source, t.currency);

DELETE FROM revenue_totals t USING wrong_revenue_totals w
WHERE t.transactions = 0 AND (w.grain, w.bucket, w.source, w.currency) = (t.grain, t.bucket, t.source, t.currency);

UPDATE revenue_totals t SET earliest = r.earliest, latest = r.latest
FROM wrong_revenue_totals w, recount_revenue_totals(current_setting('sluice.day')::date) r
WHERE w.narrow AND (SELECT bool_or(narrow) FROM wrong_revenue_totals)
  AND (w.grain, w.bucket, w.source, w.currency) = (r.grain, r.bucket, r.source, r.currency)
  AND (w.grain, w.bucket, w.source, w.currency) = (t.grain, t.bucket, t.source, t.currency)
