/* The floors of intake over HTTP: nginx that answers 200, and a bare libmicrohttpd handler. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "admin/bench/bench.h"
#include "admin/bench/child.h"
#include "admin/bench/files.h"
#include "admin/bench/wrk.h"

/* bench/files/nginx.conf.in with @dir@ and @port@ filled in. */
static int write_nginx_conf(struct bench *b, const char *path, uint32_t port)
{
    struct span in = file_embedded("nginx.conf.in");
    _cleanup_strbuf_ struct strbuf out;

    strbuf_init(&out, 1 << 16);
    for (size_t i = 0; i < in.len; i++) {
        if (in.len - i >= 5 && memcmp(in.ptr + i, "@dir@", 5) == 0) {
            (void)strbuf_adds(&out, b->dir);
            i += 4;
        } else if (in.len - i >= 6 && memcmp(in.ptr + i, "@port@", 6) == 0) {
            (void)strbuf_addu64(&out, port);
            i += 5;
        } else {
            (void)strbuf_addc(&out, in.ptr[i]);
        }
    }
    if (strbuf_error(&out))
        return strbuf_error(&out);
    return file_write(path, strbuf_span(&out));
}

/* Starts a server, lets wrk load it, stops it. */
static int measure(struct bench *b, const char *name, const char *const argv[], uint32_t port,
                   struct strbuf *err)
{
    struct wrk_result result;
    pid_t pid;
    int r;

    if (!child_exists(argv[0]) || !child_exists("wrk")) {
        bench_note(b, "%s or wrk is not installed: no figure for it", argv[0]);
        return 0;
    }
    r = child_start(argv, &pid);
    if (r < 0) {
        strbuf_setf(err, "%s: %s", argv[0], strerror(-r));
        return r;
    }
    r = child_wait_port(port, err);
    bench_progress(b, 0, "%s", name);
    if (r == 0)
        r = wrk_run(b, port, "/", b->seconds, &result, err);
    child_stop(pid);
    if (r == 0)
        figures_set(&b->figures, "req/s", result.requests_per_second, "floor.%s", name);
    return r;
}

int bench_floor_http(struct bench *b, struct strbuf *err)
{
    char conf[BENCH_TEXT_MAX + 16], bare[BENCH_TEXT_MAX + 16], port[16];
    uint32_t first = b->port_base + 90;
    const char *nginx[] = { "nginx", "-c", conf, NULL };
    const char *mhd[] = { bare, port, NULL };
    int r;

    (void)snprintf(conf, sizeof(conf), "%s/nginx.conf", b->dir);
    (void)snprintf(bare, sizeof(bare), "%s-bench-http", b->self);
    (void)snprintf(port, sizeof(port), "%u", first + 1);
    r = write_nginx_conf(b, conf, first);
    if (r < 0) {
        strbuf_setf(err, "%s: %s", conf, strerror(-r));
        return r;
    }
    r = measure(b, "nginx", nginx, first, err);
    return r < 0 ? r : measure(b, "libmicrohttpd", mhd, first + 1, err);
}
