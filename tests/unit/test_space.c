/* test_space.c: the map of free space of a file of half a gigabyte, which is sparse: only the
 * map's own pages are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/page_writer.h"
#include "store/space.h"

enum {
    LEAF = 32768, /* pages that one page of the map tells of */
    RUN = 16
};

typedef struct disk {
    vdbi_memory memory;
    vdbi_file file;
    vdbi_pager *pager;
    vdbi_space *space;
    vdbi_ref map, summary; /* as the last save left them */
    uint64_t generation, pages;
    char path[64];
} disk;

static void ok(vdb_status st)
{
    assert_int_equal(st, VDB_OK);
}

static void begin(disk *d, uint64_t boundary)
{
    ok(vdbi_pager_create(&d->memory, &d->file, 0, 64 << 20, &d->pager));
    vdbi_pager_set_file_pages(d->pager, d->pages);
    ok(vdbi_space_create(&d->memory, d->pager, &d->map, &d->summary, d->pages,
                         &d->space));
    vdbi_space_evacuate(d->space, boundary);
    ok(vdbi_space_begin(d->space));
}

static void end(disk *d)
{
    vdbi_space_free(d->space);
    vdbi_pager_free(d->pager);
}

static void write_frame(vdbi_page_writer *w, vdbi_frame *f, uint32_t height)
{
    for (uint32_t i = 0; f->kids && i < VDBI_KIDS_MAX; i++)
        if (f->kids[i])
            write_frame(w, f->kids[i], height - 1);
    vdbi_page_writer_load(w, VDBI_TRIM_NONE, 0, f->bytes, f->pages);
    for (uint32_t i = 0; f->kids && i < VDBI_KIDS_MAX; i++)
        if (f->kids[i])
            vdbi_ref_put(w->page + vdbi_child_offset(f->bytes, i),
                         &f->kids[i]->written);
    ok(vdbi_page_writer_put(w, f->written.place, f->pages, height, &f->written));
}

static vdbi_ref write_root(vdbi_page_writer *w, const vdbi_ref *root)
{
    if (!root->frame)
        return *root;
    write_frame(w, root->frame, root->height);
    return root->frame->written;
}

/* As a checkpoint does it; then all is closed, so that nothing is held. */
static void save(disk *d, int shrink)
{
    vdbi_page_writer w;
    vdbi_ref *map, *summary;

    ok(vdbi_space_settle(d->space));
    if (shrink)
        ok(vdbi_space_shrink(d->space));
    vdbi_space_roots(d->space, &map, &summary);
    ok(vdbi_page_writer_begin(&w, &d->memory, &d->file, ++d->generation));
    d->map = write_root(&w, map);
    d->summary = write_root(&w, summary);
    ok(vdbi_page_writer_flush(&w));
    vdbi_page_writer_end(&w);
    d->pages = vdbi_space_file_pages(d->space);
    ok(vdbi_file_truncate(&d->file, d->pages * VDBI_PAGE));
    vdbi_space_commit(d->space);
    end(d);
}

static void give(disk *d, uint64_t from, uint64_t to)
{
    for (uint64_t place = from; place < to; place += RUN)
        ok(vdbi_space_give(d->space, place, RUN, 0));
}

/* Four leaves of the map are full, so that its pages stand in the fifth.  All behind the
 * middle of the third becomes free: of the first two nothing changes, and their pages of the
 * map would keep the file long. */
static void pages_of_the_map_move(void **state)
{
    disk d = {.pages = 2, .path = "/tmp/vdb-space-XXXXXX"};
    static const uint32_t lengths[] = {RUN, 1};
    uint64_t place = 0;
    int fd = mkstemp(d.path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    vdbi_memory_init(&d.memory, NULL);
    ok(vdbi_file_open(&d.file, &vdbi_vfs_system, &d.memory, NULL, d.path, 0));
    begin(&d, UINT64_MAX);
    for (int i = 0; i < 2; i++)
        for (place = 0; place < 4 * LEAF;)
            ok(vdbi_space_take(d.space, lengths[i], &place));
    save(&d, 0);
    assert_true(d.map.place > 4 * LEAF);
    begin(&d, UINT64_MAX);
    give(&d, 2 * LEAF + LEAF / 2, 4 * LEAF + RUN);
    ok(vdbi_space_give(d.space, place, 1, 0));
    save(&d, 1);
    assert_true(d.pages > 4 * LEAF);
    for (int i = 0; i < 2;
         i++) { /* the first holds what the meta page before it needs */
        begin(&d, 3 * LEAF);
        save(&d, 1);
    }
    assert_true(d.pages < 3 * LEAF);
    begin(&d, UINT64_MAX);
    ok(vdbi_space_take(d.space, 1, &place)); /* the map is whole */
    assert_true(place < 3 * LEAF);
    end(&d);
    ok(vdbi_file_close(&d.file));
    unlink(d.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_the_map_move),
    };

    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
