#include "stack/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/child.h"
#include "stack/files.h"

#define MARK "sluice-stack"

void layout_release(struct layout *l)
{
    fd_closep(&l->dir_fd);
    fd_closep(&l->lock_fd);
}

static int fail(struct strbuf *err, const char *path, const char *what)
{
    int r = -errno;

    strbuf_setf(err, "%s: %s: %s", path, what, strerror(-r));
    return r;
}

static int open_dir(struct layout *l, const char *path, struct strbuf *err)
{
    char *full;

    l->dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (l->dir_fd < 0)
        return fail(err, path, "cannot be opened");
    full = realpath(path, NULL);
    (void)snprintf(l->shown, sizeof(l->shown), "%s", full ? full : path);
    free(full);
    return 0;
}

static bool is_marked(const struct layout *l)
{
    struct stat st;

    return fstatat(l->dir_fd, MARK, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

int layout_open(struct layout *l, const char *path, struct strbuf *err)
{
    int r = open_dir(l, path, err);

    if (r < 0)
        return r;
    if (is_marked(l))
        return 0;
    if (errno != ENOENT)
        return fail(err, l->shown, "cannot be looked into");
    strbuf_setf(err, "no stack was ever started in %s", l->shown);
    return -ENOENT;
}

static bool is_empty(int fd)
{
    DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    bool empty = true;

    for (struct dirent *entry; dir && empty && (entry = readdir(dir));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        (void)closedir(dir);
    return empty;
}

static int lock(struct layout *l, struct strbuf *err)
{
    if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return fail(err, l->shown, "cannot be locked");
    strbuf_setf(err, "a stack runs in %s already", l->shown);
    return -EEXIST;
}

static int give_to(struct layout *l, uid_t owner, const struct identity *id, struct strbuf *err)
{
    if (owner == id->uid)
        return 0;
    if (geteuid() != 0) {
        strbuf_setf(err,
                    "%s belongs to another user (uid %u): start as that user or with sudo, or "
                    "choose another directory with --data",
                    l->shown, (unsigned)owner);
        return -EACCES;
    }
    /* Only the directory itself: what is in it was made by its owner. */
    return fchown(l->lock_fd, id->uid, id->gid) < 0 ? fail(err, l->shown, "cannot be given away")
                                                    : 0;
}

int layout_claim(struct layout *l, const char *path, struct identity *ret_id, struct strbuf *err)
{
    struct stat st;
    int r;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(err, path, "cannot be made");
    r = open_dir(l, path, err);
    if (r < 0)
        return r;
    l->lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->lock_fd < 0 || fstat(l->lock_fd, &st) < 0)
        return fail(err, l->shown, "cannot be opened");
    if (!is_marked(l) && !is_empty(l->lock_fd)) {
        strbuf_setf(err, "%s holds other things; choose a new or empty directory with --data",
                    l->shown);
        return -ENOTEMPTY;
    }
    r = identity_choose(st.st_uid, ret_id, err);
    if (r < 0)
        return r;
    r = lock(l, err);
    return r < 0 ? r : give_to(l, st.st_uid, ret_id, err);
}

/* By name if the name leads here for the user we are now, else through the inherited descriptor. */
static void find_way_inside(struct layout *l)
{
    _cleanup_close_ int fd = open(l->shown, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat here, there;

    if (fd >= 0 && fstat(fd, &there) == 0 && fstat(l->dir_fd, &here) == 0 &&
        here.st_ino == there.st_ino && here.st_dev == there.st_dev)
        memcpy(l->inside, l->shown, sizeof(l->inside));
    else
        (void)snprintf(l->inside, sizeof(l->inside), "/proc/self/fd/%d", CHILD_DIR_FD);
}

int layout_enter(struct layout *l, struct strbuf *err)
{
    static const char *const folders[] = { "run", "log", "secrets", "nats", "prometheus" };
    int r = file_replace(l->dir_fd, MARK, SPAN("The data of a Sluice stack; see sluice --help.\n"),
                         /* durable= */ false);

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
        r = dir_ensure(l->dir_fd, folders[i]);
    if (r < 0) {
        strbuf_setf(err, "%s cannot be written: %s", l->shown, strerror(-r));
        return r;
    }
    find_way_inside(l);
    return 0;
}

void layout_path(const struct layout *l, const char *name, char ret[LAYOUT_PATH_MAX])
{
    if (snprintf(ret, LAYOUT_PATH_MAX, "%s/%s", l->inside, name) >= LAYOUT_PATH_MAX)
        abort();
}
