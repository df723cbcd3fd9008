/* opening.c: opening and closing; see opening.h. */
#include <string.h>

#include "complain.h"
#include "opening.h"
#include "values.h"

const char *const METRIC_NAMES[] = {"default", "l2", "cosine", "dot", NULL};
const char *const INDEX_NAMES[] = {"default", "flat", "hnsw", NULL};
const char *const CODES_NAMES[] = {"default", "8", "4", "none", NULL};
const char *const DURABILITY_NAMES[] = {"full", "normal", "off", NULL};

/* A whole number of 32 bits; the library says which of them it takes. */
static int read_u32(const arguments *args, enum option_name option, const char *what,
                    uint64_t most, uint32_t *out)
{
    uint64_t value;
    if (!args->values[option])
        return STATUS_DONE;
    int status = parse_whole(what, args->values[option], 1, most, &value);
    if (!status)
        *out = (uint32_t)value;
    return status;
}

static int read_choice(const arguments *args, enum option_name option, const char *what,
                       const char *const *names, int32_t *out)
{
    size_t value;
    if (!args->values[option])
        return STATUS_DONE;
    /* The default of an option is to leave it out. */
    size_t first = strcmp(names[0], "default") == 0 ? 1 : 0;
    int status = parse_name(what, args->values[option], names + first, &value);
    if (!status)
        *out = (int32_t)(value + first);
    return status;
}

int read_options(const arguments *args, vdb_options *out)
{
    *out = (vdb_options)VDB_OPTIONS_INIT;
    if (read_u32(args, OPTION_DIM, "--dim", VDB_DIMENSION_MAX, &out->dimension) ||
        read_choice(args, OPTION_METRIC, "--metric", METRIC_NAMES, &out->metric) ||
        read_choice(args, OPTION_INDEX, "--index", INDEX_NAMES, &out->index) ||
        read_u32(args, OPTION_M, "--m", 512, &out->m) ||
        read_u32(args, OPTION_EF_CONSTRUCTION, "--ef-construction", 65535,
                 &out->ef_construction) ||
        read_u32(args, OPTION_MAX_LAYERS, "--max-layers", 64, &out->max_layers) ||
        read_choice(args, OPTION_CODES, "--codes", CODES_NAMES, &out->codes) ||
        read_choice(args, OPTION_DURABILITY, "--durability", DURABILITY_NAMES,
                    &out->durability))
        return STATUS_FAILED;
    return STATUS_DONE;
}

/* What `asked` wants other than `stored` has, in words; false: nothing. */
static bool contradicts(const vdb_options *asked, const vdb_stats *stored,
                        const char *path)
{
    const struct {
        const char *option;
        uint32_t asked, stored;
        const char *const *names; /* NULL: they are numbers */
    } all[] = {
        {"--dim", asked->dimension, stored->dimension, NULL},
        {"--metric", (uint32_t)asked->metric, (uint32_t)stored->metric, METRIC_NAMES},
        {"--index", (uint32_t)asked->index, (uint32_t)stored->index, INDEX_NAMES},
        {"--m", asked->m, stored->m, NULL},
        {"--ef-construction", asked->ef_construction, stored->ef_construction, NULL},
        {"--max-layers", asked->max_layers, stored->max_layers, NULL},
        {"--codes", (uint32_t)asked->codes, (uint32_t)stored->codes, CODES_NAMES},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].asked == 0 || all[i].asked == all[i].stored)
            continue;
        if (all[i].names)
            fail("%s %s: %s was created with %s", all[i].option,
                 all[i].names[all[i].asked], path, all[i].names[all[i].stored]);
        else
            fail("%s %u: %s was created with %u", all[i].option, all[i].asked, path,
                 all[i].stored);
        return true;
    }
    return false;
}

/* The database of a session. */
static struct {
    const char *path; /* NULL: there is no session */
    vdb *db;          /* NULL: not open yet */
    uint32_t flags;
    vdb_durability durability;
} session;

static vdb_status open_session(const vdb_options *options, vdb **out)
{
    vdb_options mine = *options;
    if (session.db) {
        *out = options->flags & VDB_OPEN_EXCLUSIVE ? NULL : session.db;
        return *out ? VDB_OK : VDB_EXISTS;
    }
    mine.flags = (options->flags & ~(uint32_t)VDB_OPEN_READONLY) | session.flags;
    mine.durability = session.durability;
    vdb_status result = vdb_open(session.path, &mine, &session.db);
    *out = session.db;
    return result;
}

int open_quietly(const char *path, const vdb_options *options, vdb **out,
                 vdb_status *result)
{
    vdb_stats stats = VDB_STATS_INIT;
    *out = NULL;
    *result = VDB_OK;
    if (path[0] == 0)
        return fail("the name of the database is empty");
    if (strcmp(path, ":memory:") == 0)
        return fail(":memory: would not be saved; name a file");
    if (!session.path || strcmp(path, session.path) != 0) {
        *result = vdb_open(path, options, out);
        return STATUS_DONE;
    }
    *result = open_session(options, out);
    if (*result == VDB_OK && vdb_stats_get(*out, &stats) == VDB_OK &&
        contradicts(options, &stats, path)) { /* the library was not asked again */
        *out = NULL;
        return STATUS_FAILED;
    }
    return STATUS_DONE;
}

/* Options that the library refused: if they contradict the file, say so by their names,
 * where the library has numbers. */
static int fail_options(const char *path, const vdb_options *options)
{
    vdb *db;
    vdb_error refusal = VDB_ERROR_INIT;
    vdb_options bare = VDB_OPTIONS_INIT;
    vdb_stats stats = VDB_STATS_INIT;
    vdb_error_get(&refusal);
    bare.flags = VDB_OPEN_READONLY | VDB_OPEN_MUST_EXIST;
    bool told = false;
    if (vdb_open(path, &bare, &db) == VDB_OK) {
        told =
            vdb_stats_get(db, &stats) == VDB_OK && contradicts(options, &stats, path);
        vdb_close(db);
    }
    return told ? STATUS_FAILED : fail("%s", refusal.message);
}

int fail_opening(const char *path, const vdb_options *options, vdb_status result)
{
    switch (result) {
    case VDB_INVALID:
        return fail_options(path, options);
    case VDB_NOT_FOUND:
        return fail("no database at %s", path);
    case VDB_EXISTS:
        return fail("there is a file already: %s", path);
    case VDB_BUSY:
        return fail("%s is in use by another process: %s", path, vdb_errmsg());
    default:
        return fail_library();
    }
}

int open_database(const char *path, const vdb_options *options, vdb **out)
{
    vdb_status result;
    int status = open_quietly(path, options, out, &result);
    if (!status && result)
        status = fail_opening(path, options, result);
    return status;
}

int open_if_there(const char *path, const vdb_options *options, vdb **out)
{
    vdb_status result;
    vdb_options mine = *options;
    mine.flags |= VDB_OPEN_MUST_EXIST;
    int status = open_quietly(path, &mine, out, &result);
    if (!status && result && result != VDB_NOT_FOUND)
        status = fail_opening(path, options, result);
    return status;
}

static int open_operand(const arguments *args, uint32_t flags, vdb **out)
{
    vdb_options options;
    *out = NULL;
    int status = read_options(args, &options);
    options.flags = flags | VDB_OPEN_MUST_EXIST;
    return status ? status : open_database(args->operands[0], &options, out);
}

int open_to_read(const arguments *args, vdb **out)
{
    uint32_t salvage = args->given[OPTION_WITHOUT_LOG] ? VDB_OPEN_WITHOUT_LOG : 0;
    return open_operand(args, VDB_OPEN_READONLY | salvage, out);
}

int open_to_write(const arguments *args, vdb **out)
{
    return open_operand(args, 0, out);
}

int close_database(vdb *db, int status)
{
    if (db && db != session.db && vdb_close(db) && !status)
        status = fail("closing: %s", vdb_errmsg());
    return status;
}

void session_begin(const char *path, const vdb_options *options)
{
    session.path = path;
    session.db = NULL;
    session.flags = options->flags & VDB_OPEN_READONLY;
    session.durability = options->durability;
}

bool session_is_on(void)
{
    return session.path != NULL;
}

vdb *session_database(void)
{
    vdb *db = session.db;
    vdb_options options = VDB_OPTIONS_INIT;
    options.flags = VDB_OPEN_MUST_EXIST;
    if (session.path && !db)
        (void)open_session(&options, &db);
    return db;
}

void close_anyway(vdb *db)
{
    if (db == session.db)
        session.db = NULL;
    vdb_close(db);
}

int session_end(int status)
{
    vdb *db = session.db;
    session.db = NULL;
    session.path = NULL;
    return close_database(db, status);
}
