/* environment.c: environments, filters, cancelling, errors, version. */
#include <string.h>

#include "api/arguments.h"
#include "base/error.h"

/* A vfs must be whole, but for what vdb.h says is optional. */
static vdb_status check_vfs(const vdb_vfs *v)
{
    if (!v->open || !v->close || !v->read || !v->write || !v->sync || !v->truncate ||
        !v->info || !v->lock || !v->exists || !v->remove || !v->sync_directory ||
        !v->resolve || !v->random || !v->now)
        return vdbi_fail(VDB_INVALID,
                         "vdb_vfs: a function that is not optional is NULL");
    if (!v->map != !v->unmap)
        return vdbi_fail(VDB_INVALID, "vdb_vfs: map and unmap must be given together");
    return VDB_OK;
}

vdb_status vdb_env_new(const vdb_env_options *options, vdb_env **out)
{
    vdb_env_options own;
    vdb_allocator allocator;
    vdb_vfs vfs;
    vdbi_memory host;
    vdb_env *env;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_struct_read(&own, sizeof own, options, "vdb_env_options");
    if (!st && own.allocator) {
        st = vdbi_struct_read(&allocator, sizeof allocator, own.allocator,
                              "vdb_allocator");
        if (!st && (!allocator.allocate || !allocator.release))
            st = vdbi_fail(VDB_INVALID, "vdb_allocator: a function is NULL");
    }
    if (!st && own.vfs) {
        st = vdbi_struct_read(&vfs, sizeof vfs, own.vfs, "vdb_vfs");
        if (!st)
            st = check_vfs(&vfs);
    }
    if (st)
        return st;
    vdbi_memory_init(&host, own.allocator ? &allocator : NULL);
    env = vdbi_calloc(&host, 1, sizeof *env);
    if (!env)
        return VDB_NOMEM;
    vdbi_memory_init(&env->memory, &host.allocator);
    env->vfs = own.vfs ? vfs : vdbi_vfs_system;
    env->log = own.log;
    env->log_arg = own.log_arg;
    *out = env;
    return VDB_OK;
}

void vdb_env_free(vdb_env *env)
{
    vdbi_memory host;

    if (!env)
        return;
    vdbi_memory_init(&host, &env->memory.allocator);
    vdbi_free(&host, env);
}

vdb_status vdb_vfs_system(vdb_vfs *vfs)
{
    return vdbi_struct_write(vfs, &vdbi_vfs_system, sizeof vdbi_vfs_system, "vdb_vfs");
}

vdb_status vdb_filter_parse(vdb_env *env, const char *json, size_t length,
                            vdb_filter **out)
{
    vdbi_memory memory;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    *out = NULL;
    st = vdbi_check_not_null(json, "the filter's text");
    if (st)
        return st;
    vdbi_memory_init(&memory, env ? &env->memory.allocator : NULL);
    return vdbi_filter_parse(&memory, json, length, out);
}

void vdb_filter_free(vdb_filter *filter)
{
    vdbi_filter_free(filter);
}

/* A flag has no environment: it is one word of malloc's. */
vdb_status vdb_cancel_new(vdb_cancel **out)
{
    vdbi_memory memory;
    vdb_status st = vdbi_check_not_null(out, "out");

    if (st)
        return st;
    vdbi_memory_init(&memory, NULL);
    *out = vdbi_calloc(&memory, 1, sizeof **out);
    return *out ? VDB_OK : VDB_NOMEM;
}

void vdb_cancel_set(vdb_cancel *cancel)
{
    if (cancel)
        atomic_store(&cancel->set, 1);
}

void vdb_cancel_free(vdb_cancel *cancel)
{
    vdbi_memory memory;

    vdbi_memory_init(&memory, NULL);
    vdbi_free(&memory, cancel);
}

const char *vdb_errmsg(void)
{
    return vdbi_error_text();
}

void vdb_error_get(vdb_error *error)
{
    vdb_error own = VDB_ERROR_INIT;

    vdbi_error_save(&own);
    if (error)
        vdbi_struct_write(error, &own, sizeof own, "vdb_error");
}

const char *vdb_status_name(vdb_status status)
{
    static const char *const names[] = {
        "VDB_OK",        "VDB_INVALID",  "VDB_NOT_FOUND",   "VDB_EXISTS",
        "VDB_NOMEM",     "VDB_IO",       "VDB_FULL",        "VDB_CORRUPT",
        "VDB_BUSY",      "VDB_READONLY", "VDB_UNSUPPORTED", "VDB_TIMEOUT",
        "VDB_CANCELLED", "VDB_POISONED", "VDB_MISUSE"};

    return status >= 0 && status <= VDB_MISUSE ? names[status] : "VDB_UNKNOWN";
}

uint32_t vdb_version(void)
{
    return VDB_VERSION_MAJOR * 1000000u + VDB_VERSION_MINOR * 1000u + VDB_VERSION_PATCH;
}
