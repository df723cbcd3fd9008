/* ack_writer.c: a writer that is to be killed, and says what it was promised.
 *
 *     ack_writer PATH COUNT FROM...
 *
 * One thread for each FROM, which does its operations from number FROM on, at most as
 * many as the second argument says.  Each operation is a commit of its own; when it has
 * been acknowledged, the thread's number is written to standard output, one line, at
 * once.  "open" is written after opening, "close" before closing.  What operation i of
 * thread t does is known to kill.py, too, which compares.
 *
 * The log and what starts a checkpoint are small, so that a few thousand rows see many
 * turn-overs, and the kills fall into them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vdb.h"

enum {
    DIM = 24,
    THREADS_MAX = 8,
    BATCH_ROWS = 5,
    PADDING_BYTES = 3000, /* of some metadata, which then reach over pages */
    TEXT_BYTES = PADDING_BYTES + 100,
    ID_BYTES = 64
};

typedef struct writer {
    vdb *db;
    unsigned thread;
    unsigned long from;
    unsigned long count;
} writer;

static void say(const char *line)
{
    size_t length = strlen(line), done = 0;
    while (done < length) {
        ssize_t got = write(STDOUT_FILENO, line + done, length - done);
        if (got < 0 && errno != EINTR)
            exit(1);
        done += got > 0 ? (size_t)got : 0;
    }
}

static void require(vdb_status status, const char *what)
{
    if (status == VDB_OK)
        return;
    fprintf(stderr, "ack_writer: %s: %s: %s\n", what, vdb_status_name(status),
            vdb_errmsg());
    exit(1);
}

/* The vector that operation `op` of a thread writes into row `row` of its batch. */
static void make_vector(const writer *w, unsigned long op, unsigned row, float *out)
{
    unsigned long base = w->thread * 30011 + op * 7 + row * 101;
    for (unsigned j = 0; j < DIM; j++)
        out[j] = (float)((base + j * j) % 65536);
}

static void make_metadata(const writer *w, unsigned long op, size_t padding, char *out)
{
    int at = snprintf(out, TEXT_BYTES, "{\"thread\": %u, \"op\": %lu, \"text\": \"",
                      w->thread, op);
    memset(out + at, 'x', padding);
    strcpy(out + at + padding, "\"}");
}

static void make_id(const writer *w, unsigned long op, unsigned row, char *out)
{
    snprintf(out, ID_BYTES, "t%u.%lu.%u", w->thread, op, row);
}

static vdb_status put_batch(const writer *w, unsigned long op)
{
    static const size_t paddings[BATCH_ROWS] = {0, 10, 100, 1000, 0};
    float vectors[BATCH_ROWS][DIM];
    char ids[BATCH_ROWS][ID_BYTES], metadata[BATCH_ROWS][TEXT_BYTES];
    const char *id_pointers[BATCH_ROWS], *metadata_pointers[BATCH_ROWS];
    vdb_rows rows = VDB_ROWS_INIT;

    for (unsigned i = 0; i < BATCH_ROWS; i++) {
        make_vector(w, op, i, vectors[i]);
        make_id(w, op, i, ids[i]);
        make_metadata(w, op, paddings[i], metadata[i]);
        id_pointers[i] = ids[i];
        metadata_pointers[i] = metadata[i];
    }
    rows.count = BATCH_ROWS;
    rows.dim = DIM;
    rows.ids = id_pointers;
    rows.vectors = vectors;
    rows.metadata = metadata_pointers;
    return vdb_put(w->db, &rows, NULL, NULL);
}

/* Operation `op`: five inserts, a replacement, a removal, new metadata, a batch, and an
 * insert again; ten of them leave the nine rows of which kill.py knows. */
static vdb_status operate(const writer *w, unsigned long op)
{
    float vector[DIM];
    char id[ID_BYTES], metadata[TEXT_BYTES];
    unsigned long kind = op % 10;

    make_vector(w, op, 0, vector);
    make_id(w, op, 0, id);
    make_metadata(w, op, kind == 7 ? PADDING_BYTES : kind * 20, metadata);
    switch (kind) {
    case 5: /* replace what operation op - 5 stored */
        make_id(w, op - 5, 0, id);
        return vdb_insert(w->db, id, vector, DIM, NULL);
    case 6:
        make_id(w, op - 5, 0, id);
        return vdb_delete(w->db, id);
    case 7:
        make_id(w, op - 5, 0, id);
        return vdb_set_metadata(w->db, id, metadata);
    case 8:
        return put_batch(w, op);
    default:
        return vdb_insert(w->db, id, vector, DIM, metadata);
    }
}

static void *run(void *arg)
{
    const writer *w = arg;
    char line[16];
    snprintf(line, sizeof line, "%u\n", w->thread);
    for (unsigned long op = w->from; op < w->from + w->count; op++) {
        require(operate(w, op), "an operation");
        say(line);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    writer writers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    int thread_count = count - 3;
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db;

    if (thread_count < 1 || thread_count > THREADS_MAX) {
        fprintf(stderr, "usage: ack_writer PATH COUNT FROM...\n");
        return 2;
    }
    options.log_bytes = 1 << 20;
    options.checkpoint_entries = 50;
    require(vdb_open(arguments[1], &options, &db), "opening");
    say("open\n");
    for (int t = 0; t < thread_count; t++) {
        writers[t] = (writer){db, (unsigned)t, strtoul(arguments[3 + t], NULL, 10),
                              strtoul(arguments[2], NULL, 10)};
        if (pthread_create(&threads[t], NULL, run, &writers[t]))
            return 1;
    }
    for (int t = 0; t < thread_count; t++)
        pthread_join(threads[t], NULL);
    say("close\n");
    require(vdb_close(db), "closing");
    return 0;
}
