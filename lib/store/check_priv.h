/* check_priv.h: what the two halves of the check share. */
#ifndef VDBI_CHECK_PRIV_H
#define VDBI_CHECK_PRIV_H

#include "store/check.h"

enum {
    VDBI_CHECK_MAP = 9,
    VDBI_CHECK_SUMMARY = 10,
    VDBI_CHECK_GRAPH = 11
};

vdb_status vdbi_check_tell(vdbi_checker *checker, int64_t offset, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));

#endif
