#include "stack/leftovers.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "stack/files.h"
#include "stack/postgres.h"
#include "stack/process.h"

#define LIST_FILE "run/processes"
#define LIST_MAX_BYTES 65536
#define LEFTOVERS_MAX 128
#define PATIENCE_MSEC 30000

struct leftover {
    pid_t pid;
    int fd; /* pidfd */
    int stop_signal;
};

void leftovers_line(struct strbuf *out, const char *name, pid_t pid, uint64_t birth,
                    int stop_signal)
{
    (void)strbuf_addf(out, "%s %d %llu %d\n", name, (int)pid, (unsigned long long)birth,
                      stop_signal);
}

int leftovers_record(int data_dir_fd, struct span lines)
{
    return file_replace(data_dir_fd, LIST_FILE, lines, /* durable= */ false);
}

/* The descriptor is taken first and the birth looked at after: what it names cannot change any
 * more. */
static bool catch_process(struct leftover *l, pid_t pid, uint64_t birth, int stop_signal)
{
    l->fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (l->fd < 0)
        return false;
    if (birth && process_birth(pid) == birth) {
        l->pid = pid;
        l->stop_signal = stop_signal;
        return true;
    }
    fd_closep(&l->fd);
    return false;
}

struct listed {
    struct span name;
    uint32_t pid, stop_signal;
    uint64_t birth;
};

static bool parse_line(struct span line, struct listed *ret)
{
    struct span pid = SPAN_NONE, birth = SPAN_NONE;

    return span_split(&line, ' ', &ret->name) && span_split(&line, ' ', &pid) &&
           span_split(&line, ' ', &birth) && parse_u32(pid, &ret->pid) == 0 &&
           parse_u64(birth, &ret->birth) == 0 && parse_u32(line, &ret->stop_signal) == 0 &&
           ret->pid > 1 && ret->stop_signal < NSIG;
}

static bool catch_listed(struct leftover *l, struct span line)
{
    struct listed listed;

    return parse_line(line, &listed) &&
           catch_process(l, (pid_t)listed.pid, listed.birth, (int)listed.stop_signal);
}

pid_t leftovers_supervisor(int data_dir_fd, int *ret_fd)
{
    _cleanup_strbuf_ struct strbuf text;
    struct span rest, line = SPAN_NONE;
    struct leftover found;
    struct listed listed;

    strbuf_init(&text, LIST_MAX_BYTES);
    if (file_read(data_dir_fd, LIST_FILE, &text) < 0)
        return 0;
    rest = strbuf_span(&text);
    if (!span_split(&rest, '\n', &line) || !parse_line(line, &listed) ||
        !span_eq(listed.name, SPAN(LEFTOVERS_SUPERVISOR)) || !catch_listed(&found, line))
        return 0;
    if (ret_fd)
        *ret_fd = TAKE_FD(found.fd);
    fd_closep(&found.fd);
    return found.pid;
}

static int catch_all(int data_dir_fd, struct leftover all[LEFTOVERS_MAX])
{
    _cleanup_strbuf_ struct strbuf text;
    pid_t postmaster = postgres_running_pid(data_dir_fd);
    struct span rest;
    int count = 0;

    strbuf_init(&text, LIST_MAX_BYTES);
    if (file_read(data_dir_fd, LIST_FILE, &text) < 0)
        strbuf_reset(&text); /* nothing was ever started */
    rest = strbuf_span(&text);
    for (struct span line; count < LEFTOVERS_MAX - 1 && span_split(&rest, '\n', &line);)
        if (catch_listed(&all[count], line)) {
            if (all[count].pid == postmaster)
                postmaster = 0;
            count++;
        }
    if (postmaster && catch_process(&all[count], postmaster, process_birth(postmaster), SIGINT))
        count++;
    return count;
}

static void signal_them(const struct leftover *all, int count, bool kill_them)
{
    for (int i = 0; i < count; i++)
        (void)syscall(SYS_pidfd_send_signal, all[i].fd, kill_them ? SIGKILL : all[i].stop_signal,
                      NULL, 0);
}

/* Until they have all ended, or the time is up. */
static bool wait_for_all(const struct leftover *all, int count, int msec)
{
    uint64_t deadline = clock_mono_usec() + (uint64_t)msec * USEC_PER_MSEC;

    for (int i = 0; i < count; i++) {
        struct pollfd ended = { .fd = all[i].fd, .events = POLLIN };
        uint64_t now = clock_mono_usec();
        int left = now < deadline ? (int)((deadline - now) / USEC_PER_MSEC) : 0;

        if (poll(&ended, 1, left) != 1)
            return false;
    }
    return true;
}

int leftovers_stop(int data_dir_fd)
{
    struct leftover all[LEFTOVERS_MAX];
    int count = catch_all(data_dir_fd, all);

    signal_them(all, count, /* kill_them= */ false);
    if (!wait_for_all(all, count, PATIENCE_MSEC)) {
        signal_them(all, count, /* kill_them= */ true);
        (void)wait_for_all(all, count, PATIENCE_MSEC);
    }
    for (int i = 0; i < count; i++)
        (void)close(all[i].fd);
    return count;
}
