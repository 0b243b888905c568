#include "stack/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stack/files.h"
#include "stack/nats_server.h"

void site_init(struct site *site)
{
    *site = (struct site){ .layout = LAYOUT_INIT, .exe_fd = -1 };
}

void site_release(struct site *site)
{
    layout_release(&site->layout);
    settings_release(&site->settings);
    fd_closep(&site->exe_fd);
    free(site->nats_url);
    free(site->database_url);
}

static int copy_to_memory(int fd, off_t size)
{
    _cleanup_close_ int copy = memfd_create("sluice", MFD_CLOEXEC);

    if (copy < 0)
        return -errno;
    while (size > 0) {
        ssize_t n = sendfile(copy, fd, NULL, (size_t)size);

        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        size -= n;
    }
    /* A file that is open for writing cannot be executed: open it anew, for reading only. */
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int site_open_program(struct site *site, struct strbuf *err)
{
    const mode_t everybody = S_IROTH | S_IXOTH;
    _cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        strbuf_setf(err, "our own program cannot be opened through /proc: %s", strerror(errno));
        return -EIO;
    }
    if (!site->identity.switched || (st.st_mode & everybody) == everybody) {
        site->exe_fd = TAKE_FD(fd);
        return 0;
    }
    site->exe_fd = copy_to_memory(fd, st.st_size);
    if (site->exe_fd < 0) {
        strbuf_setf(err, "the user %s may not run our program, and it cannot be copied: %s",
                    site->identity.name, strerror(-site->exe_fd));
        return -EACCES;
    }
    return 0;
}

static int make_secret(const struct site *site, const char *path, char ret[SECRET_MAX])
{
    unsigned char random[(SECRET_MAX - 1) / 2];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(ret + 2 * i, 3, "%02x", random[i]);
    return file_replace(site->layout.dir_fd, path, span_str(ret), /* durable= */ true);
}

int site_secret(const struct site *site, const char *name, char ret[SECRET_MAX], struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    char path[64];
    int r;

    strbuf_init(&text, SECRET_MAX);
    (void)snprintf(path, sizeof(path), "secrets/%s", name);
    r = file_read(site->layout.dir_fd, path, &text);
    if (r == -ENOENT)
        r = make_secret(site, path, ret);
    else if (r == 0 && text.len == SECRET_MAX - 1)
        memcpy(ret, text.ptr, SECRET_MAX);
    else if (r == 0)
        r = -EBADMSG;
    if (r < 0)
        strbuf_setf(err, "%s/%s: %s", site->layout.shown, path, strerror(-r));
    return r;
}

static int private_database_url(const struct site *site, char **ret, struct strbuf *err)
{
    char secret[SECRET_MAX];
    int r = site_secret(site, "postgres", secret, err);

    if (r < 0)
        return r;
    r = asprintf(ret, "postgresql://sluice:%s@127.0.0.1:%u/sluice", secret,
                 site->port[PORT_POSTGRES]);
    return r < 0 ? -ENOMEM : 0;
}

static int private_nats_url(const struct site *site, char **ret, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf urls;
    char secret[SECRET_MAX];
    int r = site_secret(site, "nats", secret, err);

    if (r < 0)
        return r;
    strbuf_init(&urls, 1024);
    for (unsigned i = 0; i < nats_server_count(site); i++)
        (void)strbuf_addf(&urls, "%snats://sluice:%s@127.0.0.1:%u", i ? "," : "", secret,
                          site->port[nats_server_ports[i].client]);
    *ret = strdup(urls.ptr);
    return *ret ? strbuf_error(&urls) : -ENOMEM;
}

static int given_url(char **ret, const char *url)
{
    *ret = strdup(url);
    return *ret ? 0 : -ENOMEM;
}

/* For the operator's commands, which are not children of the supervisor. */
static int publish_urls(const struct site *site, struct strbuf *err)
{
    _cleanup_strbuf_ struct strbuf text;
    int r;

    strbuf_init(&text, 8192);
    (void)strbuf_addf(&text, "NATS_URL=%s\nDATABASE_URL=%s\n", site->nats_url, site->database_url);
    r = strbuf_error(&text);
    if (r == 0)
        r = file_replace(site->layout.dir_fd, SITE_ENV_FILE, strbuf_span(&text),
                         /* durable= */ false);
    if (r < 0)
        strbuf_setf(err, "%s/" SITE_ENV_FILE ": %s", site->layout.shown, strerror(-r));
    return r;
}

int site_settle_urls(struct site *site, struct strbuf *err)
{
    int r = site->own_nats ? private_nats_url(site, &site->nats_url, err)
                           : given_url(&site->nats_url, site->settings.nats_url);

    if (r == 0)
        r = site->own_postgres ? private_database_url(site, &site->database_url, err)
                               : given_url(&site->database_url, site->settings.database_url);
    return r == 0 ? publish_urls(site, err) : r;
}
