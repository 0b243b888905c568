/* Numbers as people read them in a narrow column. What is not known (NAN) is "-". */
#pragma once

#define FORMAT_MAX 24

struct format {
    char s[FORMAT_MAX];
};

/* "0", "0.5", "7.2", "12", "999,999", "1.23M" */
struct format format_number(double value);
/* "512 B", "3.4 KiB", "45 MiB" */
struct format format_bytes(double bytes);
/* "0.4 ms", "12 ms", "3.4 s", "2.5 min", "1.2 h", "3.4 d" */
struct format format_seconds(double seconds);
/* Of a share: "0 %", "0.3 %", "12 %" */
struct format format_percent(double share);
