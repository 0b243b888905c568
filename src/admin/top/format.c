#include "admin/top/format.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/macros.h"

#define GROUPED_MAX 1e6
#define ROUNDED_UP 0.999995 /* with two decimals it reads as the next unit */

struct unit {
    double size;
    const char *name;
};

static struct format in_units(double value, const struct unit *units, size_t count)
{
    struct format f;
    size_t i = 0;

    if (isnan(value)) {
        (void)snprintf(f.s, sizeof(f.s), "-");
        return f;
    }
    /* 999.6 would be written as 1000 of the smaller unit */
    while (i + 1 < count && round(value / units[i].size) * units[i].size >= units[i + 1].size)
        i++;
    value /= units[i].size;
    /* one decimal, where it says something */
    if (value < 10 && fabs(value - round(value)) >= 0.05)
        (void)snprintf(f.s, sizeof(f.s), "%.1f%s", value, units[i].name);
    else
        (void)snprintf(f.s, sizeof(f.s), "%.0f%s", value, units[i].name);
    return f;
}

struct format format_number(double value)
{
    static const struct unit units[] = { { 1, "" }, { 1e6, "M" }, { 1e9, "G" }, { 1e12, "T" } };
    struct format f;
    size_t i = 1;

    if (isnan(value) || value < 1000)
        return in_units(value, units, 1);
    if (round(value) < GROUPED_MAX) {
        long whole = lround(value);

        (void)snprintf(f.s, sizeof(f.s), "%ld,%03ld", whole / 1000, whole % 1000);
        return f;
    }
    while (i + 1 < ARRAY_SIZE(units) && value >= units[i + 1].size * ROUNDED_UP)
        i++;
    (void)snprintf(f.s, sizeof(f.s), "%.2f%s", value / units[i].size, units[i].name);
    return f;
}

struct format format_bytes(double bytes)
{
    static const struct unit units[] = { { 1, " B" },
                                         { 1024, " KiB" },
                                         { 1048576, " MiB" },
                                         { 1073741824, " GiB" },
                                         { 1099511627776, " TiB" } };

    return in_units(bytes, units, ARRAY_SIZE(units));
}

struct format format_seconds(double seconds)
{
    static const struct unit units[] = {
        { 0.001, " ms" }, { 1, " s" }, { 60, " min" }, { 3600, " h" }, { 86400, " d" }
    };

    if (seconds == 0)
        return (struct format){ "0 s" };
    return in_units(seconds, units, ARRAY_SIZE(units));
}

struct format format_percent(double share)
{
    static const struct unit percent[] = { { 0.01, " %" } };

    return in_units(share, percent, 1);
}
