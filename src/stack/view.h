/*
 * What a person at a terminal sees: a table of addresses once the stack is ready, and below it one
 * line of counts, drawn anew every second from what the roles have counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stack/counts.h"
#include "stack/loop.h"
#include "stack/plan.h"
#include "stack/probe.h"

struct view_source {
    struct view *view;
    const struct unit *unit;
    struct probe probe;
    struct counts counts;
};

struct view {
    struct loop *loop;
    const struct site *site;
    const struct plan *plan;
    int fd; /* the terminal; -1 = nobody looks */
    struct loop_timer timer;
    struct view_source sources[PLAN_UNITS_MAX];
    size_t source_count;
    uint64_t accepted, rejected; /* as drawn last */
    uint64_t drawn_usec;
};

/* fd: the terminal, borrowed. */
void view_init(struct view *v, struct loop *loop, const struct site *site, const struct plan *plan,
               int fd);
void view_release(struct view *v);
/* The stack is ready: shows the table and begins the line. */
void view_begin(struct view *v);
/* Ends the line, so that what is printed next stands by itself. */
void view_end(struct view *v);

/* The table as text: for people, and for those who start detached. */
void view_table(const struct site *site, const struct plan *plan, struct strbuf *out);
