#include "admin/top/live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "admin/top/model.h"
#include "admin/top/sampler.h"
#include "admin/top/screen.h"
#include "admin/top/terminal.h"
#include "base/clock.h"

#define CTRL_L '\x0c'
#define ESCAPE '\033'

struct live {
    struct terminal terminal;
    struct sampler sampler;
    struct screen_options screen;
    struct sample *before, *now; /* owned; NULL = not yet */
    int signal_fd;
    bool leave;
};

static int draw(struct live *l)
{
    _cleanup_canvas_ struct canvas page = { 0 };
    struct model m;
    unsigned width, height;
    int r;

    terminal_size(l->terminal.out, &width, &height);
    r = canvas_init(&page, width, height);
    if (r < 0)
        return r;
    if (l->now) {
        model_make(&m, l->before, l->now);
        (void)screen_draw(&page, &m, &l->screen);
    } else {
        (void)canvas_put(&page, 0, 0, STYLE_PLAIN, "sluice top  looking ...");
    }
    return terminal_show(&l->terminal, &page);
}

/* While it is paused the page stays; rates of what comes later are over the last interval all the
 * same. */
static int take_sample(struct live *l)
{
    struct sample *sample = sampler_take(&l->sampler);

    if (!sample)
        return 0;
    if (l->screen.paused && l->now) {
        free(sample);
        return 0;
    }
    free(l->before);
    l->before = l->now;
    l->now = sample;
    return draw(l);
}

static int press(struct live *l, char key)
{
    switch (key) {
    case 'q':
    case 'Q':
        l->leave = true;
        return 0;
    case 'p':
    case 'P':
        l->screen.paused = !l->screen.paused;
        if (!l->screen.paused)
            sampler_hurry(&l->sampler);
        break;
    case ' ':
        sampler_hurry(&l->sampler);
        return 0;
    case '?':
    case 'h':
        l->screen.help = !l->screen.help;
        break;
    case CTRL_L:
        terminal_forget(&l->terminal);
        break;
    default:
        return 0;
    }
    return draw(l);
}

/* Arrows and the like are none of our keys, and none of the letters in them is. How many bytes
 * belong to one behind its escape: "[1;5A", "OP", nothing (ECMA-48, 5.4). */
static ssize_t escape_rest(const char *keys, ssize_t n)
{
    ssize_t i = 1;

    if (n == 0 || (keys[0] != '[' && keys[0] != 'O'))
        return 0;
    if (keys[0] == '[')
        while (i < n && (keys[i] < '@' || keys[i] > '~'))
            i++;
    return MIN(i + 1, n);
}

static int read_keys(struct live *l)
{
    char keys[64];
    ssize_t n = read(l->terminal.in, keys, sizeof(keys));
    int r = 0;

    if (n <= 0) {
        l->leave = n == 0 || errno != EINTR; /* the terminal went away */
        return 0;
    }
    for (ssize_t i = 0; r == 0 && !l->leave && i < n; i++)
        if (keys[i] == ESCAPE)
            i += escape_rest(keys + i + 1, n - i - 1);
        else
            r = press(l, keys[i]);
    return r;
}

/* Ctrl-Z: the terminal is the shell's meanwhile. */
static int suspend(struct live *l)
{
    const int in = l->terminal.in, out = l->terminal.out;
    int r;

    terminal_close(&l->terminal);
    (void)raise(SIGSTOP);
    r = terminal_open(&l->terminal, in, out);
    return r < 0 ? r : draw(l);
}

static int follow_signal(struct live *l)
{
    struct signalfd_siginfo info;

    if (read(l->signal_fd, &info, sizeof(info)) != sizeof(info))
        return 0;
    if (info.ssi_signo == SIGWINCH)
        return draw(l);
    if (info.ssi_signo == SIGTSTP)
        return suspend(l);
    l->leave = true;
    return 0;
}

static int run(struct live *l)
{
    struct pollfd fds[] = {
        { .fd = l->terminal.in, .events = POLLIN },
        { .fd = l->signal_fd, .events = POLLIN },
        { .fd = l->sampler.event_fd, .events = POLLIN },
    };
    int r = draw(l);

    while (r == 0 && !l->leave) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            r = follow_signal(l);
        if (r == 0 && fds[2].revents)
            r = take_sample(l);
        if (r == 0 && fds[0].revents)
            r = read_keys(l);
    }
    return r;
}

static int open_signals(struct live *l, sigset_t *before)
{
    static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        (void)sigaddset(&set, ours[i]);
    (void)sigprocmask(SIG_BLOCK, &set, before);
    l->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return l->signal_fd < 0 ? -errno : 0;
}

int live_run(const struct sample_options *options, const char *about, uint64_t interval_usec,
             struct strbuf *err)
{
    struct live l = { .screen = { .about = about,
                                  .interval_usec = interval_usec,
                                  .complaints_max = COMPLAINTS_MAX } };
    sigset_t before;
    int r = open_signals(&l, &before);

    if (r == 0)
        r = sampler_start(&l.sampler, options, interval_usec);
    if (r < 0) {
        strbuf_setf(err, "top cannot begin: %s", strerror(-r));
        return r;
    }
    r = terminal_open(&l.terminal, STDIN_FILENO, STDOUT_FILENO);
    if (r == 0)
        r = run(&l);
    terminal_close(&l.terminal);
    if (r < 0)
        strbuf_setf(err, "the terminal: %s", strerror(-r));
    if (!sampler_stop(&l.sampler)) {
        /* it waits for a process that hangs, and so would whoever waits for it */
        if (r < 0)
            (void)fprintf(stderr, "sluice top: %s\n", err->ptr);
        _exit(r < 0 ? 1 : 0);
    }
    free(l.before);
    free(l.now);
    (void)close(l.signal_fd);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}
