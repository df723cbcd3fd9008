/* layout.c: print the size of every public struct and the place of every field, to be
 * compared with layout.txt: what links today must link tomorrow.
 *
 * A field may be appended; then layout.txt gains its line in the same commit.
 */
#include <stddef.h>
#include <stdio.h>

#include "vdb.h"

#define SIZE(type) printf(#type " size %zu\n", sizeof(type))
#define FIELD(type, field)                                                             \
    printf(#type "." #field " at %zu size %zu\n", offsetof(type, field),               \
           sizeof(((type *)0)->field))

static void print_options(void)
{
    SIZE(vdb_options);
    FIELD(vdb_options, struct_size);
    FIELD(vdb_options, env);
    FIELD(vdb_options, flags);
    FIELD(vdb_options, dimension);
    FIELD(vdb_options, metric);
    FIELD(vdb_options, index);
    FIELD(vdb_options, type);
    FIELD(vdb_options, m);
    FIELD(vdb_options, ef_construction);
    FIELD(vdb_options, max_layers);
    FIELD(vdb_options, durability);
    FIELD(vdb_options, ef_search);
    FIELD(vdb_options, threads);
    FIELD(vdb_options, checkpoint_entries);
    FIELD(vdb_options, log_bytes);
    FIELD(vdb_options, dirty_bytes);
    FIELD(vdb_options, cache_bytes);
    FIELD(vdb_options, codes);
    FIELD(vdb_options, reserved);
    FIELD(vdb_options, graph_bytes);
}

static void print_op(void)
{
    SIZE(vdb_op);
    FIELD(vdb_op, struct_size);
    FIELD(vdb_op, snapshot);
    FIELD(vdb_op, cancel);
    FIELD(vdb_op, progress);
    FIELD(vdb_op, progress_arg);
    FIELD(vdb_op, timeout_ms);
    FIELD(vdb_op, reserved);
}

static void print_error(void)
{
    SIZE(vdb_error);
    FIELD(vdb_error, struct_size);
    FIELD(vdb_error, status);
    FIELD(vdb_error, system_error);
    FIELD(vdb_error, offset);
    FIELD(vdb_error, message);
}

static void print_rows(void)
{
    SIZE(vdb_rows);
    FIELD(vdb_rows, struct_size);
    FIELD(vdb_rows, count);
    FIELD(vdb_rows, dim);
    FIELD(vdb_rows, ids);
    FIELD(vdb_rows, id_lengths);
    FIELD(vdb_rows, vectors);
    FIELD(vdb_rows, stride);
    FIELD(vdb_rows, metadata);
    FIELD(vdb_rows, metadata_lengths);
    FIELD(vdb_rows, type);
    FIELD(vdb_rows, flags);
}

static void print_cursor_options(void)
{
    SIZE(vdb_cursor_options);
    FIELD(vdb_cursor_options, struct_size);
    FIELD(vdb_cursor_options, after);
    FIELD(vdb_cursor_options, prefix);
    FIELD(vdb_cursor_options, filter);
    FIELD(vdb_cursor_options, snapshot);
    FIELD(vdb_cursor_options, flags);
    FIELD(vdb_cursor_options, reserved);
}

static void print_query(void)
{
    SIZE(vdb_query);
    FIELD(vdb_query, struct_size);
    FIELD(vdb_query, vectors);
    FIELD(vdb_query, count);
    FIELD(vdb_query, dim);
    FIELD(vdb_query, stride);
    FIELD(vdb_query, k);
    FIELD(vdb_query, filter);
    FIELD(vdb_query, op);
    FIELD(vdb_query, type);
    FIELD(vdb_query, ef);
    FIELD(vdb_query, recall_target);
    FIELD(vdb_query, max_distance);
    FIELD(vdb_query, flags);
    FIELD(vdb_query, reserved);
}

static void print_explain(void)
{
    SIZE(vdb_explain);
    FIELD(vdb_explain, struct_size);
    FIELD(vdb_explain, index);
    FIELD(vdb_explain, strategy);
    FIELD(vdb_explain, sequence);
    FIELD(vdb_explain, live);
    FIELD(vdb_explain, matches);
    FIELD(vdb_explain, distances);
    FIELD(vdb_explain, filter_ns);
    FIELD(vdb_explain, search_ns);
    FIELD(vdb_explain, reason);
    FIELD(vdb_explain, ef);
    FIELD(vdb_explain, reserved);
}

static void print_tuning(void)
{
    SIZE(vdb_tuning);
    FIELD(vdb_tuning, struct_size);
    FIELD(vdb_tuning, k);
    FIELD(vdb_tuning, ef);
    FIELD(vdb_tuning, recall);
    FIELD(vdb_tuning, promised);
    FIELD(vdb_tuning, mean_us);
    FIELD(vdb_tuning, vectors);
    FIELD(vdb_tuning, sample);
}

static void print_check_options(void)
{
    SIZE(vdb_check_options);
    FIELD(vdb_check_options, struct_size);
    FIELD(vdb_check_options, max_findings);
    FIELD(vdb_check_options, reserved);
}

static void print_stats(void)
{
    SIZE(vdb_stats);
    FIELD(vdb_stats, struct_size);
    FIELD(vdb_stats, vectors);
    FIELD(vdb_stats, slots);
    FIELD(vdb_stats, sequence);
    FIELD(vdb_stats, durable_sequence);
    FIELD(vdb_stats, generation);
    FIELD(vdb_stats, file_bytes);
    FIELD(vdb_stats, free_bytes);
    FIELD(vdb_stats, held_bytes);
    FIELD(vdb_stats, log_bytes);
    FIELD(vdb_stats, dirty_bytes);
    FIELD(vdb_stats, resident_bytes);
    FIELD(vdb_stats, written_bytes);
    FIELD(vdb_stats, syncs);
    FIELD(vdb_stats, commits);
    FIELD(vdb_stats, checkpoints);
    FIELD(vdb_stats, views);
    FIELD(vdb_stats, fields);
    FIELD(vdb_stats, total_inserts);
    FIELD(vdb_stats, total_deletes);
    FIELD(vdb_stats, total_queries);
    FIELD(vdb_stats, avg_query_latency_us);
    FIELD(vdb_stats, p50_query_latency_us);
    FIELD(vdb_stats, p95_query_latency_us);
    FIELD(vdb_stats, p99_query_latency_us);
    FIELD(vdb_stats, dimension);
    FIELD(vdb_stats, metric);
    FIELD(vdb_stats, index);
    FIELD(vdb_stats, type);
    FIELD(vdb_stats, m);
    FIELD(vdb_stats, ef_construction);
    FIELD(vdb_stats, max_layers);
    FIELD(vdb_stats, format);
    FIELD(vdb_stats, poisoned);
    FIELD(vdb_stats, replayed);
    FIELD(vdb_stats, graph_vectors);
    FIELD(vdb_stats, graph_fresh);
    FIELD(vdb_stats, graph_bytes);
    FIELD(vdb_stats, graph_file_bytes);
    FIELD(vdb_stats, graph_layers);
    FIELD(vdb_stats, reserved);
    FIELD(vdb_stats, codes);
    FIELD(vdb_stats, graph_codes);
    FIELD(vdb_stats, last_checkpoint_us);
    FIELD(vdb_stats, total_checkpoint_us);
    FIELD(vdb_stats, graph_wanted_bytes);
}

static void print_allocator(void)
{
    SIZE(vdb_allocator);
    FIELD(vdb_allocator, struct_size);
    FIELD(vdb_allocator, arg);
    FIELD(vdb_allocator, allocate);
    FIELD(vdb_allocator, release);
}

static void print_file_info(void)
{
    SIZE(vdb_file_info);
    FIELD(vdb_file_info, struct_size);
    FIELD(vdb_file_info, size);
    FIELD(vdb_file_info, device);
    FIELD(vdb_file_info, inode);
    FIELD(vdb_file_info, links);
    FIELD(vdb_file_info, kind);
    FIELD(vdb_file_info, reserved);
}

static void print_vfs(void)
{
    SIZE(vdb_vfs);
    FIELD(vdb_vfs, struct_size);
    FIELD(vdb_vfs, arg);
    FIELD(vdb_vfs, open);
    FIELD(vdb_vfs, close);
    FIELD(vdb_vfs, read);
    FIELD(vdb_vfs, write);
    FIELD(vdb_vfs, sync);
    FIELD(vdb_vfs, truncate);
    FIELD(vdb_vfs, info);
    FIELD(vdb_vfs, reserve);
    FIELD(vdb_vfs, lock);
    FIELD(vdb_vfs, map);
    FIELD(vdb_vfs, unmap);
    FIELD(vdb_vfs, exists);
    FIELD(vdb_vfs, remove);
    FIELD(vdb_vfs, sync_directory);
    FIELD(vdb_vfs, resolve);
    FIELD(vdb_vfs, random);
    FIELD(vdb_vfs, now);
}

static void print_env_options(void)
{
    SIZE(vdb_env_options);
    FIELD(vdb_env_options, struct_size);
    FIELD(vdb_env_options, allocator);
    FIELD(vdb_env_options, vfs);
    FIELD(vdb_env_options, log);
    FIELD(vdb_env_options, log_arg);
}

int main(void)
{
    printf("%zu-bit\n", 8 * sizeof(void *));
    print_options();
    print_op();
    print_error();
    print_rows();
    print_cursor_options();
    print_query();
    print_explain();
    print_tuning();
    print_check_options();
    print_stats();
    print_allocator();
    print_file_info();
    print_vfs();
    print_env_options();
    return 0;
}
