#include "stack/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/child.h"

#define SYSTEM_USER "sluice"

static void fill(struct identity *id, const struct passwd *user)
{
    id->uid = user->pw_uid;
    id->gid = user->pw_gid;
    id->switched = user->pw_uid != geteuid();
    (void)snprintf(id->name, sizeof(id->name), "%s", user->pw_name);
}

static int make_system_user(struct strbuf *err)
{
    _cleanup_child_spec_ struct child_spec spec;
    static const char *const words[] = { "/usr/sbin/useradd", "--system",          "--user-group",
                                         "--no-create-home",  "--home-dir",        "/nonexistent",
                                         "--shell",           "/usr/sbin/nologin", SYSTEM_USER };

    child_spec_init(&spec);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        child_arg(&spec, words[i]);
    spec.log_fd = STDERR_FILENO;
    return child_run_to_end(&spec, err);
}

static int choose_system_user(struct identity *ret, struct strbuf *err)
{
    const struct passwd *user = getpwnam(SYSTEM_USER);

    if (!user) {
        int r = make_system_user(err);

        if (r < 0)
            return r;
        user = getpwnam(SYSTEM_USER);
    }
    if (!user || user->pw_uid == 0) {
        strbuf_setf(err, "there is no system user '" SYSTEM_USER "' to run as; make it with: "
                         "useradd --system " SYSTEM_USER);
        return -ENOENT;
    }
    fill(ret, user);
    return 0;
}

int identity_choose(uid_t owner, struct identity *ret, struct strbuf *err)
{
    uid_t self = geteuid(), wanted = self == 0 ? owner : self;
    const struct passwd *user;

    if (self == 0 && owner == 0)
        return choose_system_user(ret, err);
    user = getpwuid(wanted);
    if (user)
        fill(ret, user);
    else /* a container may run us as a number without a name */
        *ret =
            (struct identity){ wanted, self == 0 ? (gid_t)wanted : getegid(), "", self != wanted };
    return 0;
}

int identity_become(const struct identity *id, struct strbuf *err)
{
    if (!id->switched)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
        setresuid(id->uid, id->uid, id->uid) < 0) {
        int r = -errno;

        strbuf_setf(err, "cannot become the user %s: %s", id->name, strerror(-r));
        return r;
    }
    return 0;
}

int identity_run(const struct identity *id, int (*fn)(void *ctx), void *ctx, struct strbuf *err)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(identity_become(id, err) < 0 ? 101 : fn(ctx));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 100)
        return WEXITSTATUS(status);
    strbuf_setf(err, "cannot run as the user %s", id->name);
    return -EPERM;
}
