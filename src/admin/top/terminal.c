#include "admin/top/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PAGE_BYTES_MAX ((size_t)4 << 20)

/* another page, no wrapping at the right margin, no cursor */
#define ENTER "\033[?1049h\033[?7l\033[?25l\033[H\033[2J"
/* from the last row, so that what has no other page goes on below ours */
#define LEAVE "\033[0m\033[999;1H\033[?25h\033[?7h\033[?1049l"

static const char *const style_codes[STYLE_COUNT] = {
    [STYLE_PLAIN] = "\033[0m",   [STYLE_TITLE] = "\033[0;1m",  [STYLE_GOOD] = "\033[0;32m",
    [STYLE_WARN] = "\033[0;33m", [STYLE_BAD] = "\033[0;1;31m",
};
static const char *const colourless_codes[STYLE_COUNT] = {
    [STYLE_PLAIN] = "\033[0m", [STYLE_TITLE] = "\033[0;1m", [STYLE_GOOD] = "\033[0m",
    [STYLE_WARN] = "\033[0m",  [STYLE_BAD] = "\033[0;1m",
};

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* For the handler of a crash, which is handed nothing. */
static struct {
    volatile sig_atomic_t open;
    int in, out;
    struct termios saved;
    struct sigaction before[ARRAY_SIZE(crashes)];
} given;

/* Calls only what a signal handler may (signal-safety(7)). */
static void give_back(void)
{
    if (!given.open)
        return;
    given.open = 0;
    (void)!write(given.out, LEAVE, sizeof(LEAVE) - 1);
    (void)tcsetattr(given.in, TCSANOW, &given.saved);
}

/* What was there before handles it further, once we have returned. */
static void on_crash(int signum)
{
    give_back();
    for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
        (void)sigaction(crashes[i], &given.before[i], NULL);
    (void)raise(signum);
}

bool terminal_is_able(int in, int out)
{
    const char *term = getenv("TERM");

    return isatty(in) && isatty(out) && term && term[0] && strcmp(term, "dumb") != 0;
}

int terminal_open(struct terminal *t, int in, int out)
{
    const char *no_color = getenv("NO_COLOR");
    struct sigaction action = { .sa_handler = on_crash };
    struct termios raw;

    *t = (struct terminal){
        .in = in, .out = out, .colours = !no_color || !no_color[0], .clean = true
    };
    if (tcgetattr(in, &given.saved) < 0)
        return -errno;
    raw = given.saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C and Ctrl-Z stay what they are */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    given.in = in;
    given.out = out;
    given.open = 1;
    for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
        (void)sigaction(crashes[i], &action, &given.before[i]);
    if (tcsetattr(in, TCSANOW, &raw) < 0 || write(out, ENTER, sizeof(ENTER) - 1) < 0) {
        int r = -errno;

        terminal_close(t);
        return r;
    }
    return 0;
}

void terminal_close(struct terminal *t)
{
    if (given.open)
        for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
            (void)sigaction(crashes[i], &given.before[i], NULL);
    give_back();
    canvas_release(&t->shown);
}

void terminal_size(int fd, unsigned *ret_width, unsigned *ret_height)
{
    struct winsize size = { 0 };

    (void)ioctl(fd, TIOCGWINSZ, &size);
    *ret_width = size.ws_col ? size.ws_col : 80;
    *ret_height = size.ws_row ? size.ws_row : 24;
}

void terminal_forget(struct terminal *t)
{
    canvas_release(&t->shown);
    t->clean = false;
}

static bool row_differs(const struct terminal *t, const struct canvas *page, unsigned row)
{
    size_t at = (size_t)row * page->width;

    return !t->shown.cells || memcmp(t->shown.cells + at, page->cells + at, page->width) != 0 ||
           memcmp(t->shown.styles + at, page->styles + at, page->width) != 0;
}

static void add_row(const struct terminal *t, const struct canvas *page, unsigned row,
                    struct strbuf *out)
{
    const char *const *codes = t->colours ? style_codes : colourless_codes;
    const char *cells = page->cells + (size_t)row * page->width;
    const uint8_t *styles = page->styles + (size_t)row * page->width;
    unsigned len = page->width;

    while (len > 0 && cells[len - 1] == ' ')
        len--;
    (void)strbuf_addf(out, "\033[%u;1H", row + 1);
    for (unsigned i = 0, end; i < len; i = end) {
        for (end = i + 1; end < len && styles[end] == styles[i];)
            end++;
        (void)strbuf_adds(out, codes[styles[i]]);
        (void)strbuf_add(out, cells + i, end - i);
    }
    (void)strbuf_adds(out, "\033[0m");
    if (len < page->width) /* in a full row it would take the last character */
        (void)strbuf_adds(out, "\033[K");
}

static int write_all(int fd, struct span data)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.ptr, data.len);

        if (n < 0 && errno != EINTR)
            return -errno;
        data.ptr += MAX(n, 0);
        data.len -= (size_t)MAX(n, 0);
    }
    return 0;
}

int terminal_show(struct terminal *t, const struct canvas *page)
{
    _cleanup_strbuf_ struct strbuf out;
    int r;

    strbuf_init(&out, PAGE_BYTES_MAX);
    if (t->shown.width != page->width || t->shown.height != page->height) {
        canvas_release(&t->shown);
        if (!t->clean)
            (void)strbuf_adds(&out, "\033[0m\033[2J");
    }
    t->clean = false;
    for (unsigned row = 0; row < page->height; row++)
        if (row_differs(t, page, row))
            add_row(t, page, row, &out);
    r = strbuf_error(&out);
    if (r == 0)
        r = write_all(t->out, strbuf_span(&out));
    if (r == 0 && !t->shown.cells)
        r = canvas_init(&t->shown, page->width, page->height);
    if (r == 0) {
        memcpy(t->shown.cells, page->cells, (size_t)page->width * page->height);
        memcpy(t->shown.styles, page->styles, (size_t)page->width * page->height);
    }
    return r;
}
