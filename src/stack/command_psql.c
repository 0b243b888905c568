/* `sluice psql`: psql on the stack's database; the password travels in the environment. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack/call.h"
#include "stack/database_url.h"
#include "stack/options.h"
#include "stack/postgres.h"
#include "stack/stack.h"

#define URL_MAX_BYTES 8192
#define ARGUMENTS_MAX 256

/* Does not return on success. */
static int run_psql(const char *url, char **rest, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf public, password;
    const char *argv[ARGUMENTS_MAX + 4];
    char bin[POSTGRES_BIN_MAX], program[POSTGRES_BIN_MAX + 8];
    size_t n = 0;
    int r;

    strbuf_init(&public, URL_MAX_BYTES);
    strbuf_init(&password, URL_MAX_BYTES);
    r = database_url_split(url, &public, &password);
    if (r == 0)
        r = postgres_bin(NULL, bin, err);
    if (r < 0)
        return r;
    if (password.len && setenv("PGPASSWORD", password.ptr, /* overwrite= */ 1) < 0)
        return -errno;
    (void)snprintf(program, sizeof(program), "%s/psql", bin);
    argv[n++] = "psql";
    argv[n++] = "-d";
    argv[n++] = public.ptr;
    for (; *rest; rest++) {
        if (n == ARRAY_SIZE(argv) - 1)
            return -E2BIG;
        argv[n++] = *rest;
    }
    argv[n] = NULL;
    (void)execv(program, (char *const *)argv);
    strbuf_setf(err, "%s: %s", program, strerror(errno));
    return -ENOENT;
}

static int database_of(const struct options *options, struct strbuf *url, struct strbuf *err)
{
    _cleanup_layout_ struct layout layout = LAYOUT_INIT;
    int r = layout_open(&layout, options->data, err);

    if (r < 0)
        return r;
    r = call_supervisor(&layout, "database-url", -1, url, err);
    if (r == -ENOENT)
        strbuf_setf(err, "nothing runs in %s", layout.shown);
    return r;
}

int stack_psql(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "psql",
        .about = "Opens the stack's database in psql; psql's arguments may follow.",
        .passes_rest = true,
    };
    _cleanup_strbuf_ struct strbuf url, err;
    struct options options;
    int r;

    strbuf_init(&url, URL_MAX_BYTES);
    strbuf_init(&err, 4096);
    r = options_parse(&options, &command, argc, argv, &err);
    if (r > 0)
        return 0;
    if (r == 0)
        r = database_of(&options, &url, &err);
    if (r == 0)
        r = run_psql(url.ptr, options.rest, &err);
    fprintf(stderr, "sluice psql: %s\n", err.len ? err.ptr : strerror(-r));
    return r == -ENOENT ? STACK_NOT_RUNNING : 1;
}
