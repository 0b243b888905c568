-- revenue rows that are not what the events say, missing ones included
--
-- The text of an event is parsed only where it may hold an amount (a key may be written with escapes).
SELECT count(*) OVER () AS differing, name
FROM (
    SELECT coalesce(r.source, e.source) || ' ' || coalesce(r.event_id, e.event_id) AS name
    FROM (
        SELECT *
        FROM revenue_transactions
        WHERE ($1::text IS NULL OR source = $1) AND timestamp >= (SELECT retained_from FROM retention)
    ) r
    FULL JOIN (
        SELECT *, data #>> '{data,engagement,purchaseAmount}' AS amount,
               coalesce(upper(data #>> '{data,engagement,currency}'), 'USD') AS currency
        FROM processed_events
        WHERE ($1::text IS NULL OR source = $1)
          AND timestamp >= (SELECT retained_from FROM retention)
          AND (event_type IN ('checkout.complete', 'purchase')
               OR ((strpos(data::text, 'purchaseAmount') > 0 OR strpos(data::text, '\u') > 0)
                   AND data #>> '{data,engagement,purchaseAmount}' IS NOT NULL))
    ) e USING (event_key)
    WHERE (r.timestamp, r.event_id, r.source, r.event_type, r.user_id, r.campaign_id, r.currency, r.amount)
          IS DISTINCT FROM
          (e.timestamp, e.event_id, e.source, e.event_type, e.user_id, e.campaign_id, e.currency,
           CASE WHEN e.event_key IS NOT NULL THEN coalesce(e.amount::numeric, 0) END)
) d
ORDER BY name LIMIT $2::integer
