#include "admin/top/complaints.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/top/log_line.h"
#include "base/clock.h"
#include "base/macros.h"
#include "base/strbuf.h"

#define FIRST_BYTES (64 << 10)
#define ADDED_BYTES_MAX (1 << 20)

static void remove_at(struct complaints *c, size_t at)
{
    c->count--;
    memmove(&c->list[at], &c->list[at + 1], (c->count - at) * sizeof(c->list[0]));
}

/* Keeps the newest first. */
static void insert(struct complaints *c, const struct complaint *complaint)
{
    size_t at = 0;

    while (at < c->count && c->list[at].wall_usec > complaint->wall_usec)
        at++;
    if (at == COMPLAINTS_MAX)
        return;
    if (c->count == COMPLAINTS_MAX)
        c->count--;
    memmove(&c->list[at + 1], &c->list[at], (c->count - at) * sizeof(c->list[0]));
    c->list[at] = *complaint;
    c->count++;
}

void complaints_take(struct complaints *c, const char *name, struct span line, int64_t now_usec)
{
    struct complaint complaint = { .wall_usec = now_usec, .times = 1 };

    if (!log_line_complains(line, &complaint))
        return;
    (void)snprintf(complaint.name, sizeof(complaint.name), "%s", name);
    for (size_t i = 0; i < c->count; i++) {
        const struct complaint *other = &c->list[i];

        if (strcmp(other->name, name) != 0 || strcmp(other->text, complaint.text) != 0)
            continue;
        complaint.times += other->times;
        complaint.wall_usec = MAX(complaint.wall_usec, other->wall_usec);
        remove_at(c, i);
        break;
    }
    insert(c, &complaint);
}

static struct complaint_file *file_of(struct complaints *c, const char *name)
{
    struct complaint_file *file;

    for (size_t i = 0; i < c->file_count; i++)
        if (strcmp(c->files[i].name, name) == 0)
            return &c->files[i];
    if (c->file_count == COMPLAINT_FILES_MAX)
        return NULL;
    file = &c->files[c->file_count++];
    *file = (struct complaint_file){ .offset = -1 };
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    return file;
}

/* Where to go on: after what was read, unless the file is new or was cut by the rotation. */
static void find_place(struct complaint_file *file, const struct stat *st)
{
    if (file->offset >= 0 && file->inode == st->st_ino && st->st_size >= file->offset &&
        st->st_size - file->offset <= ADDED_BYTES_MAX)
        return;
    if (file->offset >= 0 && st->st_size < file->offset)
        file->offset = 0;
    else
        file->offset = MAX(st->st_size - FIRST_BYTES, 0);
    file->inode = st->st_ino;
}

static void read_added(struct complaints *c, struct complaint_file *file, int fd)
{
    _cleanup_strbuf_ struct strbuf text;
    int64_t now = clock_wall_usec();
    struct span rest, line;
    struct stat st;
    ssize_t n;

    strbuf_init(&text, ADDED_BYTES_MAX);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    find_place(file, &st);
    n = st.st_size - file->offset;
    if (n <= 0 || strbuf_reserve(&text, (size_t)n) < 0)
        return;
    n = pread(fd, text.ptr, (size_t)n, file->offset);
    if (n <= 0)
        return;
    rest = span_of(text.ptr, (size_t)n);
    while (rest.len && memchr(rest.ptr, '\n', rest.len)) { /* the last line may still grow */
        (void)span_split(&rest, '\n', &line);
        complaints_take(c, file->name, line, now);
    }
    file->offset += n - (ssize_t)rest.len;
}

static void read_file(struct complaints *c, int dir_fd, const char *file_name)
{
    _cleanup_close_ int fd = -1;
    struct complaint_file *file;
    size_t len = strlen(file_name);
    char name[sizeof(file->name)];

    if (len <= 4 || len - 4 >= sizeof(name) || strcmp(file_name + len - 4, ".log") != 0)
        return;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(len - 4), file_name);
    file = file_of(c, name);
    fd = openat(dir_fd, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file && fd >= 0)
        read_added(c, file, fd);
}

void complaints_read(struct complaints *c, const char *data)
{
    char path[PATH_MAX];
    DIR *dir;

    (void)snprintf(path, sizeof(path), "%s/log", data);
    dir = opendir(path);
    c->why[0] = '\0';
    if (!dir) {
        (void)snprintf(c->why, sizeof(c->why), "the logs cannot be read: %s", strerror(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        read_file(c, dirfd(dir), entry->d_name);
    (void)closedir(dir);
}
