/*
 * The terminal while top has it: its own page, no echo, no cursor. Plain control sequences that
 * xterm, screen, tmux, linux and vt100 have in common (ECMA-48, and DEC's for cursor and wrapping);
 * nothing that must be looked up. Only rows that differ are written, in one write, so that nothing
 * flickers and a slow line is enough.
 *
 * It is given back as it was by terminal_close(), and by a handler when the process crashes. One at
 * a time in a process.
 */
#pragma once

#include <stdbool.h>

#include "admin/top/canvas.h"
#include "base/macros.h"

struct terminal {
    int in, out; /* borrowed */
    bool colours;
    struct canvas shown; /* what stands there */
    bool clean;          /* nothing of ours stands there yet, or it is not known what */
};

/* Whether there is one that can move its cursor: both ends are terminals, TERM is not "dumb". */
bool terminal_is_able(int in, int out);

/* Takes it. -errno. */
int terminal_open(struct terminal *t, int in, int out) MUST_CHECK;
void terminal_close(struct terminal *t);

/* 80 by 24, where nobody says it. */
void terminal_size(int fd, unsigned *ret_width, unsigned *ret_height);

/* Shows a page as large as the terminal. -errno: it went away. */
int terminal_show(struct terminal *t, const struct canvas *page) MUST_CHECK;
/* The next page is written as a whole: after the size has changed, or others wrote. */
void terminal_forget(struct terminal *t);
