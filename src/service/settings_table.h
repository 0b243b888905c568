/* The rows behind settings.h; only the settings modules and their test include this. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "service/settings.h"

enum settings_type {
    SETTING_STRING,
    SETTING_CURRENCY, /* a string of three capital letters */
    SETTING_U32,
    SETTING_U64,
    SETTING_SIZE,
    SETTING_DURATION,
    SETTING_ENUM,
};

enum {
    OPT_SECRET = 1 << 0,   /* its value is never shown */
    OPT_OPTIONAL = 1 << 1, /* may be empty */
};

struct settings_option {
    const char *name;  /* in the environment: "LOG_LEVEL"; as a flag: "--log-level" */
    const char *alias; /* another name in the environment, asked second; or NULL */
    const char *default_text;
    const char *help;
    const char *const *words; /* of an enum */
    size_t word_count;
    size_t offset; /* of the field in struct settings */
    uint64_t min, max;
    enum settings_type type;
    unsigned flags;
    unsigned roles; /* enum role bits */
};

/* Sorted by name. */
extern const struct settings_option settings_options[];
extern const size_t settings_option_count;

/* Parses text into the option's field. -EINVAL when it is not what the option takes. */
int settings_set(struct settings *s, const struct settings_option *opt,
                 struct span text) MUST_CHECK;
/* "a number from 1 to 64" */
void settings_describe(const struct settings_option *opt, struct strbuf *out);
/* The present value as text, "(secret)" for a secret; passwords in URLs are masked. */
void settings_show(const struct settings *s, const struct settings_option *opt, struct strbuf *out);
/* "--log-level" */
void settings_flag_name(const struct settings_option *opt, struct strbuf *out);

/* The text of --help. */
void settings_print_help(enum role role, const struct settings_command *command,
                         struct strbuf *out);
