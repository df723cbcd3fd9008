/* listing.c: the ids. */
#include <stdlib.h>

#include "limits.h"
#include "routes.h"

typedef struct listing {
    vdb_cursor *cursor;
    uint64_t left;
    bool begun;
} listing;

static bool next_id(void *state, buffer *to, vdb_status *failed)
{
    listing *l = state;
    const vdb_record *record = NULL;
    size_t length;
    if (l->left)
        *failed = vdb_cursor_next(l->cursor, &record);
    if (*failed)
        return false;
    if (!record) {
        put_text(to, l->begun ? "]" : "[]");
        return false;
    }
    const char *id = vdb_record_id(record, &length);
    put_text(to, l->begun ? ", " : "[");
    put_string(to, id, length);
    l->begun = true;
    l->left--;
    return true;
}

static void free_listing(void *state)
{
    listing *l = state;
    vdb_cursor_free(l->cursor);
    free(l);
}

void handle_list(request *r)
{
    static const char *const KNOWN[] = {"limit", "after", "prefix", NULL};
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    uint64_t limit = UINT64_MAX;
    if (!request_check_arguments(r, KNOWN) ||
        !request_whole(r, "limit", 1, PAGE_MAX, &limit))
        return;
    options.after = request_argument(r, "after");
    options.prefix = request_argument(r, "prefix");
    options.flags = VDB_CURSOR_IDS_ONLY;
    listing *made = calloc(1, sizeof *made);
    if (!made) {
        answer_error(&r->answer, 503, "out of memory");
        return;
    }
    made->left = limit;
    vdb_status result = vdb_cursor_open(r->server->db, &options, &made->cursor);
    if (result) {
        free(made);
        answer_library(&r->answer, result);
        return;
    }
    answer_pieces(&r->answer, 200, (pieces){next_id, free_listing, made});
}
