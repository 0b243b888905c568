/* One setting's value: from text into its field, back into text, and in words what it takes. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "service/settings_table.h"

static void *field_of(const struct settings *s, const struct settings_option *opt)
{
    return (char *)(uintptr_t)s + opt->offset;
}

static int set_string(char **field, struct span text)
{
    char *copy = strndup(text.ptr ? text.ptr : "", text.len);

    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

static bool is_currency(struct span text)
{
    if (text.len != 3)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 'A' || text.ptr[i] > 'Z')
            return false;
    return true;
}

static int set_enum(int *field, const struct settings_option *opt, struct span text)
{
    for (size_t i = 0; i < opt->word_count; i++) {
        if (!span_eq(text, span_str(opt->words[i])))
            continue;
        *field = (int)i;
        return 0;
    }
    return -EINVAL;
}

static int parse_number(const struct settings_option *opt, struct span text, uint64_t *ret)
{
    int r;

    if (opt->type == SETTING_SIZE)
        r = parse_size(text, ret);
    else if (opt->type == SETTING_DURATION)
        r = parse_duration(text, ret);
    else
        r = parse_u64(text, ret);
    return r < 0 || *ret < opt->min || *ret > opt->max ? -EINVAL : 0;
}

int settings_set(struct settings *s, const struct settings_option *opt, struct span text)
{
    void *field = field_of(s, opt);
    uint64_t number;

    switch (opt->type) {
    case SETTING_STRING:
        if (!text.len && !(opt->flags & OPT_OPTIONAL))
            return -EINVAL;
        return set_string(field, text);
    case SETTING_CURRENCY:
        return is_currency(text) ? set_string(field, text) : -EINVAL;
    case SETTING_ENUM:
        return set_enum(field, opt, text);
    default:
        if (parse_number(opt, text, &number) < 0)
            return -EINVAL;
        if (opt->type == SETTING_U32)
            *(uint32_t *)field = (uint32_t)number;
        else
            *(uint64_t *)field = number;
        return 0;
    }
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* The number in the largest unit that divides it. */
static void add_with_unit(struct strbuf *out, uint64_t v, const struct unit *units, size_t n)
{
    size_t i = 0;

    while (i + 1 < n && (v == 0 || v % units[i].factor))
        i++;
    (void)strbuf_addu64(out, v / units[i].factor);
    if (v)
        (void)strbuf_adds(out, units[i].name);
}

static void add_number(struct strbuf *out, const struct settings_option *opt, uint64_t v)
{
    static const struct unit sizes[] = {
        { "G", UINT64_C(1) << 30 },
        { "M", UINT64_C(1) << 20 },
        { "K", UINT64_C(1) << 10 },
        { "", 1 },
    };
    static const struct unit times[] = {
        { "h", UINT64_C(3600000000) },
        { "m", UINT64_C(60000000) },
        { "s", UINT64_C(1000000) },
        { "ms", UINT64_C(1000) },
        { "us", 1 },
    };

    if (opt->type == SETTING_SIZE)
        add_with_unit(out, v, sizes, ARRAY_SIZE(sizes));
    else if (opt->type == SETTING_DURATION)
        add_with_unit(out, v, times, ARRAY_SIZE(times));
    else
        (void)strbuf_addu64(out, v);
}

static void describe_words(const struct settings_option *opt, struct strbuf *out)
{
    for (size_t i = 0; i < opt->word_count; i++) {
        const char *sep = i == 0 ? "" : i + 1 == opt->word_count ? " or " : ", ";

        (void)strbuf_addf(out, "%s%s", sep, opt->words[i]);
    }
}

void settings_describe(const struct settings_option *opt, struct strbuf *out)
{
    static const char *const kinds[] = {
        [SETTING_STRING] = "a text",
        [SETTING_CURRENCY] = "three capital letters, as USD",
        [SETTING_U32] = "a number",
        [SETTING_U64] = "a number",
        [SETTING_SIZE] = "a size, as 512, 64K, 16M or 2G,",
        [SETTING_DURATION] = "a time, as 250ms, 5s, 2m or 1h,",
    };

    if (opt->type == SETTING_ENUM) {
        describe_words(opt, out);
        return;
    }
    (void)strbuf_adds(out, kinds[opt->type]);
    if (opt->type == SETTING_STRING || opt->type == SETTING_CURRENCY)
        return;
    if (opt->max >= UINT64_MAX / 2) {
        (void)strbuf_adds(out, " of any length");
        return;
    }
    (void)strbuf_adds(out, " from ");
    add_number(out, opt, opt->min);
    (void)strbuf_adds(out, " to ");
    add_number(out, opt, opt->max);
}

/* The user and password of a URL, "user:password@", are masked. */
static void show_url(const char *text, struct strbuf *out)
{
    const char *scheme_end = strstr(text, "://");
    const char *host = scheme_end ? scheme_end + 3 : text;
    size_t authority = strcspn(host, "/?#,");
    const char *at = memrchr(host, '@', authority);

    if (!at) {
        (void)strbuf_adds(out, text);
        return;
    }
    (void)strbuf_add(out, text, (size_t)(host - text));
    (void)strbuf_addf(out, "***%s", at);
}

void settings_show(const struct settings *s, const struct settings_option *opt, struct strbuf *out)
{
    const void *field = field_of(s, opt);

    if (opt->flags & OPT_SECRET)
        (void)strbuf_adds(out, "(secret)");
    else if (opt->type == SETTING_STRING || opt->type == SETTING_CURRENCY)
        show_url(*(char *const *)field, out);
    else if (opt->type == SETTING_ENUM)
        (void)strbuf_adds(out, opt->words[*(const int *)field]);
    else if (opt->type == SETTING_U32)
        add_number(out, opt, *(const uint32_t *)field);
    else
        add_number(out, opt, *(const uint64_t *)field);
}

void settings_flag_name(const struct settings_option *opt, struct strbuf *out)
{
    (void)strbuf_adds(out, "--");
    for (const char *p = opt->name; *p; p++)
        (void)strbuf_addc(out, *p == '_'                ? '-'
                               : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a')
                                                        : *p);
}
