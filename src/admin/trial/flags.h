/* The flags that bulk-test and stress-test share. */
#pragma once

#include "admin/trial/trial.h"
#include "base/macros.h"
#include "base/strbuf.h"
#include "service/settings.h"

enum trial_flag {
    TRIAL_GATEWAY,
    TRIAL_REPORTER,
    TRIAL_DATA,
    TRIAL_CONNECTIONS,
    TRIAL_JSON,
    TRIAL_FLAG_COUNT
};

/* For the beginning of a command's table of flags. */
#define TRIAL_FLAGS                                                                                \
    [TRIAL_GATEWAY] = { "--gateway", "URL",                                                        \
                        "the gateway (default: the running stack's, else "                         \
                        "http://127.0.0.1:3000)",                                                  \
                        NULL },                                                                    \
    [TRIAL_REPORTER] = { "--reporter", "URL",                                                      \
                         "the reporter (default: the running stack's, else "                       \
                         "http://127.0.0.1:3003)",                                                 \
                         NULL },                                                                   \
    [TRIAL_DATA] = { "--data", "DIR", "the stack's data directory (default var)", NULL },          \
    [TRIAL_CONNECTIONS] = { "--connections", "N", "requests open at once (default 4)", NULL },     \
    [TRIAL_JSON] = { "--json", NULL, "print the result as JSON", NULL }

/* Sets what the shared flags say. -EINVAL with *err. */
int trial_take_flags(struct trial *t, const struct settings_flag *flags,
                     struct strbuf *err) MUST_CHECK;

/* A whole number of a flag, within bounds; *ret stays as it is when the flag was not given. */
int trial_take_u64(const struct settings_flag *flag, uint64_t low, uint64_t high, uint64_t *ret,
                   struct strbuf *err) MUST_CHECK;

/* Reads a command's line into the trial; results as settings_load(). */
typedef int (*trial_load_fn)(struct trial *t, struct settings *settings, int argc, char **argv,
                             struct strbuf *err);
/* The whole life of such a command; the exit status: that of trial_run(), 2 for a wrong command
 * line. */
int trial_command(struct trial *t, trial_load_fn load, int argc, char **argv);
