/*
 * Who was active in a range, as sets of users: bitmaps of user_activity for its whole days and
 * hours, and of the users of the events at its ends.
 *
 * To find the number of each user of an end takes longer than all else. But most of them were
 * active in the whole buckets as well: the bitmaps of the hours that the ends are part of tell who
 * was not, and when they are few, only they are looked for in the events.
 */
#pragma once

#include "store/report_query.h"

#define REPORT_OF_STAGE(stage) "FILTER (WHERE funnel_stage = '" stage "')"
#define REPORT_SETS(users)                                                                         \
    "coalesce(bit_or(" users                                                                       \
    ") " REPORT_OF_STAGE("top") ", no_users()) AS top,"                                            \
                                " coalesce(bit_or(" users                                          \
                                ") " REPORT_OF_STAGE("bottom") ", no_users()) AS bottom"
#define REPORT_AT_ENDS                                                                             \
    "e.timestamp >= p.lo AND e.timestamp < p.hi AND e.timestamp >= " REPORT_RETAINED_FROM          \
    " AND ($4::text IS NULL OR e.source = $4)"

/* Of whole days and hours. */
#define REPORT_ACTIVE_BUCKETS                                                                      \
    "SELECT c.source, c.chunk, " REPORT_SETS(                                                      \
        "users") " FROM pieces p"                                                                  \
                 " JOIN user_activity c ON " REPORT_IN_PIECE                                       \
                 " AND c.bucket >= " REPORT_RETAINED_FROM                                          \
                 " WHERE ($4::text IS NULL OR c.source = $4) GROUP BY c.source, c.chunk"

/* Of the hours that the ends are part of, those who are not in whole buckets. */
#define REPORT_ACTIVE_HOURS                                                                        \
    "SELECT c.source, c.chunk, " REPORT_SETS(                                                      \
        "users") " FROM ends p JOIN user_activity c"                                               \
                 " ON c.grain = 60 AND c.bucket > p.lo - interval '1 hour' AND c.bucket < p.hi"    \
                 " AND c.bucket >= " REPORT_RETAINED_FROM                                          \
                 " WHERE ($4::text IS NULL OR c.source = $4) GROUP BY c.source, c.chunk"
#define REPORT_ACTIVE_REST                                                                         \
    "SELECT source, chunk, h.top & ~coalesce(w.top, no_users()) AS top,"                           \
    " h.bottom & ~coalesce(w.bottom, no_users()) AS bottom,"                                       \
    " bit_count(h.top | h.bottom) AS users"                                                        \
    " FROM (" REPORT_ACTIVE_HOURS ") h LEFT JOIN whole w USING (source, chunk)"

/* By name: the bits are looked for 128 at a time. OFFSET 0 keeps names from being looked up
 * before it is known whose. */
#define REPORT_ACTIVE_NAMED                                                                        \
    "SELECT b.source, b.chunk, b.bit, u.user_id FROM (SELECT source, chunk, bit"                   \
    " FROM (SELECT source, chunk, top | bottom AS users FROM rest WHERE (SELECT few FROM sizes)"   \
    " OFFSET 0) r CROSS JOIN LATERAL (SELECT k FROM generate_series(0, 8064, 128) AS k"            \
    " WHERE substring(r.users FROM k + 1 FOR 128) <> 0::bit(128) OFFSET 0) k"                      \
    " CROSS JOIN LATERAL (SELECT bit FROM generate_series(k, k + 127) AS bit"                      \
    " WHERE get_bit(r.users, bit) = 1 OFFSET 0) bit) b"                                            \
    " CROSS JOIN LATERAL (SELECT user_id FROM user_demographics u"                                 \
    " WHERE u.source = b.source AND u.user_no = b.chunk * 8192 + b.bit OFFSET 0) u"
#define REPORT_ACTIVE_FEW                                                                          \
    "SELECT n.source, n.chunk, " REPORT_SETS(                                                      \
        "set_bit(no_users(), n.bit, 1)") " FROM"                                                   \
                                         " (SELECT e.source, e.user_id, e.funnel_stage FROM ends " \
                                         "p JOIN processed_events e"                               \
                                         " ON " REPORT_AT_ENDS                                     \
                                         " WHERE (SELECT few FROM sizes) OFFSET 0) e"              \
                                         " JOIN named n ON n.source = e.source AND n.user_id = "   \
                                         "e.user_id GROUP BY n.source, n.chunk"

/* All of them, when it would be most of them anyway. */
#define REPORT_ACTIVE_MANY                                                                         \
    "SELECT e.source, u.user_no >> 13, " REPORT_SETS(                                              \
        "set_bit(no_users(), u.user_no & 8191, 1)") " FROM (SELECT DISTINCT e.source, "            \
                                                    "e.funnel_stage, e.user_id FROM ends p"        \
                                                    " JOIN processed_events e ON " REPORT_AT_ENDS  \
                                                    " WHERE NOT (SELECT few FROM sizes)) e"        \
                                                    " CROSS JOIN LATERAL (SELECT user_no FROM "    \
                                                    "user_demographics u"                          \
                                                    " WHERE u.source = e.source AND u.user_id = "  \
                                                    "e.user_id OFFSET 0) u"                        \
                                                    " WHERE u.user_no IS NOT NULL GROUP BY "       \
                                                    "e.source, u.user_no >> 13"

/* Common table expressions; $1 to $3 are pieces of report_grains_cubes, $4 is the source.
 * The last one is sets (source, chunk, top, bottom), one row a chunk. Each part is grouped
 * by itself: sorting all bitmaps would take longer than all else. */
#define REPORT_ACTIVITY                                                                            \
    "pieces AS (SELECT * FROM " REPORT_PIECES                                                      \
    "), ends AS (SELECT lo, hi FROM pieces WHERE grain = 0), whole AS MATERIALIZED "               \
    "(" REPORT_ACTIVE_BUCKETS "), rest AS MATERIALIZED (" REPORT_ACTIVE_REST                       \
    "), sizes AS MATERIALIZED (SELECT sum(bit_count(top | bottom)) * 4 < sum(users) AS few FROM "  \
    "rest),"                                                                                       \
    " named AS MATERIALIZED (" REPORT_ACTIVE_NAMED "), activity AS (SELECT * FROM whole"           \
    " UNION ALL " REPORT_ACTIVE_FEW " UNION ALL " REPORT_ACTIVE_MANY                               \
    "), sets AS (SELECT source, chunk, bit_or(top) AS top, bit_or(bottom) AS bottom"               \
    " FROM activity GROUP BY source, chunk)"
