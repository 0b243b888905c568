#include "load/body.h"

int body_build(struct generator *g, const struct body_shape *shape, struct strbuf *out,
               body_event_fn each, void *ctx)
{
    strbuf_reset(out);
    strbuf_adds(out, shape->form == BODY_BULK ? "{\"events\":[" : "[");
    for (uint32_t i = 0; i < shape->events; i++) {
        bool corrupt = i == shape->corrupt_at;
        struct generated generated;
        int r;

        if (i > 0)
            strbuf_addc(out, ',');
        r = corrupt ? generator_corrupt(g, out) : generator_next(g, out, &generated);
        if (r < 0)
            return r;
        if (each && !corrupt)
            each(ctx, &generated);
    }
    strbuf_adds(out, shape->form == BODY_BULK ? "]}" : "]");
    return strbuf_error(out);
}
