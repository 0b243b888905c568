#include "admin/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json_out.h"

#define ROWS_MAX_BYTES ((size_t)1 << 20)
#define LINE_MAX_BYTES 4096

static const char *const level_names[FINDING_LEVEL_COUNT] = {
    [FINDING_OK] = "ok",
    [FINDING_WARN] = "warn",
    [FINDING_FAIL] = "fail",
};
static const char *const level_colours[FINDING_LEVEL_COUNT] = {
    [FINDING_OK] = "\033[32m",
    [FINDING_WARN] = "\033[33m",
    [FINDING_FAIL] = "\033[31m",
};

void findings_init(struct findings *f, bool json)
{
    *f = (struct findings){ .json = json, .terminal = isatty(STDOUT_FILENO) };
    strbuf_init(&f->rows, ROWS_MAX_BYTES);
}

void findings_release(struct findings *f)
{
    strbuf_release(&f->rows);
}

static void add_json(struct findings *f, enum finding_level level, const char *check,
                     const char *mend, struct span text)
{
    struct json_out j;

    if (f->rows.len > 0)
        strbuf_addc(&f->rows, ',');
    json_out_init(&j, &f->rows);
    json_object(&j);
    json_key(&j, "check");
    json_str(&j, check);
    json_key(&j, "state");
    json_str(&j, level_names[level]);
    json_key(&j, "detail");
    json_string(&j, text);
    json_key(&j, "mend");
    json_str(&j, mend);
    json_object_end(&j);
}

static void print(const struct findings *f, enum finding_level level, const char *check,
                  const char *mend, const char *text)
{
    printf("%s%-4s%s  %-12s %s\n", f->terminal ? level_colours[level] : "", level_names[level],
           f->terminal ? "\033[0m" : "", check, text);
    if (mend)
        printf("      %-12s %s\n", "", mend);
}

void findings_add(struct findings *f, enum finding_level level, const char *check, const char *mend,
                  const char *fmt, ...)
{
    _cleanup_strbuf_ struct strbuf text;
    va_list ap;

    strbuf_init(&text, LINE_MAX_BYTES);
    va_start(ap, fmt);
    (void)strbuf_vaddf(&text, fmt, ap);
    va_end(ap);
    f->count[level]++;
    if (f->json)
        add_json(f, level, check, mend, strbuf_span(&text));
    else
        print(f, level, check, mend, text.ptr);
}

int findings_finish(struct findings *f)
{
    if (f->json)
        printf("[%s]\n", f->rows.ptr);
    else
        printf("%u ok, %u to look at, %u to mend\n", f->count[FINDING_OK], f->count[FINDING_WARN],
               f->count[FINDING_FAIL]);
    return f->count[FINDING_FAIL] > 0;
}
