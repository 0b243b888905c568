/* Prints what became of a trial. */
#pragma once

#include "admin/trial/trial.h"

/* Text for people, or one JSON document, on standard output. */
void result_print(const struct trial *t);
