/*
 * A page of characters, width by height, each with a style. What does not fit is cut; what is not
 * printable ASCII becomes '?', so that nothing that came from outside does anything to a terminal
 * and each character is one column wide.
 */
#pragma once

#include <stdint.h>

#include "base/macros.h"
#include "base/strbuf.h"

#define CANVAS_WIDTH_MAX 1000
#define CANVAS_HEIGHT_MAX 500

enum style { STYLE_PLAIN, STYLE_TITLE, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_COUNT };

struct canvas {
    unsigned width, height;
    char *cells; /* rows one after the other, without ends */
    uint8_t *styles;
};

/* Blank. Sizes beyond the largest are made smaller. -ENOMEM. */
int canvas_init(struct canvas *c, unsigned width, unsigned height) MUST_CHECK;
void canvas_release(struct canvas *c);
#define _cleanup_canvas_ _cleanup_(canvas_release)

void canvas_clear(struct canvas *c);

/* Writes from a column on; returns the column behind it. */
unsigned canvas_put(struct canvas *c, unsigned row, unsigned column, enum style style,
                    const char *text);
/* Writes so that it ends before a column; one that is longer than `width` is cut at its end. */
void canvas_put_right(struct canvas *c, unsigned row, unsigned end, unsigned width,
                      enum style style, const char *text);

/* Appends a row without the blanks at its end. */
void canvas_text(const struct canvas *c, unsigned row, struct strbuf *out);
