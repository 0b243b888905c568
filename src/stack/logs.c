#include "stack/logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void logs_path(const char *name, char ret[LOGS_PATH_MAX])
{
    (void)snprintf(ret, LOGS_PATH_MAX, "log/%.40s.log", name);
}

int logs_open(int data_dir_fd, const char *name, int *ret_fd)
{
    char path[LOGS_PATH_MAX];
    int fd;

    logs_path(name, path);
    fd = openat(data_dir_fd, path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* Copies what there is from the present offset to the end of the file. */
static int copy_rest(int from, int to)
{
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)1 << 20, 0);

        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
    }
}

static void rotate(int log_dir_fd, const char *name, uint64_t max_bytes)
{
    _cleanup_close_ int from = -1, to = -1;
    char kept[300];
    struct stat st;

    if (fstatat(log_dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        (uint64_t)st.st_size <= max_bytes)
        return;
    (void)snprintf(kept, sizeof(kept), "%s.1", name);
    from = openat(log_dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    to = openat(log_dir_fd, kept, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    /* Without room for the copy the file is cut all the same: the disk matters more than old lines.
     * A line written between the copy's end and the cut is lost; it is a matter of microseconds. */
    if (to >= 0 && from >= 0)
        (void)copy_rest(from, to);
    if (from >= 0)
        (void)!ftruncate(from, 0);
}

static bool is_log(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcmp(name + len - 4, ".log") == 0;
}

void logs_rotate(int data_dir_fd, uint64_t max_bytes)
{
    int fd = openat(data_dir_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (is_log(entry->d_name))
            rotate(fd, entry->d_name, max_bytes);
    (void)closedir(dir);
}
