/*
 * The file .env: KEY=VALUE lines. Blank lines and lines that begin with # are skipped; `export `
 * before a key is allowed; a value may stand in single quotes (taken as it is) or double quotes
 * (\n, \t, \" and
 * \\ are escapes); without quotes it ends before " #" and is trimmed. The later of two equal keys
 * wins.
 */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/span.h"
#include "base/strbuf.h"

struct dotenv_entry {
    struct span key, value;
    unsigned line;
};

struct dotenv {
    struct arena arena; /* holds the texts */
    struct dotenv_entry *entries;
    size_t count;
};

void dotenv_init(struct dotenv *d);
void dotenv_release(struct dotenv *d);

/* Reads the whole file. -ENOENT when there is none; -EBADMSG for a line that is none of the above;
 * *err says which. The entries live as long as *d. */
int dotenv_read(struct dotenv *d, const char *path, struct strbuf *err) MUST_CHECK;
/* The same from memory. */
int dotenv_parse(struct dotenv *d, struct span text, const char *path,
                 struct strbuf *err) MUST_CHECK;

/* NULL when it is not there. */
const struct dotenv_entry *dotenv_find(const struct dotenv *d, const char *key);
