/* oracle.h: what a database should say, computed the simplest way there is: a sorted
 * array of entries, filters evaluated on the documents themselves, distances in double.
 * It shares no code and no idea with the library.
 */
#ifndef VDB_TESTS_ORACLE_H
#define VDB_TESTS_ORACLE_H

#include <jansson.h>
#include <stddef.h>

#include "vdb.h"

typedef struct oracle_entry {
    char *id;
    float *vector;
    char *metadata; /* NULL: none */
    json_t *document;
} oracle_entry;

typedef struct oracle {
    oracle_entry *entries; /* by the bytes of the id */
    size_t count;
    size_t dim;
    vdb_metric metric;
} oracle;

void oracle_init(oracle *o, size_t dim, vdb_metric metric);
void oracle_clear(oracle *o);
void oracle_copy(oracle *to, const oracle *from); /* `to` is overwritten */
const oracle_entry *oracle_find(const oracle *o, const char *id);
void oracle_put(oracle *o, const char *id, const float *vector, const char *metadata);
void oracle_set_metadata(oracle *o, const char *id, const char *metadata);
void oracle_remove(oracle *o, const char *id);

/* Whether an entry passes; filter NULL: all do. */
int oracle_passes(const json_t *filter, const oracle_entry *entry);
double oracle_distance(const oracle *o, const float *a, const float *b);
/* How far a float32 computation may be from it. */
double oracle_tolerance(const oracle *o, const float *a, const float *b);

#endif
