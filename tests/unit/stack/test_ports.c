#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "stack/port_holder.h"
#include "stack/ports.h"

static void test_lines_of_the_kernel(void **state)
{
    static const struct {
        const char *line;
        uint32_t port;
        bool found;
    } cases[] = {
        { "   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101  "
          "      0 648151 1 0000000000000000 100 0 0 10 0",
          3000, true },
        { "   0: 0100007F:0BB8 00000000:0000 01 00000000:00000000 00:00000000 00000000   101  "
          "      0 648151 1 0000000000000000 100 0 0 10 0",
          3000, false }, /* a connection, not a listener */
        { "   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101  "
          "      0 648151 1 0000000000000000 100 0 0 10 0",
          3000, false },
        { "   2: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A "
          "00000000:00000000 00:00000000 00000000   101        0 648151 1",
          3000, true },
        { "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
          "timeout inode",
          3000, false },
        { "", 3000, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t inode = 0, uid = 0;

        assert_int_equal(port_holder_line(span_str(cases[i].line), cases[i].port, &inode, &uid),
                         cases[i].found);
        if (cases[i].found) {
            assert_int_equal(inode, 648151);
            assert_int_equal(uid, 101);
        }
    }
}

static void test_a_listener_is_found_and_named(void **state)
{
    _cleanup_strbuf_ struct strbuf holder;
    _cleanup_close_ int fd = -1, second = -1;
    char pid[32];
    uint32_t port;

    (void)state;
    assert_int_equal(port_listen("127.0.0.1", 0, &fd), 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    port = port_of(fd);
    assert_true(port > 0);
    assert_false(port_is_free(port));
    assert_int_equal(port_listen("127.0.0.1", port, &second), -EADDRINUSE);
    strbuf_init(&holder, 4096);
    port_holder(port, &holder);
    (void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    assert_non_null(strstr(holder.ptr, "test_ports"));
    assert_non_null(strstr(holder.ptr, pid));
    fd_closep(&fd);
    assert_true(port_is_free(port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_the_kernel),
        cmocka_unit_test(test_a_listener_is_found_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
