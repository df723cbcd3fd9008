/* findings.h: what a check of the file has found, for people and for programs.
 *
 * One bad page of a tree is found again for every vector that it led to.  Text tells each
 * damage once, with the number of findings that say the same: the same message and place,
 * or the same sentence about another slot or page.  JSON lists the findings as they are.
 */
#ifndef VDBTOOL_FINDINGS_H
#define VDBTOOL_FINDINGS_H

#include <stdbool.h>

#include "vdb.h"

enum {
    FINDINGS_KEPT = 10000 /* for text to look through; JSON lists the library's 100 */
};

/* Print all findings; `report` is NULL when the database could not even be opened, which
 * is one finding, in the words of the library's last error.  Fails when there are any. */
int print_findings(const char *path, const vdb_report *report, bool json);

#endif
