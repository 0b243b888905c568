-- cube_cells: `events` and `amount` are missing (or too much: < 0)
SELECT concat_ws(' ', cube, bucket, grain, 'min', source, nullif(funnel_stage, ''), nullif(event_type, ''),
                 'campaign ' || to_json(nullif(campaign_id, ''))::text, 'country ' || to_json(nullif(country, ''))::text,
                 'device ' || to_json(nullif(device, ''))::text, to_json(nullif(currency, ''))::text)
       || format(': has %s (%s), must have %s (%s)', coalesce(h.events, 0), h.amount, coalesce(m.events, 0), m.amount)
       AS name,
       grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency,
       coalesce(m.events, 0) - coalesce(h.events, 0) AS events, coalesce(m.amount, 0) - coalesce(h.amount, 0) AS amount
FROM recount_cube_totals(current_setting('sluice.day')::date) m
FULL JOIN (
    SELECT grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency,
           sum(events)::bigint AS events, sum(amount) AS amount
    FROM cube_cells
    WHERE bucket >= utc_day(current_setting('sluice.day')::date)
      AND bucket < utc_day(current_setting('sluice.day')::date + 1)
    GROUP BY grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency
) h USING (grain, bucket, cube, source, funnel_stage, event_type, campaign_id, country, device, currency)
WHERE (m.events, m.amount) IS DISTINCT FROM (h.events, h.amount)
