-- Users that are known are found by their number: a narrow index, in whose order their rows lie as well. And nearly
-- every event repeats what is known of its user: a hash tells so without a look at the attributes themselves.

-- Room for the versions of a row that come before the first of them can be cleared away: with 75 a quarter of the
-- updates found their page full and went into both indexes as well.
ALTER TABLE user_demographics SET (fillfactor = 50);

CREATE INDEX user_demographics_number_idx ON user_demographics (source, user_no);

ALTER TABLE user_demographics ADD COLUMN attributes_hash bigint;
COMMENT ON COLUMN user_demographics.attributes_hash IS
    'A hash of name, age, gender, city and followers, the collectors'' own; NULL when an older version wrote them';
