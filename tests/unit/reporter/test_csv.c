/* Reports as CSV: which rows, which columns, and what each cell looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/json_out.h"
#include "reporter/csv.h"

static const struct {
    const char *data, *csv;
} cases[] = {
    { "{}", "name,value\r\n" },
    { "{\"totalEvents\":3,\"eventsBySource\":{\"facebook\":2,\"tiktok\":1},\"eventsByType\":{},"
      "\"timeRange\":{\"from\":null,\"to\":\"2026-01-31T12:00:00.000Z\"}}",
      "name,value\r\ntotalEvents,3\r\neventsBySource.facebook,2\r\neventsBySource.tiktok,1\r\n"
      "timeRange.from,\r\ntimeRange.to,2026-01-31T12:00:00.000Z\r\n" },
    { "{\"top\":[{\"location\":\"Berlin, Germany\",\"count\":2},{\"location\":\"X\",\"count\":1}]}",
      "name,value\r\ntop.0.location,\"Berlin, Germany\"\r\ntop.0.count,2\r\ntop.1.location,X\r\n"
      "top.1.count,1\r\n" },
    /* numbers keep their text */
    { "{\"a\":12.50,\"b\":-3,\"c\":99999999999999999999.90,\"d\":true}",
      "name,value\r\na,12.50\r\nb,-3\r\nc,99999999999999999999.90\r\nd,true\r\n" },
    /* the series goes before the groups, these before the list; other members have no place */
    { "{\"totalEvents\":1,\"groups\":[{\"x\":9}],\"series\":[{\"start\":\"s\",\"totalEvents\":1}]}",
      "start,totalEvents\r\ns,1\r\n" },
    { "{\"campaigns\":[{\"y\":1}],\"groups\":[{\"x\":9}]}", "x\r\n9\r\n" },
    { "{\"campaigns\":[{\"campaignId\":\"c\",\"averageOrderValue\":null}],\"next\":50}",
      "campaignId,averageOrderValue\r\nc,\r\n" },
    { "{\"rejects\":[{\"seq\":17}]}", "seq\r\n17\r\n" },
    { "{\"events\":7}", "name,value\r\nevents,7\r\n" },
    /* rows that are not alike */
    { "{\"series\":[{\"start\":\"1\",\"groups\":{\"ad.view\":1}},{\"start\":\"2\",\"groups\":{}},"
      "{\"start\":\"3\",\"groups\":{\"like\":2,\"ad.view\":3}}]}",
      "start,groups.ad.view,groups.like\r\n1,1,\r\n2,,\r\n3,3,2\r\n" },
    { "{\"requests\":[{\"status\":\"stored\",\"messages\":[{\"seq\":1},{\"seq\":2}]},"
      "{\"status\":\"pending\",\"messages\":[]}]}",
      "status,messages.0.seq,messages.1.seq\r\nstored,1,2\r\npending,,\r\n" },
    /* lists without rows */
    { "{\"campaigns\":[],\"campaignCount\":0}",
      "campaignId,revenue,orders,buyers,averageOrderValue,clicks\r\n" },
    { "{\"groups\":[]}", "" },
    /* white space, as the database writes stored events */
    { "{\"event\": {\"a\": [1, {\"b\": \"c : ,\"}], \"d\" : {}}}",
      "name,value\r\nevent.a.0,1\r\nevent.a.1.b,\"c : ,\"\r\n" },
    /* what stands between quotes: separators, quotes, line ends, outer spaces */
    { "{\"groups\":[{\"c\":\"a,b\"},{\"c\":\"say \\\"hi\\\"\"},{\"c\":\"\\\"\"},"
      "{\"c\":\"l1\\r\\nl2\"},{\"c\":\" x\"},{\"c\":\"\"},{\"c\":\"a\\\\b\\/c\"}]}",
      "c\r\n\"a,b\"\r\n\"say \"\"hi\"\"\"\r\n\"\"\"\"\r\n\"l1\r\nl2\"\r\n\" "
      "x\"\r\n\r\na\\b/c\r\n" },
    /* formulas */
    { "{\"groups\":[{\"c\":\"=1+1\"},{\"c\":\"+1\"},{\"c\":\"-x\"},{\"c\":\"@x\"},{\"c\":\"\\t=x\"}"
      ","
      "{\"c\":\"=A1,\\\"B\\\"\"},{\"c\":\"a=b\"},{\"c\":-5}]}",
      "c\r\n'=1+1\r\n'+1\r\n'-x\r\n'@x\r\n'\t=x\r\n\"'=A1,\"\"B\"\"\"\r\na=b\r\n-5\r\n" },
    { "{\"revenueByCampaign\":{\"=x,y\":1.00}}",
      "name,value\r\n\"revenueByCampaign.=x,y\",1.00\r\n" },
    { "{\"=x\":1}", "name,value\r\n'=x,1\r\n" },
    /* Unicode, as it is and escaped */
    { "{\"a\":\"\xc3\xa9t\xc3\xa9 "
      "\xf0\x9f\x98\x80\",\"b\":\"\\u00e9\\u20AC\\ud83d\\ude00\\ud83dx\\udE00\","
      "\"c\":\"\\b\\f\\n\\r\\t\\u0001\"}",
      "name,value\r\na,\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80\r\n"
      "b,\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd\r\n"
      "c,\"\b\f\n\r\t\x01\"\r\n" },
};

static void cells_and_columns(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf out;

        strbuf_init(&out, 4096);
        assert_int_equal(csv_write(span_str(cases[i].data), &out), 0);
        if (strcmp(out.ptr, cases[i].csv) != 0)
            fail_msg("%s gives\n%s", cases[i].data, out.ptr);
    }
}

/* Whatever a text holds, it is one cell: read back by the rules of RFC 4180 it is the same. */
static void any_text_is_one_cell(void **state UNUSED)
{
    static const char letters[] = "a,\"\r\n=';\\\t \xc3\xa9";

    srand(7);
    for (int round = 0; round < 2000; round++) {
        _cleanup_strbuf_ struct strbuf text, data, out, back;
        struct json_out j;
        const char *p;

        strbuf_init(&text, 64);
        strbuf_init(&data, 1024);
        strbuf_init(&out, 1024);
        strbuf_init(&back, 64);
        for (int n = rand() % 8; n > 0; n--)
            (void)strbuf_addc(&text, letters[rand() % 11]);
        (void)strbuf_addc(&text, 'z');
        json_out_init(&j, &data);
        json_object(&j);
        json_key(&j, "k");
        json_string(&j, strbuf_span(&text));
        json_object_end(&j);
        assert_int_equal(csv_write(strbuf_span(&data), &out), 0);
        p = out.ptr + strlen("name,value\r\nk,");
        if (*p == '"') {
            for (p++; !(p[0] == '"' && p[1] != '"'); p++) {
                p += *p == '"';
                (void)strbuf_addc(&back, *p);
            }
            p++;
        } else {
            for (; *p != '\r'; p++)
                (void)strbuf_addc(&back, *p);
        }
        assert_string_equal(p, "\r\n");
        p = back.ptr + (strchr("=\t\r", text.ptr[0]) && back.ptr[0] == '\'');
        assert_string_equal(p, text.ptr);
    }
}

static void limits_hold(void **state UNUSED)
{
    _cleanup_strbuf_ struct strbuf small, out, data;

    strbuf_init(&small, 16);
    strbuf_init(&out, 1 << 20);
    strbuf_init(&data, 1 << 20);
    assert_int_equal(csv_write(SPAN("{\"a\":\"0123456789\"}"), &small), -ENOBUFS);
    (void)strbuf_adds(&data, "{\"groups\":[{\"a\":0");
    for (int i = 0; i < 5000; i++)
        (void)strbuf_addf(&data, ",\"k%d\":1", i);
    (void)strbuf_adds(&data, "}]}");
    assert_int_equal(csv_write(strbuf_span(&data), &out), -ENOBUFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_and_columns),
        cmocka_unit_test(any_text_is_one_cell),
        cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
