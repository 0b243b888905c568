#include "stack/port_holder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "stack/files.h"

#define STATE_LISTEN "0A"
#define TABLE_MAX_BYTES ((size_t)64 << 20)
#define COMMAND_MAX_BYTES 200

/* The columns, counted from 0. */
enum { COLUMN_LOCAL = 1, COLUMN_STATE = 3, COLUMN_UID = 7, COLUMN_INODE = 9, COLUMN_COUNT };

static size_t split_columns(struct span line, struct span columns[COLUMN_COUNT])
{
    size_t n = 0;

    for (struct span word; n < COLUMN_COUNT && span_split(&line, ' ', &word);)
        if (word.len)
            columns[n++] = word;
    return n;
}

/* "0100007F:0BB8" */
static bool has_port(struct span local, uint32_t port)
{
    const char *colon = memchr(local.ptr, ':', local.len);
    char hex[8];

    (void)snprintf(hex, sizeof(hex), "%04X", port);
    return colon &&
           span_eq(span_of(colon + 1, (size_t)(local.ptr + local.len - colon - 1)), span_str(hex));
}

bool port_holder_line(struct span line, uint32_t port, uint64_t *ret_inode, uint64_t *ret_uid)
{
    struct span column[COLUMN_COUNT];

    return split_columns(line, column) == COLUMN_COUNT &&
           span_eq(column[COLUMN_STATE], SPAN(STATE_LISTEN)) &&
           has_port(column[COLUMN_LOCAL], port) &&
           parse_u64(column[COLUMN_INODE], ret_inode) == 0 &&
           parse_u64(column[COLUMN_UID], ret_uid) == 0;
}

static bool find_listener(const char *table, uint32_t port, uint64_t *inode, uint64_t *uid)
{
    _cleanup_strbuf_ struct strbuf text;
    struct span rest;

    strbuf_init(&text, TABLE_MAX_BYTES);
    if (file_read(AT_FDCWD, table, &text) < 0)
        return false;
    rest = strbuf_span(&text);
    for (struct span line; span_split(&rest, '\n', &line);)
        if (port_holder_line(line, port, inode, uid))
            return true;
    return false;
}

static bool holds_socket(const char *pid, const char *link)
{
    char path[300];
    bool found = false;
    DIR *dir;

    (void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    dir = opendir(path);
    for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        char target[64] = "";

        found = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0 &&
                strcmp(target, link) == 0;
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

static bool find_process(uint64_t inode, char *ret_pid, size_t size)
{
    char link[64];
    bool found = false;
    DIR *proc = opendir("/proc");

    (void)snprintf(link, sizeof(link), "socket:[%llu]", (unsigned long long)inode);
    for (struct dirent *entry; proc && !found && (entry = readdir(proc));) {
        if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
            continue;
        found = holds_socket(entry->d_name, link);
        if (found)
            (void)snprintf(ret_pid, size, "%s", entry->d_name);
    }
    if (proc)
        (void)closedir(proc);
    return found;
}

/* The command line as one line of printable text. */
static void add_command(const char *pid, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf command;
    char path[64];
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
    strbuf_init(&command, (size_t)1 << 20);
    if (file_read(AT_FDCWD, path, &command) < 0)
        strbuf_reset(&command);
    len = MIN(command.len, (size_t)COMMAND_MAX_BYTES);
    while (len && command.ptr[len - 1] == '\0')
        len--;
    for (size_t i = 0; i < len; i++)
        (void)strbuf_addc(out, command.ptr[i] > ' ' && command.ptr[i] < 127 ? command.ptr[i] : ' ');
    if (!len)
        (void)strbuf_adds(out, "a process");
}

void port_holder(uint32_t port, struct strbuf *out)
{
    uint64_t inode, uid;
    char pid[32];

    if (!find_listener("/proc/net/tcp", port, &inode, &uid) &&
        !find_listener("/proc/net/tcp6", port, &inode, &uid)) {
        (void)strbuf_adds(out, "a process that cannot be seen from here");
    } else if (find_process(inode, pid, sizeof(pid))) {
        add_command(pid, out);
        (void)strbuf_addf(out, " (pid %s)", pid);
    } else {
        (void)strbuf_addf(out, "a process of user %llu", (unsigned long long)uid);
    }
}
