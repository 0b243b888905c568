/*
 * Places where a test can make the process die as kill -9 would, or freeze, to prove that what is
 * half done is neither lost nor counted twice. Armed only by the environment:
 *
 *   SLUICE_FAILPOINT=collector.after_commit       dies the first time it gets there
 *   SLUICE_FAILPOINT=collector.after_commit:5     dies the fifth time
 *   SLUICE_FAILPOINT=stop:writer.before_commit    freezes (SIGSTOP), once, instead of dying
 *
 * Unarmed it costs one look at the environment; keep it out of loops over single events.
 */
#pragma once

#include "base/macros.h"

/* Dies or freezes here when the formatted name is the armed one. Thread-safe. */
void failpoint(const char *format, ...) PRINTF_LIKE(1, 2);
