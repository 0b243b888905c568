/* A run's figures in a file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/figures.h"

#define JSON_MAX_BYTES (1 << 20)

int figures_load(struct figures *f, const char *path, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    char chunk[4096];
    FILE *file = fopen(path, "re");
    size_t n;

    strbuf_init(&text, JSON_MAX_BYTES);
    if (!file) {
        strbuf_setf(err, "%s: %s", path, strerror(errno));
        return -errno;
    }
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        (void)strbuf_add(&text, chunk, n);
    fclose(file);
    return figures_read_json(f, &text, err);
}

int figures_save(const struct figures *f, const char *path, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf json;
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    int r;

    strbuf_init(&json, JSON_MAX_BYTES);
    r = out ? figures_write_json(f, &json) : -errno;
    if (r == 0 && (fwrite(json.ptr, 1, json.len, out) != json.len || fflush(out) != 0))
        r = -EIO;
    if (out && out != stdout && fclose(out) != 0)
        r = -EIO;
    if (r < 0)
        strbuf_setf(err, "%s: %s", path, strerror(-r));
    return r;
}
