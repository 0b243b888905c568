/* `sluice logs`: the last lines of one log file or of all, and what is added to them. Reads the
 * files themselves, so that it works whether the stack runs or not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/files.h"
#include "stack/layout.h"
#include "stack/logs.h"
#include "stack/options.h"
#include "stack/stack.h"

#define FILES_MAX 128
#define TAIL_MAX_BYTES ((size_t)8 << 20)
#define CHUNK_BYTES 65536

struct log_file {
    char name[LOGS_PATH_MAX]; /* "gateway" */
    off_t offset;             /* shown so far */
    struct strbuf partial;    /* the beginning of a line whose end is still to come */
};

struct reader {
    int data_dir_fd;
    struct log_file files[FILES_MAX];
    size_t count;
    bool named; /* lines carry their file's name */
};

static struct log_file *add_file(struct reader *r, const char *name)
{
    struct log_file *f;

    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->files[i].name, name) == 0)
            return &r->files[i];
    if (r->count == FILES_MAX)
        return NULL;
    f = &r->files[r->count++];
    (void)snprintf(f->name, sizeof(f->name), "%s", name);
    f->offset = 0;
    strbuf_init(&f->partial, TAIL_MAX_BYTES);
    return f;
}

/* Cuts ".log" off; false for another file. */
static bool name_of(const char *file, char ret[LOGS_PATH_MAX])
{
    size_t len = strlen(file);

    if (len <= 4 || len >= LOGS_PATH_MAX || strcmp(file + len - 4, ".log") != 0)
        return false;
    (void)snprintf(ret, LOGS_PATH_MAX, "%.*s", (int)(len - 4), file);
    return true;
}

static bool is_wanted(const char *name, const char *role)
{
    size_t len = role ? strlen(role) : 0;

    /* "gateway" also stands for gateway-2 */
    return !role || (strncmp(name, role, len) == 0 &&
                     (!name[len] || (name[len] == '-' && strspn(name + len + 1, "0123456789") ==
                                                             strlen(name + len + 1))));
}

static int find_files(struct reader *r, const char *role)
{
    int fd = openat(r->data_dir_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    char name[LOGS_PATH_MAX];

    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (name_of(entry->d_name, name) && is_wanted(name, role))
            (void)add_file(r, name);
    (void)closedir(dir);
    return 0;
}

static void print_line(const struct reader *r, const struct log_file *f, struct span line)
{
    if (r->named)
        printf("%-16s | ", f->name);
    (void)fwrite(line.ptr, 1, line.len, stdout);
    putchar('\n');
}

/* Prints whole lines, keeps the rest. */
static void print_lines(const struct reader *r, struct log_file *f)
{
    const char *at = f->partial.ptr, *end = at + f->partial.len, *newline;
    size_t left;

    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        print_line(r, f, span_of(at, (size_t)(newline - at)));
        at = newline + 1;
    }
    left = (size_t)(end - at);
    if (left && at != f->partial.ptr)
        memmove(f->partial.ptr, at, left);
    strbuf_truncate(&f->partial, left);
}

/* Shows what was added. A file that became shorter was cut by the rotation: it is read from its
 * start. */
static void read_added(const struct reader *r, struct log_file *f)
{
    char path[LOGS_PATH_MAX], chunk[CHUNK_BYTES];
    _cleanup_close_ int fd = -1;
    struct stat st;
    ssize_t n;

    logs_path(f->name, path);
    fd = openat(r->data_dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if (st.st_size < f->offset)
        f->offset = 0;
    while ((n = pread(fd, chunk, sizeof(chunk), f->offset)) > 0) {
        f->offset += n;
        if (strbuf_add(&f->partial, chunk, (size_t)n) < 0)
            strbuf_reset(&f->partial); /* no line of ours is that long */
        print_lines(r, f);
    }
}

/* Where the last `lines` lines begin. */
static off_t last_lines(const struct reader *r, const struct log_file *f, uint32_t lines)
{
    _cleanup_strbuf_ struct strbuf text;
    char path[LOGS_PATH_MAX];
    struct stat st;
    size_t at;

    logs_path(f->name, path);
    strbuf_init(&text, TAIL_MAX_BYTES + CHUNK_BYTES);
    if (fstatat(r->data_dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    file_tail(r->data_dir_fd, path, MIN((size_t)st.st_size, TAIL_MAX_BYTES), &text);
    at = text.len;
    for (uint32_t found = 0; at > 0; at--)
        if (text.ptr[at - 1] == '\n' && at != text.len && ++found == lines)
            break;
    if (lines == 0)
        at = text.len;
    return st.st_size - (off_t)(text.len - MIN(at, text.len));
}

static void read_event(struct reader *r, const char *file, const char *role)
{
    char name[LOGS_PATH_MAX];
    struct log_file *f;

    if (!name_of(file, name) || !is_wanted(name, role))
        return;
    f = add_file(r, name);
    if (f)
        read_added(r, f);
}

static int follow(struct reader *r, const char *role, int watch_fd)
{
    union {
        char bytes[CHUNK_BYTES];
        struct inotify_event align;
    } events;
    ssize_t n;

    for (size_t i = 0; i < r->count; i++) /* what came before the watch was looked at */
        read_added(r, &r->files[i]);
    while (fflush(stdout) == 0 && (n = read(watch_fd, events.bytes, sizeof(events.bytes))) > 0)
        for (char *at = events.bytes; at < events.bytes + n;) {
            const struct inotify_event *event = (const void *)at;

            if (event->len)
                read_event(r, event->name, role);
            at += sizeof(*event) + event->len;
        }
    return 0;
}

static int show(struct reader *r, const struct options *options, struct strbuf *err)
{
    char folder[64];
    _cleanup_close_ int watch_fd = inotify_init1(IN_CLOEXEC);

    (void)snprintf(folder, sizeof(folder), "/proc/self/fd/%d/log", r->data_dir_fd);
    if (options->follow && inotify_add_watch(watch_fd, folder, IN_MODIFY | IN_CREATE) < 0) {
        strbuf_setf(err, "the logs cannot be watched: %s", strerror(errno));
        return 1;
    }
    if (find_files(r, options->role) < 0 || (!r->count && !options->follow)) {
        strbuf_setf(err, "there is no log of %s", options->role ? options->role : "anything");
        return 1;
    }
    r->named = !options->role || r->count > 1;
    for (size_t i = 0; i < r->count; i++) {
        r->files[i].offset = last_lines(r, &r->files[i], options->lines);
        read_added(r, &r->files[i]);
    }
    return options->follow ? follow(r, options->role, watch_fd) : 0;
}

int stack_logs(int argc, char **argv)
{
    static const struct options_command command = {
        .name = "logs",
        .about = "Shows the last lines of one process's log, or of all.",
        .word = "[ROLE]",
        .flags = OPTION_FOLLOW | OPTION_LINES,
    };
    _cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));
    _cleanup_layout_ struct layout layout = LAYOUT_INIT;
    _cleanup_strbuf_ struct strbuf err;
    struct options options;
    int r;

    strbuf_init(&err, 4096);
    r = options_parse(&options, &command, argc, argv, &err);
    if (r > 0 || !reader)
        return r > 0 ? 0 : 1;
    r = r < 0 ? 2 : layout_open(&layout, options.data, &err) < 0 ? STACK_NOT_RUNNING : 0;
    if (r == 0) {
        reader->data_dir_fd = layout.dir_fd;
        r = show(reader, &options, &err);
    }
    if (err.len)
        fprintf(stderr, "sluice logs: %s\n", err.ptr);
    for (size_t i = 0; i < reader->count; i++)
        strbuf_release(&reader->files[i].partial);
    return r;
}
