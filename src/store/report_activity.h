/*
 * Who was active in a range, as sets of users: bitmaps of user_activity for its whole days and
 * hours, and of the users of the events at its ends.
 */
#pragma once

#include "store/report_query.h"

#define REPORT_USERS_OF(users, stage) "bit_or(" users ") FILTER (WHERE funnel_stage = '" stage "')"
#define REPORT_ONE_USER "set_bit(no_users(), u.user_no & 8191, 1)"

/* Common table expressions; $1 to $3 are pieces of report_grains_cubes, $4 is the source. The last
 * one is sets (source, chunk, top, bottom), one row a chunk. Both parts are grouped by themselves:
 * sorting all bitmaps would take longer than all else. The numbers of users are looked up one by
 * one (OFFSET 0 sees to that): at the ends there are few, and the planner does not know. */
#define REPORT_ACTIVITY                                                                                                 \
    "pieces AS (SELECT * FROM " REPORT_PIECES "),"                                                                      \
    " activity AS (SELECT c.source, c.chunk, " REPORT_USERS_OF(                                                         \
        "users",                                                                                                        \
        "top") " AS top, " REPORT_USERS_OF("users",                                                                     \
                                           "bottom") " AS bottom"                                                       \
                                                     " FROM pieces p JOIN user_activity c "                             \
                                                     "ON " REPORT_IN_PIECE                                              \
                                                     " AND c.bucket >= " REPORT_RETAINED_FROM                           \
                                                     " WHERE ($4::text IS NULL OR c.source = $4) "                      \
                                                     "GROUP BY c.source, c.chunk"                                       \
                                                     " UNION ALL SELECT e.source, u.user_no >> "                        \
                                                     "13, " REPORT_USERS_OF(                                            \
                                                         REPORT_ONE_USER,                                               \
                                                         "top") ", " REPORT_USERS_OF(REPORT_ONE_USER,                   \
                                                                                     "bottom") " "                      \
                                                                                               "F"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "M"                      \
                                                                                               " "                      \
                                                                                               "("                      \
                                                                                               "S"                      \
                                                                                               "E"                      \
                                                                                               "L"                      \
                                                                                               "E"                      \
                                                                                               "C"                      \
                                                                                               "T"                      \
                                                                                               " "                      \
                                                                                               "D"                      \
                                                                                               "I"                      \
                                                                                               "S"                      \
                                                                                               "T"                      \
                                                                                               "I"                      \
                                                                                               "N"                      \
                                                                                               "C"                      \
                                                                                               "T"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "f"                      \
                                                                                               "u"                      \
                                                                                               "n"                      \
                                                                                               "n"                      \
                                                                                               "e"                      \
                                                                                               "l"                      \
                                                                                               "_"                      \
                                                                                               "s"                      \
                                                                                               "t"                      \
                                                                                               "a"                      \
                                                                                               "g"                      \
                                                                                               "e"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "i"                      \
                                                                                               "d"                      \
                                                                                               " "                      \
                                                                                               "F"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "M"                      \
                                                                                               " "                      \
                                                                                               "p"                      \
                                                                                               "i"                      \
                                                                                               "e"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               " "                      \
                                                                                               "p"                      \
                                                                                               " "                      \
                                                                                               "J"                      \
                                                                                               "O"                      \
                                                                                               "I"                      \
                                                                                               "N"                      \
                                                                                               " "                      \
                                                                                               "p"                      \
                                                                                               "r"                      \
                                                                                               "o"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "d"                      \
                                                                                               "_"                      \
                                                                                               "e"                      \
                                                                                               "v"                      \
                                                                                               "e"                      \
                                                                                               "n"                      \
                                                                                               "t"                      \
                                                                                               "s"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               " "                      \
                                                                                               "O"                      \
                                                                                               "N"                      \
                                                                                               " "                      \
                                                                                               "p"                      \
                                                                                               "."                      \
                                                                                               "g"                      \
                                                                                               "r"                      \
                                                                                               "a"                      \
                                                                                               "i"                      \
                                                                                               "n"                      \
                                                                                               " "                      \
                                                                                               "="                      \
                                                                                               " "                      \
                                                                                               "0"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "N"                      \
                                                                                               "D"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "t"                      \
                                                                                               "i"                      \
                                                                                               "m"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               "t"                      \
                                                                                               "a"                      \
                                                                                               "m"                      \
                                                                                               "p"                      \
                                                                                               " "                      \
                                                                                               ">"                      \
                                                                                               "="                      \
                                                                                               " "                      \
                                                                                               "p"                      \
                                                                                               "."                      \
                                                                                               "l"                      \
                                                                                               "o"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "N"                      \
                                                                                               "D"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "t"                      \
                                                                                               "i"                      \
                                                                                               "m"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               "t"                      \
                                                                                               "a"                      \
                                                                                               "m"                      \
                                                                                               "p"                      \
                                                                                               " "                      \
                                                                                               "<"                      \
                                                                                               " "                      \
                                                                                               "p"                      \
                                                                                               "."                      \
                                                                                               "h"                      \
                                                                                               "i"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "N"                      \
                                                                                               "D"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "t"                      \
                                                                                               "i"                      \
                                                                                               "m"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               "t"                      \
                                                                                               "a"                      \
                                                                                               "m"                      \
                                                                                               "p"                      \
                                                                                               " "                      \
                                                                                               ">"                      \
                                                                                               "="                      \
                                                                                               " " REPORT_RETAINED_FROM \
                                                                                               " "                      \
                                                                                               "W"                      \
                                                                                               "H"                      \
                                                                                               "E"                      \
                                                                                               "R"                      \
                                                                                               "E"                      \
                                                                                               " "                      \
                                                                                               "("                      \
                                                                                               "$"                      \
                                                                                               "4"                      \
                                                                                               ":"                      \
                                                                                               ":"                      \
                                                                                               "t"                      \
                                                                                               "e"                      \
                                                                                               "x"                      \
                                                                                               "t"                      \
                                                                                               " "                      \
                                                                                               "I"                      \
                                                                                               "S"                      \
                                                                                               " "                      \
                                                                                               "N"                      \
                                                                                               "U"                      \
                                                                                               "L"                      \
                                                                                               "L"                      \
                                                                                               " "                      \
                                                                                               "O"                      \
                                                                                               "R"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               " "                      \
                                                                                               "="                      \
                                                                                               " "                      \
                                                                                               "$"                      \
                                                                                               "4"                      \
                                                                                               ")"                      \
                                                                                               ")"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               " "                      \
                                                                                               "C"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "S"                      \
                                                                                               "S"                      \
                                                                                               " "                      \
                                                                                               "J"                      \
                                                                                               "O"                      \
                                                                                               "I"                      \
                                                                                               "N"                      \
                                                                                               " "                      \
                                                                                               "L"                      \
                                                                                               "A"                      \
                                                                                               "T"                      \
                                                                                               "E"                      \
                                                                                               "R"                      \
                                                                                               "A"                      \
                                                                                               "L"                      \
                                                                                               " "                      \
                                                                                               "("                      \
                                                                                               "S"                      \
                                                                                               "E"                      \
                                                                                               "L"                      \
                                                                                               "E"                      \
                                                                                               "C"                      \
                                                                                               "T"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "n"                      \
                                                                                               "o"                      \
                                                                                               " "                      \
                                                                                               "F"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "M"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "d"                      \
                                                                                               "e"                      \
                                                                                               "m"                      \
                                                                                               "o"                      \
                                                                                               "g"                      \
                                                                                               "r"                      \
                                                                                               "a"                      \
                                                                                               "p"                      \
                                                                                               "h"                      \
                                                                                               "i"                      \
                                                                                               "c"                      \
                                                                                               "s"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               " "                      \
                                                                                               "W"                      \
                                                                                               "H"                      \
                                                                                               "E"                      \
                                                                                               "R"                      \
                                                                                               "E"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               "."                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               " "                      \
                                                                                               "="                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "N"                      \
                                                                                               "D"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               "."                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "i"                      \
                                                                                               "d"                      \
                                                                                               " "                      \
                                                                                               "="                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "i"                      \
                                                                                               "d"                      \
                                                                                               " "                      \
                                                                                               "O"                      \
                                                                                               "F"                      \
                                                                                               "F"                      \
                                                                                               "S"                      \
                                                                                               "E"                      \
                                                                                               "T"                      \
                                                                                               " "                      \
                                                                                               "0"                      \
                                                                                               ")"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               " "                      \
                                                                                               "W"                      \
                                                                                               "H"                      \
                                                                                               "E"                      \
                                                                                               "R"                      \
                                                                                               "E"                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               "."                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "n"                      \
                                                                                               "o"                      \
                                                                                               " "                      \
                                                                                               "I"                      \
                                                                                               "S"                      \
                                                                                               " "                      \
                                                                                               "N"                      \
                                                                                               "O"                      \
                                                                                               "T"                      \
                                                                                               " "                      \
                                                                                               "N"                      \
                                                                                               "U"                      \
                                                                                               "L"                      \
                                                                                               "L"                      \
                                                                                               " "                      \
                                                                                               "G"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "U"                      \
                                                                                               "P"                      \
                                                                                               " "                      \
                                                                                               "B"                      \
                                                                                               "Y"                      \
                                                                                               " "                      \
                                                                                               "e"                      \
                                                                                               "."                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "u"                      \
                                                                                               "."                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "_"                      \
                                                                                               "n"                      \
                                                                                               "o"                      \
                                                                                               " "                      \
                                                                                               ">"                      \
                                                                                               ">"                      \
                                                                                               " "                      \
                                                                                               "1"                      \
                                                                                               "3"                      \
                                                                                               ")"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "t"                      \
                                                                                               "s"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "S"                      \
                                                                                               " "                      \
                                                                                               "("                      \
                                                                                               "S"                      \
                                                                                               "E"                      \
                                                                                               "L"                      \
                                                                                               "E"                      \
                                                                                               "C"                      \
                                                                                               "T"                      \
                                                                                               " "                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "c"                      \
                                                                                               "h"                      \
                                                                                               "u"                      \
                                                                                               "n"                      \
                                                                                               "k"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "c"                      \
                                                                                               "o"                      \
                                                                                               "a"                      \
                                                                                               "l"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               "("                      \
                                                                                               "b"                      \
                                                                                               "i"                      \
                                                                                               "t"                      \
                                                                                               "_"                      \
                                                                                               "o"                      \
                                                                                               "r"                      \
                                                                                               "("                      \
                                                                                               "t"                      \
                                                                                               "o"                      \
                                                                                               "p"                      \
                                                                                               ")"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "n"                      \
                                                                                               "o"                      \
                                                                                               "_"                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "s"                      \
                                                                                               "("                      \
                                                                                               ")"                      \
                                                                                               ")"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "S"                      \
                                                                                               " "                      \
                                                                                               "t"                      \
                                                                                               "o"                      \
                                                                                               "p"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "c"                      \
                                                                                               "o"                      \
                                                                                               "a"                      \
                                                                                               "l"                      \
                                                                                               "e"                      \
                                                                                               "s"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               "("                      \
                                                                                               "b"                      \
                                                                                               "i"                      \
                                                                                               "t"                      \
                                                                                               "_"                      \
                                                                                               "o"                      \
                                                                                               "r"                      \
                                                                                               "("                      \
                                                                                               "b"                      \
                                                                                               "o"                      \
                                                                                               "t"                      \
                                                                                               "t"                      \
                                                                                               "o"                      \
                                                                                               "m"                      \
                                                                                               ")"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "n"                      \
                                                                                               "o"                      \
                                                                                               "_"                      \
                                                                                               "u"                      \
                                                                                               "s"                      \
                                                                                               "e"                      \
                                                                                               "r"                      \
                                                                                               "s"                      \
                                                                                               "("                      \
                                                                                               ")"                      \
                                                                                               ")"                      \
                                                                                               " "                      \
                                                                                               "A"                      \
                                                                                               "S"                      \
                                                                                               " "                      \
                                                                                               "b"                      \
                                                                                               "o"                      \
                                                                                               "t"                      \
                                                                                               "t"                      \
                                                                                               "o"                      \
                                                                                               "m"                      \
                                                                                               " "                      \
                                                                                               "F"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "M"                      \
                                                                                               " "                      \
                                                                                               "a"                      \
                                                                                               "c"                      \
                                                                                               "t"                      \
                                                                                               "i"                      \
                                                                                               "v"                      \
                                                                                               "i"                      \
                                                                                               "t"                      \
                                                                                               "y"                      \
                                                                                               " "                      \
                                                                                               "G"                      \
                                                                                               "R"                      \
                                                                                               "O"                      \
                                                                                               "U"                      \
                                                                                               "P"                      \
                                                                                               " "                      \
                                                                                               "B"                      \
                                                                                               "Y"                      \
                                                                                               " "                      \
                                                                                               "s"                      \
                                                                                               "o"                      \
                                                                                               "u"                      \
                                                                                               "r"                      \
                                                                                               "c"                      \
                                                                                               "e"                      \
                                                                                               ","                      \
                                                                                               " "                      \
                                                                                               "c"                      \
                                                                                               "h"                      \
                                                                                               "u"                      \
                                                                                               "n"                      \
                                                                                               "k"                      \
                                                                                               ")"
