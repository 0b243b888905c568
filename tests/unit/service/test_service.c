/* The life of a role in a process of its own, on a socket handed down to it. */
#include "unit/service/http_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "service/service.h"

/* What test and child tell each other. */
struct shared {
    _Atomic bool up;      /* the dependency */
    _Atomic bool release; /* /wait may answer */
    _Atomic bool broken;  /* start() fails */
    _Atomic unsigned waits, drains, stops, minutes;
};
static struct shared *shared;

struct child {
    pid_t pid;
    int listen_fd;
    struct sockaddr_in address;
};

static bool dependency_ok(struct service *s UNUSED, struct strbuf *err)
{
    if (!shared->up)
        strbuf_setf(err, "it does not answer");
    return shared->up;
}

static struct http_request *waiting;

static void wait_for_release(struct http_request *req, void *ctx)
{
    assert_string_equal(((struct service *)ctx)->name, "tester");
    waiting = req;
    shared->waits++;
}

static void abort_waiting(struct http_request *req UNUSED, void *ctx UNUSED)
{
    waiting = NULL;
}

static void look(void *ctx UNUSED)
{
    if (waiting && shared->release)
        http_reply(TAKE_PTR(waiting), 200, "text/plain", SPAN("done"), NULL, 0);
}

static void on_minute(struct service *s UNUSED, int64_t minute_usec)
{
    if (minute_usec % (60 * USEC_PER_SEC) == 0)
        shared->minutes++;
}

static int start(struct service *s, struct strbuf *err)
{
    if (shared->broken) {
        strbuf_setf(err, "broken");
        return -EIO;
    }
    http_loop_on_turn(http_server_loop(s->http, 0), look, NULL);
    service_on_minute(s, on_minute);
    return 0;
}

/* Answers what waits, as soon as it may: the loop must be woken for it. */
static void nudge(struct http_post *post UNUSED) {}

static void drain(struct service *s, uint64_t deadline_usec)
{
    static struct http_post post = { .fn = nudge };

    shared->drains++;
    while (!shared->release && clock_mono_usec() < deadline_usec)
        (void)usleep(1000);
    http_loop_post(http_server_loop(s->http, 0), &post);
}

static void stop(struct service *s UNUSED)
{
    shared->stops++;
}

static const struct service_dependency dependencies[] = { { "nats", dependency_ok } };
static const struct http_route routes[] = {
    { "GET", "/wait", wait_for_release, abort_waiting, NULL, 0, false },
};
static const struct service_role role = {
    .name = "tester",
    .role = ROLE_GATEWAY,
    .about = "A test.",
    .dependencies = dependencies,
    .dependency_count = ARRAY_SIZE(dependencies),
    .routes = routes,
    .route_count = ARRAY_SIZE(routes),
    .start = start,
    .drain = drain,
    .stop = stop,
};

static _Noreturn void run_child(int listen_fd, char **argv)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), argc = 0;
    char pid[32];

    while (argv[argc])
        argc++;
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    if (dup2(null, STDERR_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(listen_fd, 3) < 0)
        _exit(99);
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", "1", 1);
    exit(service_main(&role, argc, argv));
}

static struct child spawn(char **argv)
{
    struct child c = {
        .listen_fd = socket(AF_INET, SOCK_STREAM, 0),
        .address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) },
    };
    socklen_t len = sizeof(c.address);

    assert_return_code(bind(c.listen_fd, (struct sockaddr *)&c.address, len), errno);
    assert_return_code(listen(c.listen_fd, 100), errno);
    assert_return_code(getsockname(c.listen_fd, (struct sockaddr *)&c.address, &len), errno);
    c.pid = fork();
    if (c.pid == 0)
        run_child(c.listen_fd, argv);
    return c;
}

static int call(const struct child *c)
{
    const struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_return_code(connect(fd, (const struct sockaddr *)&c->address, sizeof(c->address)),
                       errno);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static void get(int fd, const char *path, struct answer *a)
{
    char request[256];

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    say(fd, request);
    hear(fd, a);
}

/* The exit status, or -1 when it was killed. */
static int reap(struct child *c)
{
    int status;

    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    (void)close(c->listen_fd);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int clean(void **state UNUSED)
{
    *shared = (struct shared){ .up = true };
    (void)unsetenv("SHUTDOWN_TIMEOUT");
    (void)setenv("HTTP_THREADS", "1", 1); /* so that the hook and the request meet */
    return 0;
}

static void endpoints(void **state UNUSED)
{
    static const struct {
        const char *path;
        bool up;
        unsigned status;
        const char *has;
    } cases[] = {
        { "/health/liveness", false, 200, "{\"status\":\"ok\"," },
        { "/health/readiness", true, 200, "{\"status\":\"ready\"," },
        { "/health/readiness", true, 200, "\"dependencies\":{\"nats\":{\"status\":\"ok\"}}}" },
        { "/health/readiness", false, 503,
          "\"dependencies\":{\"nats\":{\"status\":\"unavailable\","
          "\"error\":\"it does not answer\"}}}" },
        { "/health", true, 200, "{\"status\":\"ok\"," },
        { "/health", true, 200, "\"version\":\"" SLUICE_VERSION "\"" },
        { "/health", false, 200, "{\"status\":\"degraded\"," },
        { "/metrics", true, 200, "\nhttp_requests_total{code=\"503\"} 1\n" },
        { "/metrics", true, 200, "\nlog_lines_dropped_total 0\n" },
        { "/metrics", true, 200, "\nsluice_build_info{" },
        { "/metrics", true, 200, "\nsluice_dependency_up{dependency=\"nats\"} 1\n" },
        { "/metrics", false, 200, "\nsluice_dependency_up{dependency=\"nats\"} 0\n" },
        { "/metrics", true, 200,
          "\nhttp_request_duration_seconds_count{method=\"GET\",path=\"/health\"} 3\n" },
    };
    struct child c = spawn((char *[]){ (char[]){ "tester" }, NULL });
    _cleanup_close_ int fd = call(&c);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(answer_release) struct answer a;

        shared->up = cases[i].up;
        get(fd, cases[i].path, &a);
        if (a.status != cases[i].status || !strstr(a.body.ptr, cases[i].has))
            fail_msg("%s: %u %s", cases[i].path, a.status, a.body.ptr);
    }
    (void)kill(c.pid, SIGTERM);
    shared->release = true;
    assert_int_equal(reap(&c), 0);
}

static void metrics_please_promtool(void **state UNUSED)
{
    struct child c = spawn((char *[]){ (char[]){ "tester" }, NULL });
    _cleanup_close_ int fd = call(&c);
    _cleanup_(answer_release) struct answer a;
    FILE *promtool;
    int status;

    get(fd, "/metrics", &a);
    promtool = popen("command -v promtool >/dev/null || { cat >/dev/null; exit 77; }; "
                     "promtool check metrics",
                     "w");
    assert_non_null(promtool);
    (void)fwrite(a.body.ptr, 1, a.body.len, promtool);
    status = pclose(promtool);
    (void)kill(c.pid, SIGINT);
    shared->release = true;
    assert_int_equal(reap(&c), 0);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void term_drains(void **state UNUSED)
{
    struct child c = spawn((char *[]){ (char[]){ "tester" }, NULL });
    _cleanup_close_ int waits = call(&c), other = call(&c);
    _cleanup_(answer_release) struct answer first, draining, late;

    get(other, "/health/readiness", &first);
    assert_int_equal(first.status, 200);
    say(waits, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&shared->waits, 1);
    (void)kill(c.pid, SIGTERM);
    wait_for(&shared->drains, 1);
    get(other, "/health/readiness", &draining);
    assert_int_equal(draining.status, 503);
    assert_non_null(strstr(draining.body.ptr, "\"status\":\"draining\""));
    assert_true(has_header(&draining, "Connection: close"));
    shared->release = true;
    hear(waits, &late);
    assert_int_equal(late.status, 200);
    assert_true(has_header(&late, "Connection: close"));
    assert_int_equal(reap(&c), 0);
    assert_int_equal(shared->stops, 1);
    assert_int_equal(shared->minutes, 1);
}

static void time_to_stop_is_bounded(void **state UNUSED)
{
    struct child c =
        spawn((char *[]){ (char[]){ "tester" }, (char[]){ "--shutdown-timeout=300ms" }, NULL });
    _cleanup_close_ int fd = call(&c);
    _cleanup_(answer_release) struct answer a;

    say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&shared->waits, 1);
    (void)kill(c.pid, SIGTERM);
    hear(fd, &a);
    assert_int_equal(a.status, 503);
    assert_int_equal(reap(&c), 0);
    assert_int_equal(shared->stops, 1);
}

static void second_signal_ends_at_once(void **state UNUSED)
{
    struct child c = spawn((char *[]){ (char[]){ "tester" }, NULL });
    _cleanup_close_ int fd = call(&c);

    say(fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_for(&shared->waits, 1);
    (void)kill(c.pid, SIGTERM);
    wait_for(&shared->drains, 1);
    (void)kill(c.pid, SIGINT);
    assert_int_equal(reap(&c), 130);
    assert_int_equal(shared->stops, 0);
}

static void ends_without_start(void **state UNUSED)
{
    struct child c;

    c = spawn((char *[]){ (char[]){ "tester" }, (char[]){ "--port=x" }, NULL });
    assert_int_equal(reap(&c), 2);
    c = spawn((char *[]){ (char[]){ "tester" }, (char[]){ "--help" }, NULL });
    assert_int_equal(reap(&c), 0);
    assert_int_equal(shared->stops, 0);
    shared->broken = true;
    c = spawn((char *[]){ (char[]){ "tester" }, NULL });
    assert_int_equal(reap(&c), 1);
    assert_int_equal(shared->stops, 1);
    assert_int_equal(shared->drains, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(endpoints, clean),
        cmocka_unit_test_setup(metrics_please_promtool, clean),
        cmocka_unit_test_setup(term_drains, clean),
        cmocka_unit_test_setup(time_to_stop_is_bounded, clean),
        cmocka_unit_test_setup(second_signal_ends_at_once, clean),
        cmocka_unit_test_setup(ends_without_start, clean),
    };

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
