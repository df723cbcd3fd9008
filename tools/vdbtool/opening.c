/* opening.c: opening and closing; see opening.h. */
#include <string.h>

#include "complain.h"
#include "opening.h"
#include "values.h"

const char *const METRIC_NAMES[] = {"default", "l2", "cosine", "dot", NULL};
const char *const INDEX_NAMES[] = {"default", "flat", "hnsw", NULL};
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
        read_choice(args, OPTION_DURABILITY, "--durability", DURABILITY_NAMES,
                    &out->durability))
        return STATUS_FAILED;
    return STATUS_DONE;
}

int open_quietly(const char *path, const vdb_options *options, vdb **out,
                 vdb_status *result)
{
    *out = NULL;
    *result = VDB_OK;
    if (path[0] == 0)
        return fail("the name of the database is empty");
    if (strcmp(path, ":memory:") == 0)
        return fail(":memory: would not be saved; name a file");
    *result = vdb_open(path, options, out);
    return STATUS_DONE;
}

int fail_opening(const char *path, vdb_status result)
{
    switch (result) {
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
        status = fail_opening(path, result);
    return status;
}

int open_if_there(const char *path, const vdb_options *options, vdb **out)
{
    vdb_status result;
    vdb_options mine = *options;
    mine.flags |= VDB_OPEN_MUST_EXIST;
    int status = open_quietly(path, &mine, out, &result);
    if (!status && result && result != VDB_NOT_FOUND)
        status = fail_opening(path, result);
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
    if (db && vdb_close(db) && !status)
        status = fail("closing: %s", vdb_errmsg());
    return status;
}
