/*
 * What the benchmark measured: named figures, the ratios that the project holds itself to, their
 * table, their JSON, and the comparison with an earlier run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/macros.h"
#include "base/strbuf.h"

#define FIGURES_MAX 384
#define FIGURE_KEY_MAX 64

struct figure {
    char key[FIGURE_KEY_MAX]; /* "intake.single" */
    const char *unit;         /* "events/s", "us/event", "ms", "MiB" */
    double value;
};

struct figures {
    struct figure rows[FIGURES_MAX];
    size_t count;
};

/* Adds a figure, or sets it again. A table that is full is a programming error and aborts. */
void figures_set(struct figures *f, const char *unit, double value, const char *key, ...)
    PRINTF_LIKE(4, 5);
/* NAN when it was not measured. */
double figures_get(const struct figures *f, const char *key);

/* The figures and the goals, as a table for people. `baseline` may be NULL. Whether every goal that
 * was measured is met. */
bool figures_print(const struct figures *f, const struct figures *baseline, FILE *out);

int figures_write_json(const struct figures *f, struct strbuf *out) MUST_CHECK;
/* Reads what figures_write_json() wrote. -EBADMSG. */
int figures_read_json(struct figures *f, struct strbuf *json, struct strbuf *err) MUST_CHECK;

/* The same from and to a file; "-" saves to standard output. */
int figures_load(struct figures *f, const char *path, struct strbuf *err) MUST_CHECK;
int figures_save(const struct figures *f, const char *path, struct strbuf *err) MUST_CHECK;
