#include "admin/top/canvas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int canvas_init(struct canvas *c, unsigned width, unsigned height)
{
    *c = (struct canvas){ .width = MIN(width, (unsigned)CANVAS_WIDTH_MAX),
                          .height = MIN(height, (unsigned)CANVAS_HEIGHT_MAX) };
    c->cells = malloc((size_t)c->width * c->height + 1);
    c->styles = malloc((size_t)c->width * c->height + 1);
    if (!c->cells || !c->styles) {
        canvas_release(c);
        return -ENOMEM;
    }
    canvas_clear(c);
    return 0;
}

void canvas_release(struct canvas *c)
{
    free(c->cells);
    free(c->styles);
    *c = (struct canvas){ 0 };
}

void canvas_clear(struct canvas *c)
{
    memset(c->cells, ' ', (size_t)c->width * c->height);
    memset(c->styles, STYLE_PLAIN, (size_t)c->width * c->height);
}

unsigned canvas_put(struct canvas *c, unsigned row, unsigned column, enum style style,
                    const char *text)
{
    size_t left = strlen(text);

    while (left > 0 && row < c->height && column < c->width) {
        size_t n = MAX(utf8_sequence(text, left), (size_t)1);
        size_t at = (size_t)row * c->width + column++;

        c->cells[at] = *text >= ' ' && *text <= '~' ? *text : '?';
        c->styles[at] = (uint8_t)style;
        text += n;
        left -= n;
    }
    return column;
}

void canvas_put_right(struct canvas *c, unsigned row, unsigned end, unsigned width,
                      enum style style, const char *text)
{
    unsigned len = (unsigned)MIN(strlen(text), (size_t)MIN(width, end));
    char cut[CANVAS_WIDTH_MAX + 1];

    len = MIN(len, (unsigned)CANVAS_WIDTH_MAX);
    memcpy(cut, text, len);
    cut[len] = '\0';
    (void)canvas_put(c, row, end - len, style, cut);
}

void canvas_text(const struct canvas *c, unsigned row, struct strbuf *out)
{
    const char *cells = c->cells + (size_t)row * c->width;
    size_t len = c->width;

    while (len > 0 && cells[len - 1] == ' ')
        len--;
    (void)strbuf_add(out, cells, len);
}
