/* execute.h: run a program on the library and on the oracle, side by side. */
#ifndef VDB_TESTS_EXECUTE_H
#define VDB_TESTS_EXECUTE_H

#include "program.h"

/* Run the ops with kept[i] (NULL: all) in `dir`, an empty folder, and clean up in it.
 * Returns 0, or 1 with what went wrong in `complaint`. */
int program_execute(const program *p, const unsigned char *kept, const char *dir,
                    char *complaint, size_t size);

#endif
