/* The private nats-server: JetStream with a file store under nats/, on 127.0.0.1, with a password.
 */
#pragma once

#include "base/macros.h"
#include "base/strbuf.h"
#include "stack/child.h"
#include "stack/site.h"
#include "stack/teller.h"

/* Chooses how much the store may hold, once; warns when the disk has less room than that by now. */
int nats_server_setup(const struct site *site, struct teller *teller,
                      struct strbuf *err) MUST_CHECK;
/* unit_kind.prepare */
int nats_server_prepare(const struct site *site, struct child_spec *spec,
                        struct strbuf *err) MUST_CHECK;
