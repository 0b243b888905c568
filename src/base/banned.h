/*
 * Functions that may not be used anywhere in the tree. Forced into every C file by the build
 * (-include), so that a use fails to compile.
 */
#pragma once

#ifndef __cplusplus
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* With clang the fortified headers make a macro of it, which cannot be poisoned. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol atof strncpy
#endif
