/*
 * Who was active in a range, as sets of users: bitmaps of user_activity for its whole days and
 * hours, and of the users of the events at its ends.
 */
#pragma once

#include "store/report_query.h"

#define REPORT_TOP "FILTER (WHERE funnel_stage = 'top') AS top"
#define REPORT_BOTTOM "FILTER (WHERE funnel_stage = 'bottom') AS bottom"
#define REPORT_ONE_USER "bit_or(set_bit(no_users(), u.user_no & 8191, 1))"

/* Of whole days and hours. */
#define REPORT_ACTIVE_BUCKETS                                                                      \
    "SELECT c.source, c.chunk, bit_or(users) " REPORT_TOP ", bit_or(users) " REPORT_BOTTOM         \
    " FROM pieces p JOIN user_activity c ON " REPORT_IN_PIECE                                      \
    " AND c.bucket >= " REPORT_RETAINED_FROM                                                       \
    " WHERE ($4::text IS NULL OR c.source = $4) GROUP BY c.source, c.chunk"

/* Of the ends. The numbers of users are looked up one by one (OFFSET 0 sees to that): there are
 * few, and the planner does not know. */
#define REPORT_ACTIVE_ENDS                                                                         \
    "SELECT e.source, u.user_no >> 13, " REPORT_ONE_USER " " REPORT_TOP ", " REPORT_ONE_USER       \
    " " REPORT_BOTTOM " FROM (SELECT DISTINCT e.source, e.funnel_stage, e.user_id FROM pieces p"   \
    " JOIN processed_events e ON p.grain = 0 AND e.timestamp >= p.lo AND e.timestamp < p.hi"       \
    " AND e.timestamp >= " REPORT_RETAINED_FROM " WHERE ($4::text IS NULL OR e.source = $4)) e"    \
    " CROSS JOIN LATERAL (SELECT user_no FROM user_demographics u"                                 \
    " WHERE u.source = e.source AND u.user_id = e.user_id OFFSET 0) u"                             \
    " WHERE u.user_no IS NOT NULL GROUP BY e.source, u.user_no >> 13"

/* Common table expressions; $1 to $3 are pieces of report_grains_cubes, $4 is the source. The last
 * one is sets (source, chunk, top, bottom), one row a chunk. Both parts are grouped by themselves:
 * sorting all bitmaps would take longer than all else. */
#define REPORT_ACTIVITY                                                                            \
    "pieces AS (SELECT * FROM " REPORT_PIECES "), activity AS (" REPORT_ACTIVE_BUCKETS             \
    " UNION ALL " REPORT_ACTIVE_ENDS                                                               \
    "), sets AS (SELECT source, chunk, coalesce(bit_or(top), no_users()) AS top,"                  \
    " coalesce(bit_or(bottom), no_users()) AS bottom FROM activity GROUP BY source, chunk)"
