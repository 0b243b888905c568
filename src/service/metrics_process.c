/* The process_* names of the Prometheus client libraries, read from /proc at scrape time (proc(5)),
 * and sluice_build_info. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"
#include "base/span.h"
#include "service/metrics.h"

/* Fields of /proc/self/stat, counted from 1, the command's name in brackets being the second. */
enum { STAT_THREADS = 20, STAT_START_TICKS = 22, STAT_VSIZE = 23, STAT_RSS_PAGES = 24 };

static double stat_field(int field)
{
    _cleanup_close_ int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    char text[2048];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    const char *end = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
    struct span rest, word;
    uint64_t v = 0;

    if (!end || end + 2 >= text + n)
        return 0;
    rest = span_of(end + 2, (size_t)(text + n - end - 2));
    for (int at = 3; span_split(&rest, ' ', &word); at++)
        if (at == field)
            return parse_u64(word, &v) == 0 ? (double)v : 0;
    return 0;
}

static double read_cpu(void *ctx UNUSED)
{
    struct timespec ts;

    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == 0
               ? (double)ts.tv_sec + (double)ts.tv_nsec / 1e9
               : 0;
}

static double read_resident(void *ctx UNUSED)
{
    return stat_field(STAT_RSS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static double read_virtual(void *ctx UNUSED)
{
    return stat_field(STAT_VSIZE);
}

static double read_threads(void *ctx UNUSED)
{
    return stat_field(STAT_THREADS);
}

static double read_fds(void *ctx UNUSED)
{
    DIR *dir = opendir("/proc/self/fd");
    double n = -3; /* ".", ".." and the one that lists */

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

static double read_max_fds(void *ctx UNUSED)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : 0;
}

/* What an unprivileged process may still write. */
static double read_disk_free(void *ctx UNUSED)
{
    struct statvfs st;

    return statvfs(".", &st) == 0 ? (double)st.f_bavail * (double)st.f_frsize : 0;
}

static double read_disk_size(void *ctx UNUSED)
{
    struct statvfs st;

    return statvfs(".", &st) == 0 ? (double)st.f_blocks * (double)st.f_frsize : 0;
}

/* Wall-clock time of the start: now, less the time since boot that passed after it. */
static double start_time(void)
{
    struct timespec boot;

    if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
        return 0;
    return (double)clock_wall_usec() / 1e6 -
           ((double)boot.tv_sec + (double)boot.tv_nsec / 1e9 -
            stat_field(STAT_START_TICKS) / (double)sysconf(_SC_CLK_TCK));
}

void metrics_add_process(struct metrics *m, const char *role)
{
    char labels[128];

    metrics_counter_fn(m, "process_cpu_seconds_total",
                       "User and system CPU time of the process in seconds.", NULL, read_cpu, NULL);
    metrics_gauge_fn(m, "process_resident_memory_bytes", "Memory of the process in RAM.", NULL,
                     read_resident, NULL);
    metrics_gauge_fn(m, "process_virtual_memory_bytes", "Address space of the process.", NULL,
                     read_virtual, NULL);
    metrics_gauge_fn(m, "process_open_fds", "Open file descriptors.", NULL, read_fds, NULL);
    metrics_gauge_fn(m, "process_max_fds", "The most file descriptors it may open.", NULL,
                     read_max_fds, NULL);
    metrics_gauge_fn(m, "process_threads", "Threads of the process.", NULL, read_threads, NULL);
    metric_set(metrics_gauge(m, "process_start_time_seconds",
                             "When the process started, in seconds since 1970.", NULL),
               start_time());
    metrics_gauge_fn(m, "sluice_filesystem_free_bytes",
                     "Bytes free on the file system of the process' working directory.", NULL,
                     read_disk_free, NULL);
    metrics_gauge_fn(m, "sluice_filesystem_size_bytes",
                     "Bytes of the file system of the process' working directory.", NULL,
                     read_disk_size, NULL);
    (void)snprintf(labels, sizeof(labels), "version=\"%s\",role=\"%s\"", SLUICE_VERSION, role);
    metric_set(
        metrics_gauge(m, "sluice_build_info", "Always 1; the version is in the label.", labels), 1);
}
