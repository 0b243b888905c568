/* The machine: what is installed, and how much room there is. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "admin/bench/child.h"
#include "admin/doctor/checks.h"
#include "base/embedded.h"
#include "base/number.h"
#include "base/span.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)
#define DISK_LITTLE (10 * GIB)
#define DISK_LEAST (1 * GIB)
#define MEMORY_LITTLE (512 * MIB)
#define DESCRIPTORS_LITTLE 4096
#define PACKAGES_MAX 64
#define PACKAGE_NAME_MAX 64

extern const struct embedded_file sluice_packages[];

struct package {
    char name[PACKAGE_NAME_MAX];
    bool installed;
};

struct package_list {
    struct package packages[PACKAGES_MAX];
    size_t count;
};

/* Rows "name  use" of deploy/packages.txt with this use. */
static void read_list(struct package_list *list, const char *use)
{
    struct span text = span_of(sluice_packages[0].begin,
                               (size_t)(sluice_packages[0].end - sluice_packages[0].begin));
    struct span line;

    while (span_split(&text, '\n', &line) && list->count < PACKAGES_MAX) {
        struct span rest = span_trim(line), name;

        if (rest.len == 0 || rest.ptr[0] == '#' || !span_split(&rest, ' ', &name) ||
            name.len >= PACKAGE_NAME_MAX || !span_eq(span_trim(rest), span_str(use)))
            continue;
        (void)snprintf(list->packages[list->count++].name, PACKAGE_NAME_MAX, "%.*s",
                       SPAN_ARG(name));
    }
}

static struct package *find(struct package_list *list, struct span name)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_eq(name, span_str(list->packages[i].name)))
            return &list->packages[i];
    return NULL;
}

/* Asks dpkg; versions of what is installed are appended to *versions. */
static int ask_dpkg(struct package_list *list, struct strbuf *versions)
{
    const char *argv[PACKAGES_MAX + 5] = { "dpkg-query", "-W", "-f",
                                           "${Package} ${db:Status-Status} ${Version}\n" };
    _cleanup_strbuf_ struct strbuf out, err;
    struct span text, line;
    int r;

    for (size_t i = 0; i < list->count; i++)
        argv[4 + i] = list->packages[i].name;
    strbuf_init(&out, 65536);
    strbuf_init(&err, 65536);
    r = child_run(argv, &out, &err); /* 1: some are not known to it */
    if (r < 0 || r > 1)
        return -ENOENT;
    text = strbuf_span(&out);
    while (span_split(&text, '\n', &line)) {
        struct span version = line, name, status;
        struct package *package;

        if (!span_split(&version, ' ', &name) || !span_split(&version, ' ', &status))
            continue;
        package = find(list, name);
        if (!package || !span_eq(status, SPAN("installed")))
            continue;
        package->installed = true;
        strbuf_addf(versions, "%s%.*s %.*s", versions->len ? ", " : "", SPAN_ARG(name),
                    SPAN_ARG(version));
    }
    return 0;
}

/* The command that installs what is missing; false when nothing is. */
static bool list_missing(const struct package_list *list, struct strbuf *command)
{
    bool any = false;

    strbuf_adds(command, "apt-get install --no-install-recommends");
    for (size_t i = 0; i < list->count; i++) {
        if (list->packages[i].installed)
            continue;
        strbuf_addf(command, " %s", list->packages[i].name);
        any = true;
    }
    return any;
}

static void check_use(struct findings *f, const char *use, enum finding_level when_missing)
{
    struct package_list list = { .count = 0 };
    _cleanup_strbuf_ struct strbuf versions, command;

    strbuf_init(&versions, 4096);
    strbuf_init(&command, 4096);
    read_list(&list, use);
    if (ask_dpkg(&list, &versions) < 0)
        findings_add(f, FINDING_WARN, "packages",
                     "Sluice is made for Debian 12; elsewhere compare with deploy/packages.txt",
                     "packages to %s: there is no dpkg-query to ask", use);
    else if (list_missing(&list, &command))
        findings_add(f, when_missing, "packages", command.ptr, "packages to %s are missing", use);
    else
        findings_add(f, FINDING_OK, "packages", NULL, "to %s: %s", use, versions.ptr);
}

void check_packages(struct findings *f)
{
    check_use(f, "run", FINDING_FAIL);
    check_use(f, "build", FINDING_WARN);
}

void check_disk(struct findings *f, const char *path)
{
    struct statvfs fs;
    double free_gib;
    uint64_t free_bytes;

    if (statvfs(path, &fs) < 0) {
        findings_add(f, FINDING_WARN, "disk", NULL, "%s: %s", path, strerror(errno));
        return;
    }
    free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    free_gib = (double)free_bytes / (double)GIB;
    if (free_bytes < DISK_LEAST)
        findings_add(f, FINDING_FAIL, "disk",
                     "free some room: a full disk stops JetStream and PostgreSQL for good",
                     "%.1f GiB free under %s", free_gib, path);
    else if (free_bytes < DISK_LITTLE)
        findings_add(f, FINDING_WARN, "disk", "free some room before the streams fill it",
                     "%.1f GiB free under %s", free_gib, path);
    else if (fs.f_files > 0 && fs.f_favail < 10000)
        findings_add(f, FINDING_WARN, "disk", "delete small files: inodes run out",
                     "%" PRIu64 " inodes free under %s", (uint64_t)fs.f_favail, path);
    else
        findings_add(f, FINDING_OK, "disk", NULL, "%.1f GiB free under %s", free_gib, path);
}

/* The kibibytes of a row of /proc/meminfo. */
static uint64_t meminfo(const char *row)
{
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/meminfo", "re");

    while (file && kib == 0 && fgets(line, sizeof(line), file)) {
        struct span rest = span_str(line), name, number;

        if (!span_split(&rest, ':', &name) || !span_eq(name, span_str(row)))
            continue;
        rest = span_trim(rest);
        if (span_split(&rest, ' ', &number))
            (void)!parse_u64(number, &kib);
    }
    if (file)
        (void)fclose(file);
    return kib;
}

void check_memory(struct findings *f)
{
    uint64_t available = meminfo("MemAvailable") * 1024, total = meminfo("MemTotal") * 1024;
    bool little = available < MEMORY_LITTLE;

    findings_add(f, little ? FINDING_WARN : FINDING_OK, "memory",
                 little ? "stop something, or give the machine more memory" : NULL,
                 "%" PRIu64 " of %" PRIu64 " MiB available", available / MIB, total / MIB);
}

void check_descriptors(struct findings *f)
{
    struct rlimit limit;
    bool little;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    little = limit.rlim_max < DESCRIPTORS_LITTLE;
    findings_add(f, little ? FINDING_WARN : FINDING_OK, "descriptors",
                 little ? "raise the hard limit (ulimit -Hn, LimitNOFILE=): each connection is one"
                        : NULL,
                 "a process may open %" PRIu64 " files and sockets", (uint64_t)limit.rlim_max);
}

static bool port_is_free(uint32_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0;
}

void check_ports_free(struct findings *f, uint32_t base)
{
    unsigned taken = 0;

    for (uint32_t port = base; port < base + 7; port++) {
        char mend[128];

        if (port_is_free(port))
            continue;
        taken++;
        (void)snprintf(mend, sizeof(mend),
                       "ss -ltnp 'sport = :%u' shows who holds it; stop that, or start with "
                       "--port-base N",
                       port);
        findings_add(f, FINDING_FAIL, "ports", mend, "127.0.0.1:%u is taken", port);
    }
    if (taken == 0)
        findings_add(f, FINDING_OK, "ports", NULL, "127.0.0.1:%u to %u are free", base, base + 6);
}
