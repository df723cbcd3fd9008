"""The bugs that run.py plants.  Each has

    name    to choose it by
    says    what is wrong, and which rule of docs/format.md or docs/design.md it breaks
    edits   (file, text that stands there once, text to put instead), ...
    tests   that must catch it, in the order in which they are tried
"""

LOG = 'lib/store/log/log.c'
RECOVER = 'lib/store/log/recover.c'
CHECKPOINT = 'lib/store/checkpoint.c'
PAGE_WRITER = 'lib/store/page_writer.c'
BACKUP = 'lib/store/backup.c'
COMPACT = 'lib/store/compact.c'
CELLS = 'lib/store/cells.c'
CODE_MARKS = 'lib/store/code_marks.c'
COMPACT_DB = 'lib/db/compact_db.c'
STORE = 'lib/store/store.c'
CREATION = 'lib/store/creation.c'
FRAME = 'lib/store/frame.c'
SPACE = 'lib/store/space.c'
SPACE_TAIL = 'lib/store/space_tail.c'
SLOTS = 'lib/store/slots.c'
GRAPH_PAGES = 'lib/store/graph_pages.c'
GRAPH_SAVE = 'lib/store/graph_save.c'
ARRAY_PASS = 'lib/store/array_pass.c'
CHECK = 'lib/store/check.c'
ARRAY = 'lib/store/array.c'
PENDING = 'lib/store/pending.c'
COMMIT = 'lib/db/commit.c'
MAINTENANCE = 'lib/db/maintenance.c'

MUTANTS = []


# The tests of single rules: quick, so all of them.
POINTS = ['points-' + part
          for part in ('commits', 'logs', 'meta', 'pages', 'reading', 'bounds', 'backup', 'compact')]


GROUPS = {'points': POINTS, 'graph': ['points-slots', 'points-graph']}


def plant(name, says, tests, *edits):
    every = [GROUPS.get(test, [test]) for test in tests.split()]
    MUTANTS.append({'name': name, 'says': says, 'tests': sum(every, []), 'edits': edits})


# ----------------------------------------------------------------- the directory

plant('no-directory-sync-of-a-log',
      'a log is taken into use before its name is durable',
      'points power',
      (LOG, '        st = vdbi_file_sync_directory(&f->file);\n        if (st)\n'
            '            poison(log, st);', ''))
plant('no-directory-sync-of-the-file',
      'a creation is acknowledged before the name is durable',
      'points power',
      (CREATION, '    if (!st)\n        st = vdbi_file_sync_directory(&s->file);\n'
                 '    if (!st)\n        s->meta = meta;',
       '    if (!st)\n        s->meta = meta;'))

# ------------------------------------------------------------------------ the logs

plant('recycled-before-meta',
      'the old log is cut before the meta page that does without it is durable',
      'points power',
      (CHECKPOINT, '    st = vdbi_store_write_meta(s, &meta);',
       '    if (!closing)\n        vdbi_log_recycle(s->log);\n'
       '    st = vdbi_store_write_meta(s, &meta);'))
plant('old-log-not-cut',
      'the old log stays when a checkpoint has saved what it holds',
      'points',
      (LOG, '    if (!log->two)\n        return VDB_OK;\n'
            '    st = vdbi_file_truncate(&f->file, 0);',
       '    if (!log->two)\n        return VDB_OK;\n    st = VDB_OK;'))
plant('retired-before-meta',
      'at a close the logs are cut before the meta page that names none',
      'points power',
      (CHECKPOINT, '        st = vdbi_checkpoint_run(s, VDBI_CHECKPOINT_CLOSING);\n'
                   '    if (!st)\n'
                   '        st = vdbi_log_retire(s->log);',
       '        st = vdbi_log_retire(s->log);\n'
       '    if (!st)\n'
       '        st = vdbi_checkpoint_run(s, VDBI_CHECKPOINT_CLOSING);'))
plant('salt-reused',
      'a log that is taken into use again keeps its salt',
      'points power',
      (LOG, '    while (salt == 0 || salt == previous || salt == f->salt) {\n'
            '        int rc = log->vfs->random(log->vfs->arg, &salt, sizeof salt);\n'
            '        if (rc)\n'
            '            return vdbi_fail_system(rc, "%s: random bytes", '
            'log->path[index]);\n    }',
       '    salt = 4711 + (uint64_t)index;'))
plant('acknowledged-before-sync',
      'a commit is acknowledged when it is written, not when it is durable',
      'points power',
      (STORE, '        if (!st && sync)', '        if (!st && 0 && sync)'))
plant('header-of-a-log-not-synced',
      'frames may reach the disk before the header of their log',
      'points power',
      (LOG, '    st = sync_or_poison(log, f);\n    if (!st) {\n', '    if (!st) {\n'))
plant('close-frame-not-synced',
      'frames go to the new log before the close frame of the old one is durable',
      'points power',
      (LOG, '    st = vdbi_log_sync(log);\n    if (st)\n        return st;\n'
            '    log->current = next;', '    log->current = next;'))
plant('frames-before-close-frame',
      'the close frame is never written',
      'points power',
      (LOG, '    if (!st)\n        st = vdbi_log_write(log);\n'
            '    if (st) {\n        vdbi_log_mark_reset(log, &mark);',
       '    vdbi_log_mark_reset(log, &mark);\n'
       '    if (st) {\n        vdbi_log_mark_reset(log, &mark);'))
plant('chain-not-verified',
      'a stale frame behind another one than it followed is accepted',
      'points',
      (RECOVER, 'f->lsn != s->lsn || f->previous != s->crc ||', 'f->lsn != s->lsn ||'))
plant('proof-ignored',
      'damage among acknowledged frames is taken for a torn tail',
      'points api-reopen',
      (RECOVER, '    if (proof) {', '    if (0 && proof) {'))
plant('torn-tail-not-cut',
      'recovery appends over a torn tail and leaves what reaches beyond',
      'points power',
      (RECOVER, '        if (!st && f->size > f->end)', '        if (0 && !st)'))
plant('cut-of-a-tail-not-synced',
      'recovery appends before its cut is durable',
      'points power',
      (RECOVER, '        if (!st)\n            st = vdbi_file_sync(&f->file);\n    }\n'
                '    log->written_lsn', '    }\n    log->written_lsn'))
plant('tail-not-rewritten',
      'recovery takes for durable what a failed sync left in the cache alone',
      'points io',
      (RECOVER, '            st = rewrite(log, f);', '            (void)rewrite;'))
plant('meta-not-durable-again',
      'recovery builds on a meta page that a failed sync left in the cache alone',
      'points io',
      (STORE, '    if (!st && !s->readonly && s->meta.log)', '    if (0)'))
plant('failed-write-not-cut',
      'what a failed write left in the log is not cut off',
      'points io',
      (LOG, '    cut = vdbi_file_truncate(&f->file, f->end);', '    cut = VDB_OK;'))
plant('failed-cut-not-poisoned',
      'a log whose tail could not be cut is written on',
      'points io',
      (LOG, '    if (cut)\n        poison(log, cut);\n    else\n', ''))
plant('failed-sync-not-poisoned',
      'a sync is tried again after it has failed, which lies',
      'points io',
      (LOG, '    return st ? poison(log, st) : VDB_OK;', '    return st;'),
      (STORE, '    return st ? vdbi_store_poison(s, st) : VDB_OK;', '    return st;'))
plant('turned-over-twice',
      'the retry of a failed checkpoint turns the log over again',
      'points power:failed_checkpoint',
      (CHECKPOINT, '    if (!st && had_log && !vdbi_log_two(s->log)) {',
       '    if (!st && had_log) {'),
      (LOG, 'assert(log->current >= 0 && !log->two && log->group_length == 0);', ''))
plant('retry-does-not-sync',
      'a meta page says S, and frames up to S may not be durable',
      'points power',
      (CHECKPOINT, '    if (!st && vdbi_log_two(s->log))\n        st = vdbi_store_sync(s);',
       ''))
plant('log-may-end-before-s',
      'a log that ends before the S of its meta page counts as whole',
      'points',
      (RECOVER, '    if (!st && start->number && s.sequence < start->sequence)', '    if (0)'))
plant('missing-log-is-empty',
      'a log that the meta page leads to and that is not there counts as empty',
      'points api-bad_input',
      (RECOVER, '        st = begin_scan(log, index, salt, &s, &h);\n        if (st)\n',
       '        st = begin_scan(log, index, salt, &s, &h);\n'
       '        if (st == VDB_CORRUPT)\n            st = VDB_OK, next = 1;\n'
       '        else\n            next = st != VDB_OK;\n        if (next)\n'))
plant('gap-accepted',
      'the older meta page counts though a log outside its chain is newer',
      'points',
      (RECOVER, '    if (!st && valid == 1 && h.generation > generation)',
       '    if (0 && h.generation > generation)'))
plant('unclosed-log-accepted',
      'frames of the next log count for nothing when the log before is not closed',
      'points',
      (RECOVER, '    if (!st && frames)\n        st = damaged(s, "missing:',
       '    if (0)\n        st = damaged(s, "missing:'))
plant('replay-of-what-is-saved',
      'commits up to S are replayed once more',
      'points power:failed_then_crash',
      (RECOVER, '} else if (f.sequence > v->after) {', '} else {'))
plant('group-keeps-a-failed-request',
      'a request that fails leaves its records in the group',
      'points power:refusals api-reopen',
      (PENDING, '    if (p->log)\n        vdbi_log_mark_reset(p->log, &p->log_mark);\n'
                '    if (p->slots)\n        vdbi_slots_undo(p->slots, &p->slots_mark);\n',
       '    if (p->slots)\n        vdbi_slots_undo(p->slots, &p->slots_mark);\n'))
plant('answer-does-not-wait',
      'EXISTS and NOT_FOUND that rest on a group which failed are given all the same',
      'points',
      (COMMIT, '        if (rests && r->status >= 0) {', '        if (r->joined) {'))
plant('failed-group-published',
      'versions whose log was not written are seen',
      'points io',
      (COMMIT, '    if (changed && !st) {\n        count_group',
       '    if (changed) {\n        count_group'))

# ------------------------------------------------------- pages, places, meta pages

plant('pages-not-synced',
      'the meta page may be durable before the pages that it names',
      'points power',
      (CHECKPOINT, '    st = vdbi_file_sync(&s->file);\n    if (st)\n'
                   '        return vdbi_store_poison(s, st);\n', ''))
plant('one-meta-page',
      'the meta page in force is overwritten',
      'points power',
      ('lib/store/meta.c', '    return (generation - 1) % 2;',
       '    return (generation - 1) * 0;'),
      ('lib/store/meta.c', ' || vdbi_meta_place(m->generation) != place)', ')'))
plant('freed-under-the-other-meta-page',
      'a page is used again while the meta page in force refers to it',
      'points power',
      (CHECKPOINT, '    if (!st)\n        st = vdbi_space_settle(s->space);\n',
       '    vdbi_space_let_go(s->space, s->saving.sequence);\n'
       '    if (!st)\n        st = vdbi_space_settle(s->space);\n'))
plant('freed-under-a-reader',
      'a page is used again while a snapshot refers to it',
      'points api-snapshot power:snapshot',
      (CHECKPOINT, '    vdbi_space_let_go(s->space, oldest);',
       '    (void)oldest;\n    vdbi_space_let_go(s->space, UINT64_MAX);'))
plant('freed-before-the-old-log-is-cut',
      'a page is used again while the older meta page and its log still lead to it',
      'points',
      (CHECKPOINT, 'could not cut the old log");\n        return;', 'could not cut the old log");'))
plant('superseded-by-an-older-version',
      'what a version supersedes is noted as not needed by the version before',
      'points api-snapshot power:snapshot',
      (PENDING, '.sequence = p->image.sequence;\n    *image',
       '.sequence = p->image.sequence - 1;\n    *image'))
plant('superseded-never-given',
      'pages that nothing refers to stay used',
      'points power:checkpoints',
      (CHECKPOINT, '        if (place)\n            st = vdbi_space_give',
       '        if (0 && place)\n            st = vdbi_space_give'))
plant('map-pages-never-given',
      'old pages of the map of free space stay used',
      'points power:checkpoints',
      (SPACE, '            st = give(s, place, item.pages, 0);', '            st = VDB_OK;'))
plant('failed-checkpoint-keeps-places',
      'places that a failed checkpoint took are not given back',
      'points power:failed_checkpoint',
      (CHECKPOINT, '    vdbi_space_undo(s->space);', '    vdbi_space_commit(s->space);'))
plant('failed-checkpoint-forgets-the-freed',
      'what a failed checkpoint would have freed is never freed',
      'points power:failed_checkpoint',
      (CHECKPOINT, '    s->written_count = 0;\n    vdbi_space_undo(s->space);',
       '    s->written_count = 0;\n    vdbi_superseded_clear(s->pager, &s->freeing);\n'
       '    vdbi_space_undo(s->space);'))
plant('checksum-without-place',
      'a page that was written to another place passes',
      'points',
      (FRAME, 'place + generation * 0x9E3779B97F4A7C15u', 'generation * 0x9E3779B97F4A7C15u'))
plant('checksum-without-generation',
      'a page that survived from an earlier write to its place passes',
      'points',
      (FRAME, 'place + generation * 0x9E3779B97F4A7C15u', 'place'))
plant('verified-for-ever',
      'a place that is written anew is read as it was',
      'points power',
      (FRAME, '    for (uint64_t i = place; w && i < place + pages; i++)\n'
              '        atomic_fetch_and', '    for (uint64_t i = place; 0 && w; i++)\n'
                                          '        atomic_fetch_and'))
plant('extended-in-place-after-saving',
      'no new epoch: rows are added to a block that the checkpoint has saved',
      'points power:checkpoint',
      (CHECKPOINT, '    s->epoch++;\n', ''))
plant('epoch-ignored',
      'rows are added to a frame of an earlier epoch',
      'points power:checkpoint',
      (ARRAY, '(beyond && ref.frame->epoch == change->epoch)', 'beyond'))
plant('not-trimmed',
      'rows beyond the count of the version are saved with its blocks',
      'points',
      (PAGE_WRITER, '    if (how == VDBI_TRIM_NONE || how ==', '    if (how >= VDBI_TRIM_NONE || how =='))
plant('trimmed-too-far',
      'the last row of a version is not saved',
      'points power:checkpoint',
      (PAGE_WRITER, '    valid = w->rows > first ? w->rows - first : 0;',
       '    valid = w->rows > first ? w->rows - first - 1 : 0;'))
plant('place-before-it-is-saved',
      'a copied parent names a child by the place that a running checkpoint chose',
      'points',
      (FRAME, '        if (atomic_load_explicit(&kid->placed, memory_order_acquire)) {\n'
              '            vdbi_ref_put(to->bytes',
       '        if (kid->written.place) {\n            vdbi_ref_put(to->bytes'))
plant('superseded-while-being-saved',
      'a page that is replaced while a checkpoint saves it is never freed',
      'points',
      (FRAME, '        if (f->epoch == change->epoch)\n            return;\n',
       '        return;\n'))
plant('older-meta-page-wins',
      'of two valid meta pages the older is taken',
      'points power:checkpoint',
      (CREATION, 'meta[i].generation > meta[best].generation',
       'meta[i].generation < meta[best].generation'))
plant('rotten-meta-pages-mean-empty',
      'a file without a valid meta page is created anew',
      'points api-open',
      (CREATION, '    if (size > 2 * VDBI_PAGE || !unfinished)', '    if (0)'))
plant('creation-over-logs',
      'a file is created anew though logs of a database stand beside it',
      'points',
      (CREATION, '    if (any)\n', '    if (0)\n'))

# ------------------------------------------------------------- slots and columns

plant('slot-reused-under-a-snapshot',
      'a slot is given out while a snapshot sees it live',
      'points-bounds',
      (STORE, '    vdbi_slots_release(s->slots, oldest);',
       '    (void)oldest;\n    vdbi_slots_release(s->slots, UINT64_MAX);'))
plant('slot-not-undone',
      'a slot that a dropped request took is lost',
      'points',
      (SLOTS, '        set_free(s, s->taken[--s->taken_count]);',
       '        s->taken_count--;'))
plant('slots-first-not-emptiest',
      'reuse takes the first block with a free slot',
      'points',
      (SLOTS, '        if (n > best) {', '        if (n && !best) {'))
plant('column-of-a-reused-slot',
      'a put leaves the columns that it does not speak of as they were',
      'points power:slot_reuse',
      ('lib/store/cells.c', '        if (st || !old || old[i] == VDBI_CELL_ABSENT)\n'
                            '            return st;', '        (void)i;\n        return st;'))
plant('columns-without-bound',
      'field 1,025 is taken for one that nobody has',
      'points',
      ('lib/store/column.c', '            *field = VDBI_FIELD_RECORDS;\n        return',
       '            *field = image->field_count > VDBI_COLUMNS_MAX ? VDBI_FIELD_RECORDS'
       ' : VDBI_FIELD_NONE;\n        return'),
      ('lib/store/cells.c', '    if (st || f->number != VDBI_FIELD_NONE)\n        return st;',
       '    if (!st && f->number == VDBI_FIELD_NONE &&\n'
       '        p->image.field_count >= VDBI_COLUMNS_MAX)\n'
       '        f->number = VDBI_FIELD_RECORDS;\n'
       '    if (st || f->number != VDBI_FIELD_NONE)\n        return st;'))

# --------------------------------------------------------------- bounds and budgets

plant('large-commit-not-refused',
      'a commit beyond the bound of the log is tried',
      'points',
      (COMMIT, 'if (!db->in_memory && r->log_bytes > db->options.log_bytes / 2)', 'if (0)'))
plant('log-without-bound',
      'the log grows beyond its bound',
      'points',
      (COMMIT, '    return db->in_memory || vdbi_store_log_size',
       '    return bound || db->in_memory || vdbi_store_log_size'),
      (MAINTENANCE, '           log >= db->options.log_bytes / 2 ||', '           '))
plant('dirty-without-budget',
      'unsaved pages start no checkpoint',
      'points',
      (MAINTENANCE, ' || dirty >= db->options.dirty_bytes;', ';'))
plant('cache-without-budget',
      'without mapping, what was read is kept for ever',
      'points',
      (FRAME, '    if (atomic_load(&p->cached) > p->cache_bytes)', '    if (0)'))
plant('normal-never-syncs',
      'at NORMAL the log is not synced after a second',
      'points',
      (COMMIT, '    if (now - db->last_sync_ns < second)', '    if (now)'))
plant('deletes-grouped-with-others',
      'a delete that would fit is refused with the insert in its group that does not',
      'points',
      (COMMIT, 'last->next->only_deletes == first->only_deletes &&', ''))
plant('no-reserve-for-deletes',
      'a full disk takes no deletes',
      'points power:full_disk',
      (STORE, '    if (only_deletes)\n        return VDB_OK;\n    st = vdbi_log_reserve',
       '    return VDB_OK;\n    st = vdbi_log_reserve'))

# ------------------------------------------------------------------------- backups

plant('backup-meta-before-pages',
      'the meta page of a backup may reach the disk before its pages',
      'points-backup power:backup',
      (BACKUP, '    if (!st)\n        st = vdbi_file_sync(&c->file);\n    if (st)\n'
               '        return st;\n    vdbi_meta_encode',
       '    if (st)\n        return st;\n    vdbi_meta_encode'))
plant('backup-not-durable',
      'a backup is acknowledged before its meta page is durable',
      'power:backup',
      (BACKUP, '    if (!st)\n        st = vdbi_file_sync(&c->file);\n    if (!st)\n'
               '        st = vdbi_file_sync_directory',
       '    if (!st)\n        st = vdbi_file_sync_directory'))
plant('backup-without-a-name',
      'a backup is acknowledged before its name is durable',
      'power:backup',
      (BACKUP, '    if (!st)\n        st = vdbi_file_sync_directory(&c->file);\n', ''))
plant('failed-backup-left',
      'a backup that failed leaves its file',
      'io:backup',
      (BACKUP, '        if (st)\n            remove_file(&c);\n', ''))
plant('backup-untrimmed',
      'a backup has rows that came after its instant',
      'api-backup',
      (BACKUP, 'vdbi_page_writer_load(&c->writer, how, block,',
       'vdbi_page_writer_load(&c->writer, how ? VDBI_TRIM_NONE : how, block,'))
plant('backup-keeps-the-uuid',
      'a backup has the identity of its source',
      'api-backup',
      (BACKUP, '    c->counting = 1;\n',
       '    memcpy(c->meta.uuid, c->source->meta.uuid, VDBI_UUID);\n    c->counting = 1;\n'))
plant('backup-over-a-file',
      'a backup takes the place of a file that is there',
      'api-backup',
      (BACKUP, 'VDB_VFS_CREATE | VDB_VFS_EXCLUSIVE', 'VDB_VFS_CREATE'))
plant('backup-of-unverified-pages',
      'a backup copies what does not match its checksum',
      'api-backup',
      (BACKUP, '        st = vdbi_page_reread(c->source->pager, ref, c->writer.page);',
       '        st = vdbi_file_read(&c->source->file, c->writer.page,\n'
       '                            ref->pages * VDBI_PAGE, ref->place * VDBI_PAGE);'))

# ------------------------------------------------------------- the saved graph

plant('slot-freed-during-a-save',
      'a slot that is unlinked during a save is free, though the bitmap may have been copied',
      'graph',
      (GRAPH_PAGES, '    if (s->graph.active)\n        return;\n', ''))
plant('saved-bit-ignored',
      'a slot is used again though the graph in force has its bit',
      'graph',
      (GRAPH_PAGES, 'words[i] = bytes ? vdbi_get64(bytes + 8 * i) : 0;', 'words[i] = 0;'))
plant('unreadable-bitmap-is-empty',
      'slots are free when the bitmap that may have them cannot be read',
      'graph',
      (GRAPH_PAGES, 'memset(words, 0xff,', 'memset(words, 0,'))
plant('dead-slot-not-unlinked',
      'a dead slot is used again before it was taken out of the graph in memory',
      'graph',
      (SLOTS, '        if (s->managed)\n            set_dead(s, slot);\n        else\n', ''))
plant('linked-slot-free-after-opening',
      'an opening takes dead slots that the saved graph has for free ones',
      'graph',
      (SLOTS, 'move_linked(s, &s->free, &s->dead, 1)', '0'))
plant('replayed-bit-not-cleared',
      'a checkpoint saves a replayed put and keeps the bit of its slot',
      'graph',
      (GRAPH_SAVE, '    if (g->correcting) {', '    if (0) {'))
plant('replayed-bit-kept-by-a-save',
      'a save that does not put the block of the bitmap keeps the bit of a replayed put',
      'graph',
      (GRAPH_SAVE, '        if (g->correcting)\n            st = correct', '        if (0)\n            st = correct'))
plant('replayed-put-not-noted',
      'slots that replay has put into are not known',
      'graph',
      (PENDING, '            vdbi_bit_set(p->replayed->words, slot);', '            (void)slot;'))
plant('cleared-by-a-failed-checkpoint',
      'the bits of replayed puts count as cleared when the checkpoint has failed',
      'graph',
      (GRAPH_SAVE, '        g->correcting = 0;\n    }\n    g->dropping = 0;',
       '    }\n    g->correcting = 0;\n    g->dropping = 0;'))
plant('unreadable-bitmap-kept',
      'a bitmap that should be corrected, and cannot be read, stays in force',
      'graph',
      (GRAPH_SAVE, '    if (st || !bytes)\n        return st;\n    for', '    if (st || !bytes)\n        return VDB_OK;\n    for'))
plant('drop-frees-no-slots',
      'what waits for a save waits on when the graph is dropped',
      'graph',
      (GRAPH_SAVE, '    atomic_fetch_add(&s->graph.drops, 1);\n    vdbi_graph_settle_slots(s);',
       '    atomic_fetch_add(&s->graph.drops, 1);'))
plant('drop-forgotten',
      'a drop counts as done though its checkpoint has failed',
      'graph',
      (GRAPH_SAVE, '        if (g->dropping)\n            g->drops_done = g->dropping;\n        g->correcting = 0;\n    }\n',
       '        g->correcting = 0;\n    }\n    if (g->dropping)\n        g->drops_done = g->dropping;\n'))
plant('drop-keeps-the-pages',
      'pages of a dropped graph stay used',
      'graph',
      (GRAPH_SAVE, '        memset(meta->graph, 0, sizeof meta->graph);\n        return drop_pages(s);',
       '        memset(meta->graph, 0, sizeof meta->graph);\n        return VDB_OK;'))
plant('whole-save-keeps-the-pages',
      'a save on top of a dropped graph leaves the pages of that used',
      'graph',
      (GRAPH_SAVE, '    if (!st && g->whole)\n        st = drop_pages(s);\n', ''))
plant('dropped-save-saved',
      'a save that was under way when the graph was dropped is made durable',
      'graph',
      (GRAPH_SAVE, '(st || !g->finished || atomic_load(&g->drops) != g->drops_before)',
       '(st || !g->finished)'))
plant('superseded-graph-never-given',
      'pages that a save has replaced stay used',
      'graph',
      (ARRAY_PASS, '    if (vdbi_ref_none(old))\n        return VDB_OK;', '    (void)old;\n    return VDB_OK;'))
plant('graph-block-in-place',
      'a save writes over the block that the meta page in force names',
      'graph power:graph',
      (ARRAY_PASS, '        st = write_page(p, bytes, 0, &ref);',
       '        {\n            if (old.place) {\n'
       '                vdbi_page_writer_load(p->writer, VDBI_TRIM_NONE, 0, bytes, 1);\n'
       '                st = vdbi_page_writer_put(p->writer, old.place, 1, 0, &ref);\n'
       '                memset(&old, 0, sizeof old);\n            } else\n'
       '                st = write_page(p, bytes, 0, &ref);\n        }'))
plant('other-log-not-cut-before-a-save',
      'a save writes over pages of the older meta page while its log is still there',
      'graph',
      (GRAPH_SAVE, '    if (!st)\n        st = vdbi_log_clear_other(s->log);\n', ''))
plant('no-log-for-a-checkpoint-of-the-graph',
      'a commit beside a checkpoint of the graph alone writes a meta page of the same generation',
      'graph',
      (GRAPH_SAVE, '        return vdbi_store_take_log(s);\n    return VDB_OK;', '        return VDB_OK;\n    return VDB_OK;'))
plant('given-up-save-named',
      'a checkpoint that goes on without the graph names the one that it gave up',
      'graph',
      (GRAPH_SAVE, '    g->finished = 0; /* its places are gone with the transaction */\n', ''))
plant('graph-in-the-way',
      'a checkpoint fails for want of room for the graph',
      'graph',
      (GRAPH_SAVE, 'return (had && st == VDB_FULL) || st == VDBI_GRAPH_DAMAGED;', 'return (void)had, 0;'))
plant('graph-takes-the-reserve',
      'a graph is saved into the room that deletes on a full disk need',
      'graph',
      (GRAPH_SAVE, '    if (g->finished && atomic_load(&g->drops) == g->drops_before)\n        st = vdbi_store', '    if (0)\n        st = vdbi_store'))
plant('abandoned-save-keeps-places',
      'places of a save that is given up stay used',
      'graph',
      (GRAPH_SAVE, '    vdbi_space_undo(s->space); /* nothing, if it is durable */\n', ''))
plant('save-durable-too-early',
      'a save counts as durable when its checkpoint has not succeeded',
      'graph',
      (GRAPH_SAVE, '    g->finished = !st;\n    return st;',
       '    g->finished = !st;\n    atomic_store(&g->durable_number, g->number);\n    return st;'))
plant('graph-lost-by-a-checkpoint',
      'an ordinary checkpoint forgets the saved graph',
      'graph',
      (GRAPH_SAVE, '    memcpy(meta->graph, g->saved, sizeof meta->graph);', '    memset(meta->graph, 0, sizeof meta->graph);'))
plant('finished-not-flushed',
      'the last pages of a save are not written',
      'graph',
      (GRAPH_SAVE, '        st = step(g, vdbi_page_writer_flush(&g->writer), 0);', '        st = VDB_OK;'))
plant('transaction-begun-twice',
      'the checkpoint forgets what the save before it took, so a failure gives it back no more',
      'graph',
      (SPACE, '    if (st || s->open)\n        return st;', '    if (st)\n        return st;'))
plant('graph-damage-is-damage',
      'damage of the graph looks like damage of the truth',
      'graph',
      (GRAPH_PAGES, 'return st == VDB_CORRUPT ? VDBI_GRAPH_DAMAGED : st;', 'return st;'))
plant('graph-not-checked',
      'vdb_check does not look at the graph',
      'graph',
      (CHECK, '    if (!st)\n        st = walk_graph(&w);\n', ''))
plant('linked-beyond-the-slots',
      'vdb_check accepts bits for slots that are not there',
      'graph',
      (CHECK, '            return odd(w, ref, "a slot is linked that is not there");', '            return VDB_OK;'))
plant('pass-goes-back',
      'blocks of a save may come in any order, and those that come late are lost',
      'graph',
      (ARRAY_PASS, '    if (block < p->next)', '    if (0)'))
plant('array-grows-over-itself',
      'what was written of an array is forgotten when it becomes higher',
      'graph',
      (ARRAY_PASS, '        name(p, p->height - 1, 0, &below);\n', '        (void)below;\n'))
plant('empty-node-kept',
      'nodes in which nothing is left stay in the array',
      'graph',
      (ARRAY_PASS, '            if (!is_empty(l->page))\n', ''))
plant('logs-cut-under-a-meta-page-of-the-cache',
      'the logs are cut though the meta page that does without them may be in the cache alone',
      'points-meta',
      (STORE, '    if (!st && left)\n        st = vdbi_store_write_meta(s, &s->meta);\n', ''))

# ---------------------------------------------------------------------- compaction

plant('cut-after-one-meta-page',
      'the file is cut when only one meta page asks for the smaller length',
      'points-compact power:compact',
      (COMPACT_DB, '    if (!st)\n        st = vdbi_db_checkpoint_shrink(db);\n    if (st)',
       '    if (st)'),
      (CHECKPOINT, 's->meta.file_pages > s->other_pages ? s->meta.file_pages : s->other_pages',
       's->meta.file_pages'))
plant('cut-before-it-is-durable',
      'the file is cut to what only the meta page to come asks for',
      'points-compact power:compact',
      (CHECKPOINT, '    st = vdbi_file_sync(&s->file);\n    if (st)\n'
                   '        return vdbi_store_poison(s, st);\n    st = vdbi_store_write_meta',
       '    if (how & VDBI_CHECKPOINT_SHRINK)\n'
       '        vdbi_file_truncate(&s->file, meta.file_pages * VDBI_PAGE);\n'
       '    st = vdbi_file_sync(&s->file);\n    if (st)\n'
       '        return vdbi_store_poison(s, st);\n    st = vdbi_store_write_meta'))
plant('cut-under-a-reader',
      'pages that a snapshot refers to are cut off',
      'points-compact api-compact',
      (SPACE_TAIL, 'end = leaf_end(used, s->leaves[i].held);', 'end = leaf_end(used, NULL);'))
plant('slots-given-up-under-a-reader',
      'slots that a snapshot sees live are given up',
      'points-compact api-compact',
      (SLOTS, '    while (s->limbo_head < s->limbo_count &&\n'
              '           s->limbo[s->limbo_head].sequence <= oldest) {',
       '    while (s->limbo_head < s->limbo_count && oldest) {'))
plant('given-up-slots-stay-free',
      'a slot that has been given up is taken for a new vector',
      'points-compact api-compact',
      (SLOTS, '        take_it(s, i);\n    return st;\n}', '        (void)take_it;\n    return st;\n}'))
plant('given-up-slots-forgotten',
      'slots that were given up by a group that failed are never used again',
      'points-compact',
      (SLOTS, '    for (uint32_t i = from; !st && i < slot_count; i++)\n        take_it(s, i);',
       '    for (uint32_t i = from; !st && i < slot_count; i++) {\n        take_it(s, i);\n'
       '        s->taken_count--;\n    }'))
plant('moved-row-not-logged',
      'a row is moved to another slot and the log does not say so',
      'power:compact',
      (PENDING, '    vdb_status st = log_put(p, RECORD_PUT, to, put);\n\n    if (!st)\n'
                '        st = apply_put(p, to, put);',
       '    vdb_status st = apply_put(p, to, put);\n'))
plant('live-cells-punched',
      'a block of a column that live slots have cells in becomes a hole',
      'api-compact',
      (COMPACT, '        *has = cells->tags[i] != VDBI_CELL_ABSENT && words[i / 64] >> (i % 64) & 1;',
       '        *has = cells->tags[i] > VDBI_CELL_STRING && words[i / 64] >> (i % 64) & 1;'))
plant('nothing-is-cut',
      'the file keeps its length',
      'api-compact',
      (CHECKPOINT, '    if (!st && size > pages * VDBI_PAGE) {', '    if (0) {'))
plant('places-not-moved',
      'pages at the end of the file stay where they are',
      'api-compact',
      (COMPACT_DB, '    if (!st && file > boundary && room)', '    if (0)'))
plant('closing-does-not-cut',
      'a churned file keeps its free pages when it is closed',
      'api-trim power:trim',
      (COMPACT_DB, '    return used && file > used + used / IDLE', '    return 0 && file > used + used / IDLE'))
plant('closing-moves-without-bound',
      'a session that has written little moves what others have left',
      'api-trim',
      (COMPACT_DB, '    bytes = stats.written_bytes / 2;', '    bytes = UINT64_MAX;'))
plant('map-not-moved',
      'the pages of the map keep the file from being cut',
      'unit-space',
      (SPACE, '    if (!st && s->boundary != UINT64_MAX) {', '    if (0) {'))
plant('graph-not-moved',
      'the pages of the saved graph keep the file from being cut',
      'points-compact',
      (GRAPH_SAVE, '    if (vdbi_space_boundary(s->space) == UINT64_MAX)', '    if (1)'))
plant('slots-given-up-under-a-graph',
      'slots that a graph has are given up, and used for others',
      'points-compact power:compact_graph',
      (COMPACT_DB, '    if (there && !worth)\n        return 0;\n    vdbi_graph_yield(db, "most of it is deleted, and the rest moves");', '    (void)worth, (void)there;\n    vdbi_turn_take(db);\n    vdbi_store_unmanage_slots(db->store);\n    vdbi_turn_give(db);'),
      (COMPACT_DB, '#include "store/compact.h"\n', '#include "store/compact.h"\n#include "store/graph_pages.h"\n'))
plant('string-in-use-cleared',
      'a string that a commit takes up while the dictionary is cleared is cleared',
      'api-compact',
      (CELLS, '    if (!st && *code != VDBI_CODE_NONE && p->marks)\n', '    if (0)\n'))
plant('strings-of-lists-cleared',
      'strings that stand in arrays only are cleared',
      'api-compact',
      (CODE_MARKS, '        else if (cells[field].tags[i] == VDBI_CELL_ARRAY)', '        else if (0)'))
plant('nothing-is-cleared',
      'strings that nobody has stay in the dictionary',
      'api-compact',
      (COMPACT, '        c->changed |= unused;', '        c->changed |= 0;'))
