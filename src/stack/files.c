#include "stack/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, struct strbuf *out)
{
    char chunk[8192];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        int r;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        r = strbuf_add(out, chunk, (size_t)n);
        if (r < 0)
            return r;
    }
    return 0;
}

int file_read(int dir_fd, const char *path, struct strbuf *out)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : read_all(fd, out);
}

int fd_write_all(int fd, struct span data)
{
    while (data.len) {
        ssize_t n = write(fd, data.ptr, data.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data = span_of(data.ptr + n, data.len - (size_t)n);
    }
    return 0;
}

int file_replace(int dir_fd, const char *path, struct span content, bool durable)
{
    char beside[256];
    _cleanup_close_ int fd = -1;
    int r;

    if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
        return -ENAMETOOLONG;
    fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, content);
    if (r < 0)
        return r;
    if ((durable && fdatasync(fd) < 0) || renameat(dir_fd, beside, dir_fd, path) < 0)
        return -errno;
    return 0;
}

int dir_ensure(int dir_fd, const char *path)
{
    if (mkdirat(dir_fd, path, 0700) < 0 && errno != EEXIST)
        return -errno;
    return 0;
}

static int remove_content(int fd);

static int remove_entry(int parent_fd, const char *name)
{
    _cleanup_close_ int fd = -1;
    int r;

    if (unlinkat(parent_fd, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    r = remove_content(TAKE_FD(fd));
    if (r < 0)
        return r;
    return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* Takes the descriptor over. The depth is that of a tree our own programs wrote. */
static int remove_content(int fd)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int r = 0;

    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    while (r == 0 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = remove_entry(fd, entry->d_name);
    (void)closedir(dir);
    return r;
}

int dir_remove(int dir_fd, const char *path)
{
    int r = remove_entry(dir_fd, path);

    return r == -ENOENT ? 0 : r;
}

void file_tail(int dir_fd, const char *path, size_t bytes, struct strbuf *out)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t start = out->len;
    struct stat st;
    char *line;

    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    if ((size_t)st.st_size <= bytes) {
        (void)read_all(fd, out);
        return;
    }
    (void)lseek(fd, st.st_size - (off_t)bytes, SEEK_SET);
    (void)read_all(fd, out);
    line = memchr(out->ptr + start, '\n', out->len - start);
    if (line) {
        size_t cut = (size_t)(line + 1 - (out->ptr + start));

        memmove(out->ptr + start, out->ptr + start + cut, out->len - start - cut);
        strbuf_truncate(out, out->len - cut);
    }
}
