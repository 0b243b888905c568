#include "base/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/number.h"
#include "base/span.h"

#define TREE_MAX 512

struct sums {
    double cpu_seconds;
    uint64_t private_bytes, shared_bytes;
};

/* Reads the beginning of a file; its length, or -ENOENT. */
static ssize_t read_text(const char *path, char *buf, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t n;

    if (!file)
        return -ENOENT;
    n = fread(buf, 1, size - 1, file);
    fclose(file);
    buf[n] = '\0';
    return (ssize_t)n;
}

/* Reads a small file of /proc; its length, or -ESRCH. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
    char path[96];
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    n = read_text(path, buf, size);
    return n < 0 ? -ESRCH : n;
}

/* utime, stime, cutime and cstime are fields 14 to 17, behind the name in parentheses. */
static int add_cpu(pid_t pid, bool with_children, struct sums *sums)
{
    const int last = with_children ? 17 : 15;
    char text[1024], *at, *save = NULL, *word;
    double ticks = 0;
    int field = 2;

    if (read_proc(pid, "stat", text, sizeof(text)) < 0)
        return -ESRCH;
    at = strrchr(text, ')');
    if (!at)
        return -ESRCH;
    for (word = strtok_r(at + 1, " ", &save); word && field < last;
         word = strtok_r(NULL, " ", &save))
        if (++field >= 14)
            ticks += strtod(word, NULL);
    sums->cpu_seconds += ticks / (double)sysconf(_SC_CLK_TCK);
    return 0;
}

static uint64_t status_kib(const char *status, const char *name)
{
    const char *at = strstr(status, name);

    return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void add_memory(pid_t pid, struct sums *sums, uint64_t *ret_peak)
{
    char status[8192];
    uint64_t shared;

    if (read_proc(pid, "status", status, sizeof(status)) < 0)
        return;
    shared = status_kib(status, "RssShmem:") + status_kib(status, "RssFile:");
    sums->private_bytes += status_kib(status, "RssAnon:");
    sums->shared_bytes = MAX(sums->shared_bytes, shared);
    if (ret_peak)
        *ret_peak = status_kib(status, "VmHWM:");
}

/* Appends the children of a process to the list of those still to be visited. */
static size_t add_children(pid_t pid, pid_t *tree, size_t count)
{
    char name[64], text[16384], *save = NULL;

    (void)snprintf(name, sizeof(name), "task/%d/children", (int)pid);
    if (read_proc(pid, name, text, sizeof(text)) < 0)
        return count;
    for (char *word = strtok_r(text, " ", &save); word && count < TREE_MAX;
         word = strtok_r(NULL, " ", &save))
        tree[count++] = (pid_t)strtol(word, NULL, 10);
    return count;
}

int usage_of(pid_t pid, bool with_children, struct usage *ret)
{
    struct sums sums = { 0 };
    struct usage usage = { 0 };
    pid_t tree[TREE_MAX] = { pid };
    size_t count = 1;

    for (size_t i = 0; i < count; i++) {
        int r = add_cpu(tree[i], with_children, &sums);
        if (r < 0 && i == 0)
            return r;
        add_memory(tree[i], &sums, i == 0 ? &usage.peak_bytes : NULL);
        if (with_children)
            count = add_children(tree[i], tree, count);
    }
    usage.cpu_seconds = sums.cpu_seconds;
    usage.memory_bytes = sums.private_bytes + sums.shared_bytes;
    *ret = usage;
    return 0;
}

/* cgroups(7): what a container sees as the root is its own group. */
static uint64_t control_group_limit(void)
{
    char text[32] = "";
    uint64_t limit;

    if (read_text("/sys/fs/cgroup/memory.max", text, sizeof(text)) < 0)
        return UINT64_MAX;
    return parse_u64(span_trim(span_str(text)), &limit) == 0 ? limit : UINT64_MAX;
}

uint64_t memory_limit(void)
{
    struct sysinfo info;

    if (sysinfo(&info) < 0)
        return 0;
    return MIN((uint64_t)info.totalram * info.mem_unit, control_group_limit());
}
