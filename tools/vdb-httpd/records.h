/* records.h: a record as JSON. */
#ifndef HTTPD_RECORDS_H
#define HTTPD_RECORDS_H

#include "buffer.h"
#include "vdb.h"

/* {"id", "dimension", "vector"?, "metadata"?} */
void put_record(buffer *to, const vdb_record *record, bool vector, bool metadata);

#endif
