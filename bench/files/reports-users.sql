-- Users of both sources for the reports that `sluice bench reports` measures: number :first to :last of each. What a
-- user is follows from the number. Seen from :from to :to.
SET synchronous_commit = off;

INSERT INTO user_demographics (attributes_key, country_key, first_seen_at, last_seen_at, attributes_at, country_at, age,
                               followers, source, user_id, name, gender, country, city, user_no)
SELECT '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000', :'from', :'to', :'to', :'to',
       CASE source WHEN 'facebook' THEN 13 + u % 68 END, CASE source WHEN 'tiktok' THEN u::bigint * 7919 % 5000000 END,
       source, 'user-' || u, 'Ada Lovelace',
       CASE source WHEN 'facebook' THEN (ARRAY['female', 'male', 'non-binary'])[1 + u % 3] END,
       (ARRAY['Brazil', 'France', 'Germany', 'India', 'Japan', 'Nepal', 'Nigeria', 'Poland', 'Spain', 'Ukraine',
              'United States'])[1 + u % 11],
       CASE source WHEN 'facebook' THEN (ARRAY['Recife', 'Paris', 'Berlin', 'Pune', 'Osaka', 'Kathmandu', 'Lagos',
                                               'Lodz', 'Madrid', 'Kyiv', 'Reno'])[1 + u % 11] END,
       u
FROM generate_series(:first, :last) u, unnest(ARRAY['facebook', 'tiktok']) source;

SELECT relist_users(array_agg(source), array_agg(user_id))
FROM user_demographics WHERE user_no BETWEEN :first AND :last;

INSERT INTO user_numbers AS n (source, next_no) VALUES ('facebook', :last + 1), ('tiktok', :last + 1)
ON CONFLICT (source) DO UPDATE SET next_no = greatest(n.next_no, excluded.next_no);
