-- A UTC day of events for `sluice bench reports`, as the collectors would have stored them: the ids ev-:first to
-- ev-:last, of :users users a source and :campaigns campaigns, and what the rollups must be then.
SET synchronous_commit = off;
SET work_mem = '256MB';
SET temp_buffers = '256MB';
SELECT ensure_events_partition(:'day');
SELECT setseed(:seed);

CREATE TEMP TABLE drawn AS
SELECT i, t, u, source, stage, id,
       encode(substr(sha256(convert_to(source, 'UTF8') || '\x00' || convert_to(id, 'UTF8')), 1, 16), 'hex')::uuid AS key,
       CASE WHEN source = 'facebook' AND stage = 'top' THEN (ARRAY['ad.view', 'page.like', 'comment', 'video.view'])[1 + pick % 4]
            WHEN source = 'facebook' THEN (ARRAY['ad.click', 'form.submission', 'checkout.complete'])[1 + pick % 3]
            WHEN stage = 'top' THEN (ARRAY['video.view', 'like', 'share', 'comment'])[1 + pick % 4]
            ELSE (ARRAY['profile.visit', 'purchase', 'follow'])[1 + pick % 3] END AS type,
       CASE WHEN source = 'facebook' AND stage = 'bottom' THEN 'campaign-' || lpad((pick / 12 % :campaigns)::text, 4, '0') END
           AS campaign,
       CASE WHEN source = 'facebook' THEN (ARRAY['mobile', 'desktop'])[1 + i / 2 % 2]
            ELSE (ARRAY['Android', 'iOS', 'Desktop'])[1 + i / 2 % 3] END AS device,
       CASE WHEN i / 2 % 5 = 0 THEN 'EUR' ELSE 'USD' END AS currency,
       (i % 999) || '.50' AS amount
FROM (SELECT i, 'ev-' || i AS id, utc_day(:'day') + random() * interval '86399.999999 s' AS t,
             CASE WHEN i % 2 = 0 THEN 'facebook' ELSE 'tiktok' END AS source,
             CASE WHEN random() < 0.5 THEN 'top' ELSE 'bottom' END AS stage,
             floor(random() * :users)::integer AS u, floor(random() * 12 * :campaigns)::integer AS pick
      FROM generate_series(:first, :last) i) x
ORDER BY t;

INSERT INTO processed_events (event_key, timestamp, received_at, event_id, source, funnel_stage, event_type, user_id,
                              campaign_id, correlation_id, data)
SELECT key, t, t, id, source, stage, type, 'user-' || u, campaign, 'bench-' || i / 1000,
       json_build_object(
           'eventId', id, 'timestamp', t, 'source', source, 'funnelStage', stage, 'eventType', type, 'data',
           json_build_object('user', person, 'engagement', engagement))
FROM drawn,
     LATERAL (SELECT CASE source
         WHEN 'facebook' THEN json_build_object(
             'userId', 'user-' || u, 'name', 'Ada Lovelace', 'age', 13 + u % 68,
             'gender', (ARRAY['female', 'male', 'non-binary'])[1 + u % 3],
             'location', json_build_object(
                 'country', (ARRAY['Brazil', 'France', 'Germany', 'India', 'Japan', 'Nepal', 'Nigeria', 'Poland', 'Spain',
                                   'Ukraine', 'United States'])[1 + u % 11],
                 'city', (ARRAY['Recife', 'Paris', 'Berlin', 'Pune', 'Osaka', 'Kathmandu', 'Lagos', 'Lodz', 'Madrid',
                                'Kyiv', 'Reno'])[1 + u % 11]))
         ELSE json_build_object('userId', 'user-' || u, 'username', 'Ada Lovelace',
                                'followers', u::bigint * 7919 % 5000000) END AS person) AS p,
     LATERAL (SELECT CASE
         WHEN source = 'facebook' AND stage = 'top' THEN json_build_object(
             'actionTime', t, 'referrer', 'newsfeed', 'videoId', 'v-' || i % 1000)
         WHEN source = 'facebook' THEN json_build_object(
             'adId', 'ad-' || i % 1000, 'campaignId', campaign, 'clickPosition', 'center', 'device', device,
             'browser', 'Chrome', 'purchaseAmount', CASE type WHEN 'checkout.complete' THEN amount END,
             'currency', currency)
         WHEN stage = 'top' THEN json_build_object(
             'watchTime', i % 60, 'percentageWatched', i % 100, 'device', device,
             'country', (ARRAY['Brazil', 'France', 'Germany', 'India', 'Japan', 'Nepal', 'Nigeria', 'Poland', 'Spain',
                               'Ukraine', 'United States'])[1 + u % 11],
             'videoId', 'v-' || i % 1000)
         ELSE json_build_object(
             'actionTime', t, 'profileId', 'p-' || i % 1000, 'purchasedItem', CASE type WHEN 'purchase' THEN 'item' END,
             'purchaseAmount', CASE type WHEN 'purchase' THEN amount END, 'currency', currency) END AS engagement) AS e
ORDER BY t;

INSERT INTO event_keys (event_key, digest, event_day, stored_day, event_at)
SELECT key, 0, :'day', :'day', t FROM drawn;

INSERT INTO revenue_transactions (event_key, timestamp, event_id, source, event_type, user_id, campaign_id, currency,
                                  amount)
SELECT key, t, id, source, type, 'user-' || u, campaign, currency, amount::numeric
FROM drawn WHERE type IN ('checkout.complete', 'purchase') ORDER BY t;

SELECT format('ANALYZE processed_events_%s', to_char(date :'day', 'YYYYMMDD')) \gexec
ANALYZE revenue_transactions;

-- recount_NAME(day) says what the table NAME must hold of a day.
SELECT format('INSERT INTO %I SELECT * FROM %I(%L)', substr(proname, length('recount_') + 1), proname, :'day')
FROM pg_proc WHERE proname LIKE 'recount\_%' ORDER BY proname \gexec
