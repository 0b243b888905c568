-- The UTC days, from $1 to $2 (null = no bound), of which there are events or rollups, but for those that were given up.
WITH days AS (
    SELECT to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') AS day
    FROM pg_inherits WHERE inhparent = 'processed_events'::regclass
    UNION SELECT (timestamp AT TIME ZONE 'UTC')::date FROM revenue_transactions
    UNION SELECT (bucket AT TIME ZONE 'UTC')::date FROM event_counts
    UNION SELECT (bucket AT TIME ZONE 'UTC')::date FROM revenue_totals
    UNION SELECT (bucket AT TIME ZONE 'UTC')::date FROM cube_totals
    UNION SELECT (bucket AT TIME ZONE 'UTC')::date FROM cube_deltas
    UNION SELECT (bucket AT TIME ZONE 'UTC')::date FROM user_activity
)
SELECT to_char(day, 'YYYY-MM-DD')
FROM days, retention
WHERE utc_day(day) >= retained_from
  AND ($1::date IS NULL OR day >= $1::date)
  AND ($2::date IS NULL OR day <= $2::date)
ORDER BY day
