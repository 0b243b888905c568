#include "store/report_change.h"

#include "base/macros.h"

/* Hundredths as a number without needless decimals: 12.5, -3. */
static void write_short(struct json_out *j, report_money hundredths)
{
    _cleanup_strbuf_ struct strbuf text;
    struct json_out number;
    size_t len;

    strbuf_init(&text, 64);
    json_out_init(&number, &text);
    report_money_write(&number, hundredths);
    len = text.len;
    while (len && text.ptr[len - 1] == '0')
        len--;
    if (len && text.ptr[len - 1] == '.')
        len--;
    json_raw(j, span_of(text.ptr, len));
}

static report_money divide_rounded(report_money a, report_money b)
{
    report_money half = b / 2;

    return (a < 0 ? a - half : a + half) / b;
}

struct report_filter report_previous(const struct report_filter *f)
{
    struct report_filter previous = *f;

    previous.from_usec = f->from_usec - (f->to_usec - f->from_usec);
    previous.to_usec = f->from_usec;
    return previous;
}

void report_change_write(struct json_out *j, const char *name, report_money now,
                         report_money before, bool money)
{
    json_key(j, name);
    json_object(j);
    json_key(j, "absolute");
    if (money)
        report_money_write(j, now - before);
    else
        json_i64(j, (int64_t)(now - before));
    json_key(j, "percent");
    if (before == 0)
        json_null(j);
    else
        write_short(j, divide_rounded((now - before) * 10000, before));
    json_object_end(j);
}
