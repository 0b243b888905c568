/* sluice settings: the table of settings as a file; env.example and docs/settings.md are its
 * output. */
#include <stdio.h>

#include "admin/admin.h"
#include "base/strbuf.h"
#include "service/settings.h"

#define OUTPUT_MAX_BYTES (256 * 1024)

static int print_table(bool markdown)
{
    _cleanup_strbuf_ struct strbuf out;
    int r;

    strbuf_init(&out, OUTPUT_MAX_BYTES);
    r = markdown ? settings_print_markdown(&out) : settings_print_env_example(&out);
    if (r < 0 || fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        fprintf(stderr, "sluice settings: cannot write the table\n");
        return 1;
    }
    return 0;
}

int admin_settings(int argc, char **argv)
{
    struct settings_flag flags[] = {
        { .name = "--env-example", .help = "as a commented env file (the default)" },
        { .name = "--markdown", .help = "as a Markdown table" },
        { 0 },
    };
    const struct settings_command command = {
        .usage = "sluice settings [--env-example|--markdown]",
        .about = "Prints every setting with its default and what it takes.",
        .flags = flags,
    };
    _cleanup_strbuf_ struct strbuf err;
    struct settings settings;
    int r;

    strbuf_init(&err, 4096);
    r = settings_load(&settings, ROLE_ADMIN, &argc, argv, &command, &err);
    settings_release(&settings);
    if (r < 0) {
        fprintf(stderr, "sluice settings: %s\n", err.ptr);
        return 2;
    }
    return r > 0 ? 0 : print_table(flags[1].value != NULL);
}
