/* Sums of money reach PostgreSQL as they are, beyond what 64 bits hold; likewise bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/array.h"
#include "unit/store/pg_server.h"

static const struct {
    uint64_t cents, times;
    const char *text;
} sums[] = {
    { 0, 1, "0.00" },
    { 1, 1, "0.01" },
    { 99, 1, "0.99" },
    { 100, 1, "1.00" },
    { 999999, 1, "9999.99" },
    { 1000000, 1, "10000.00" },
    { 1000000000000, 1, "10000000000.00" },
    { UINT64_MAX, 1, "184467440737095516.15" },
    { UINT64_MAX, 100, "18446744073709551615.00" },
    { 99999999999999999, 1000000, "999999999999999990000.00" },
    { UINT64_MAX, UINT64_MAX, "3402823669209384634264811192843491082.25" },
};

/* The texts of a parameter's elements. */
static PGresult *round_trip(PGconn *conn, struct pg_array *a, const char *sql)
{
    struct pg_params p = { 0 };
    PGresult *res;

    assert_int_equal(pg_array_param(a, &p), 0);
    res = PQexecParams(conn, sql, 1, p.types, p.values, p.lengths, p.formats, 0);
    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQresultErrorMessage(res));
    return res;
}

static void test_cents(void **state)
{
    struct pg_array a;
    PGresult *res;

    pg_array_init(&a);
    pg_array_start(&a, PG_NUMERIC);
    for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
        pg_array_cents(&a, (cents_sum)sums[i].cents * sums[i].times);
    res = round_trip(*state, &a, "SELECT unnest($1::numeric[])");
    for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
        assert_string_equal(PQgetvalue(res, (int)i, 0), sums[i].text);
    PQclear(res);
    pg_array_release(&a);
}

static void test_bits(void **state)
{
    static const uint8_t bits[] = { 0x80, 0x01, 0x40 };
    struct pg_array a;
    PGresult *res;

    pg_array_init(&a);
    pg_array_start(&a, PG_VARBIT);
    pg_array_bits(&a, bits, 24);
    pg_array_bits(&a, bits, 8);
    res = round_trip(*state, &a, "SELECT unnest($1::varbit[])");
    assert_string_equal(PQgetvalue(res, 0, 0), "100000000000000101000000");
    assert_string_equal(PQgetvalue(res, 1, 0), "10000000");
    PQclear(res);
    pg_array_release(&a);
}

static int set_up(void **state)
{
    char url[PG_URL_MAX];

    pg_empty_database(url);
    *state = PQconnectdb(url);
    return 0;
}

static int tear_down(void **state)
{
    PQfinish(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cents),
        cmocka_unit_test(test_bits),
    };

    pg_server_start();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
