/* threads.c: writers and readers beside each other on one database.
 *
 *     threads DATABASE          which must not exist; it is left there
 *
 * One handle serves all threads: no lock of your own is needed.  Here each writer stores
 * albums of ten photos, an album as one batch, and at times removes one as a whole.
 * Meanwhile readers hold snapshots and look at every album from several sides.  Whatever
 * the writers do,
 *
 *   - a reader finds all photos of an album or none, never a part;
 *   - within one snapshot every question has an answer that fits the others';
 *   - what has been stored is there for everyone who looks afterwards.
 *
 * When the writers are done the counts are compared with what they say they have stored,
 * and once more after the database has been closed and opened again.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vdb.h>

enum {
    WRITERS = 3,
    READERS = 3,
    ALBUMS = 40, /* of each writer */
    PHOTOS = 10, /* of each album */
    DIM = 16
};

typedef struct writer {
    vdb *db;
    unsigned number;
    unsigned albums; /* what it leaves in the database */
} writer;

static atomic_int writers_at_work;
static atomic_uint snapshots_seen;

/* vdb_errmsg() is this thread's own: other threads' errors do not show in it. */
static void must(vdb_status status)
{
    if (status == VDB_OK)
        return;
    fprintf(stderr, "%s: %s\n", vdb_status_name(status), vdb_errmsg());
    exit(1);
}

static void must_hold(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "this must not happen: %s\n", what);
    exit(1);
}

static void photo_vector(float v[DIM], unsigned seed)
{
    for (unsigned d = 0; d < DIM; d++)
        v[d] = (float)((seed * 31 + d * 17) % 101) / 100.0f;
}

/* ------------------------------------------------------------------ writers */

/* The changes of a batch are applied at once: in memory, in the file, and to readers. */
static void change_album(writer *w, unsigned album, int remove)
{
    vdb_batch *batch;

    must(vdb_batch_new(w->db, &batch));
    for (unsigned photo = 0; photo < PHOTOS; photo++) {
        char id[32], json[64];
        float v[DIM];
        snprintf(id, sizeof id, "w%u-a%02u-p%u", w->number, album, photo);
        snprintf(json, sizeof json, "{\"writer\": %u, \"album\": %u}", w->number,
                 album);
        photo_vector(v, album * PHOTOS + photo);
        must(remove ? vdb_batch_delete(batch, id)
                    : vdb_batch_insert(batch, id, v, DIM, json));
    }
    must(vdb_batch_apply(batch, NULL));
    vdb_batch_free(batch);
}

static void *write_albums(void *arg)
{
    writer *w = arg;

    for (unsigned album = 0; album < ALBUMS; album++) {
        change_album(w, album, 0);
        w->albums++;
        if (album % 4 == 3) { /* the one before the last goes again */
            change_album(w, album - 1, 1);
            w->albums--;
        }
    }
    atomic_fetch_sub(&writers_at_work, 1);
    return NULL;
}

/* ------------------------------------------------------------------ readers */

/* How many photos pass a filter at the instant that `op` names. */
static uint64_t count(vdb *db, const char *filter_json, const vdb_op *op)
{
    vdb_filter *filter;
    uint64_t n;

    must(vdb_filter_parse(NULL, filter_json, strlen(filter_json), &filter));
    must(vdb_count(db, filter, op, &n));
    vdb_filter_free(filter);
    return n;
}

static void look_around(vdb *db, unsigned album)
{
    vdb_op op = VDB_OP_INIT;
    vdb_query query = VDB_QUERY_INIT;
    vdb_snapshot *snapshot;
    vdb_results *hits;
    uint64_t all, of_writers = 0;
    char filter[96];
    float v[DIM];

    must(vdb_snapshot_new(db, &snapshot));
    op.snapshot = snapshot; /* every question below is about this instant */
    must(vdb_count(db, NULL, &op, &all));
    must_hold(all % PHOTOS == 0, "a part of an album");
    for (unsigned w = 0; w < WRITERS; w++) {
        snprintf(filter, sizeof filter,
                 "{\"op\": \"eq\", \"field\": \"writer\", \"value\": %u}", w);
        of_writers += count(db, filter, &op);
    }
    must_hold(of_writers == all, "the writers' photos are not all photos");
    snprintf(filter, sizeof filter,
             "{\"op\": \"eq\", \"field\": \"album\", \"value\": %u}", album);
    must_hold(count(db, filter, &op) % PHOTOS == 0, "a part of one album");

    photo_vector(v, album);
    query.vectors = v;
    query.count = 1;
    query.dim = DIM;
    query.k = WRITERS * ALBUMS * PHOTOS;
    query.op = &op;
    must(vdb_search_batch(db, &query, &hits));
    must_hold(vdb_results_count(hits) == all, "a search finds more or fewer");
    vdb_results_free(hits);
    vdb_snapshot_free(snapshot); /* what it held may be used again */
    atomic_fetch_add(&snapshots_seen, 1);
}

static void *read_albums(void *arg)
{
    unsigned album = 0;

    do
        look_around(arg, album++ % ALBUMS);
    while (atomic_load(&writers_at_work) > 0);
    return NULL;
}

/* ---------------------------------------------------------------------- main */

static void verify(vdb *db, const writer writers[WRITERS])
{
    for (unsigned w = 0; w < WRITERS; w++) {
        char filter[96];
        snprintf(filter, sizeof filter,
                 "{\"op\": \"eq\", \"field\": \"writer\", \"value\": %u}", w);
        must_hold(count(db, filter, NULL) == writers[w].albums * (uint64_t)PHOTOS,
                  "photos are missing, or too many");
    }
}

int main(int argc, char **argv)
{
    vdb_options options = VDB_OPTIONS_INIT;
    writer writers[WRITERS] = {0};
    pthread_t threads[WRITERS + READERS];
    uint64_t photos;
    vdb *db;

    if (argc != 2) {
        fprintf(stderr, "usage: threads DATABASE\n");
        return 2;
    }
    options.flags = VDB_OPEN_EXCLUSIVE; /* an error if it is there */
    must(vdb_open(argv[1], &options, &db));
    atomic_store(&writers_at_work, WRITERS);
    for (unsigned i = 0; i < WRITERS + READERS; i++) {
        if (i < WRITERS)
            writers[i] = (writer){db, i, 0};
        must_hold(pthread_create(&threads[i], NULL,
                                 i < WRITERS ? write_albums : read_albums,
                                 i < WRITERS ? (void *)&writers[i] : db) == 0,
                  "no thread");
    }
    for (unsigned i = 0; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    verify(db, writers);
    must(vdb_close(db)); /* no call may be running any more */

    options.flags = VDB_OPEN_MUST_EXIST;
    must(vdb_open(argv[1], &options, &db));
    verify(db, writers);
    must(vdb_count(db, NULL, NULL, &photos));
    must(vdb_close(db));
    printf("%u writers left %llu photos; %u snapshots were seen, each whole\n", WRITERS,
           (unsigned long long)photos, atomic_load(&snapshots_seen));
    return 0;
}
