-- Users that are known are found by their number: a narrow index, in whose order their rows lie as well. And nearly
-- every event repeats what is known of its user: a hash tells so without a look at the attributes themselves.

CREATE INDEX user_demographics_number_idx ON user_demographics (source, user_no);

ALTER TABLE user_demographics ADD COLUMN attributes_hash bigint;
COMMENT ON COLUMN user_demographics.attributes_hash IS
    'A hash of name, age, gender, city and followers, the collectors'' own; NULL when an older version wrote them';
