/* recover.c: reading the logs after a crash; docs/format.md, "Recovery".
 *
 * The one question that matters is what a bad frame means.  A power cut leaves a torn
 * tail: frames that nobody was told of.  Damage leaves a hole among frames that somebody
 * was.  They are told apart by the frames further on: each says which lsn was durable when
 * it was written.
 */
#include "store/log/log_priv.h"

#include <stdio.h>

typedef struct log_header {
    uint64_t salt, previous, generation, lsn, sequence;
} log_header;

typedef struct frame {
    uint32_t kind, length, previous, payload_crc, crc;
    uint64_t lsn, sequence, durable;
} frame;

/* A walk along the frames of one log. */
typedef struct scan {
    vdbi_log *log;
    log_file *f;
    int index;
    uint64_t offset;
    uint64_t lsn;      /* expected */
    uint64_t sequence; /* of the newest commit */
    uint32_t crc;
    uint8_t *payload;
    size_t payload_capacity;
    const char *problem; /* why the walk ended; NULL: at the file's end */
} scan;

static vdb_status header_read(vdbi_log *log, int index, log_header *h, int *valid)
{
    uint8_t b[LOG_HEADER_USED];
    log_file *f = &log->files[index];
    size_t got;
    vdb_status st = vdbi_file_size(&f->file, &f->size);

    *valid = 0;
    if (st || f->size < VDBI_LOG_HEADER)
        return st;
    st = vdbi_file_read_some(&f->file, b, sizeof b, 0, &got);
    if (st || got < sizeof b)
        return st;
    if (memcmp(b, vdbi_log_magic, sizeof vdbi_log_magic) != 0 ||
        vdbi_get32(b + LOG_OFF_VERSION) != LOG_VERSION ||
        vdbi_get32(b + LOG_OFF_NUMBER) != (uint32_t)index + 1 ||
        vdbi_get32(b + LOG_OFF_CRC) != vdbi_crc32(0, b, LOG_OFF_CRC))
        return VDB_OK;
    *valid = memcmp(b + LOG_OFF_UUID, log->uuid, sizeof log->uuid) == 0 ? 1 : -1;
    h->salt = vdbi_get64(b + LOG_OFF_SALT);
    h->previous = vdbi_get64(b + LOG_OFF_PREVIOUS);
    h->generation = vdbi_get64(b + LOG_OFF_GENERATION);
    h->lsn = vdbi_get64(b + LOG_OFF_LSN);
    h->sequence = vdbi_get64(b + LOG_OFF_SEQUENCE);
    return VDB_OK;
}

/* Open a log for reading if it is there. */
static vdb_status open_if_there(vdbi_log *log, int index, int *there)
{
    vdb_status st = vdbi_log_file_exists(log, index, there);

    return st || !*there ? st : vdbi_log_file_open(log, index, VDB_VFS_READONLY);
}

/* Whether these bytes are the header of a frame of this log, whole in itself. */
static int frame_decode(const vdbi_log *log, uint64_t salt, const uint8_t *b,
                        frame *out)
{
    if (vdbi_get32(b) != VDBI_FRAME_MAGIC || vdbi_get64(b + FRAME_OFF_SALT) != salt ||
        memcmp(b + FRAME_OFF_UUID, log->uuid, sizeof log->uuid) != 0)
        return 0;
    out->crc = vdbi_crc32(0, b, FRAME_OFF_CRC);
    if (vdbi_get32(b + FRAME_OFF_CRC) != out->crc)
        return 0;
    out->kind = vdbi_get32(b + FRAME_OFF_KIND);
    out->lsn = vdbi_get64(b + FRAME_OFF_LSN);
    out->sequence = vdbi_get64(b + FRAME_OFF_SEQUENCE);
    out->durable = vdbi_get64(b + FRAME_OFF_DURABLE);
    out->length = vdbi_get32(b + FRAME_OFF_LENGTH);
    out->previous = vdbi_get32(b + FRAME_OFF_PREVIOUS);
    out->payload_crc = vdbi_get32(b + FRAME_OFF_PAYLOAD_CRC);
    return 1;
}

/* Read the next frame.  *found is 0 at the end or at a bad one (s->problem). */
static vdb_status scan_next(scan *s, frame *f, int *found)
{
    uint8_t b[VDBI_FRAME_HEADER];
    size_t padded;
    vdb_status st;

    *found = 0;
    s->problem = NULL;
    if (s->offset == s->f->size)
        return VDB_OK;
    s->problem = "cut short";
    if (s->f->size - s->offset < sizeof b)
        return VDB_OK;
    st = vdbi_file_read(&s->f->file, b, sizeof b, s->offset);
    if (st)
        return st;
    s->problem = "a header that is not valid";
    if (!frame_decode(s->log, s->f->salt, b, f))
        return VDB_OK;
    s->problem = "a frame that does not follow the one before";
    if (f->lsn != s->lsn || f->previous != s->crc || f->kind < VDBI_FRAME_DATA ||
        f->kind > VDBI_FRAME_CLOSE || f->durable >= f->lsn ||
        f->sequence != s->sequence + (f->kind != VDBI_FRAME_CLOSE))
        return VDB_OK;
    padded = ((size_t)f->length + 7) / 8 * 8;
    s->problem = "a payload cut short";
    if (f->length > VDBI_PAYLOAD_MAX || padded > s->f->size - s->offset - sizeof b)
        return VDB_OK;
    st = vdbi_grow(s->log->memory, &s->payload, &s->payload_capacity, padded + 1, 1);
    if (!st)
        st = vdbi_file_read(&s->f->file, s->payload, padded, s->offset + sizeof b);
    if (st)
        return st;
    s->problem = "a payload whose checksum does not match";
    if (vdbi_crc32(0, s->payload, f->length) != f->payload_crc)
        return VDB_OK;
    s->problem = NULL;
    s->offset += sizeof b + padded;
    s->lsn++;
    s->crc = f->crc;
    if (f->kind == VDBI_FRAME_COMMIT)
        s->sequence = f->sequence;
    *found = 1;
    return VDB_OK;
}

/* Look behind a bad frame for one that proves it had been durable. */
static vdb_status seek_proof(scan *s, uint64_t *proof)
{
    enum {
        CHUNK = 1 << 20
    };
    uint8_t *b = vdbi_alloc(s->log->memory, CHUNK + VDBI_FRAME_HEADER);
    uint64_t at = s->offset;
    vdb_status st = b ? VDB_OK : VDB_NOMEM;

    *proof = 0;
    while (!st && at < s->f->size && !*proof) {
        size_t got;
        st = vdbi_file_read_some(&s->f->file, b, CHUNK + VDBI_FRAME_HEADER, at, &got);
        for (size_t i = 0; !st && i + VDBI_FRAME_HEADER <= got && i < CHUNK; i += 8) {
            frame f;
            if (vdbi_get32(b + i) == VDBI_FRAME_MAGIC &&
                frame_decode(s->log, s->f->salt, b + i, &f) && f.durable >= s->lsn) {
                *proof = at + i;
                break;
            }
        }
        at += CHUNK;
    }
    vdbi_free(s->log->memory, b);
    return st;
}

/* Whether the log has a first frame that is whole. */
static vdb_status has_frame(vdbi_log *log, int index, const log_header *h, int *yes)
{
    scan s = {.log = log, .f = &log->files[index], .index = index};
    uint64_t salt = log->files[index].salt;
    frame f;
    vdb_status st;

    s.f->salt = h->salt;
    s.offset = VDBI_LOG_HEADER;
    s.lsn = h->lsn;
    s.sequence = h->sequence;
    st = scan_next(&s, &f, yes);
    s.f->salt = salt;
    vdbi_free(log->memory, s.payload);
    return st;
}

static vdb_status damaged(const scan *s, const char *what)
{
    return vdbi_fail_at(VDB_CORRUPT, (int64_t)s->offset,
                        "%s: frame %llu at byte %llu: %s", s->log->path[s->index],
                        (unsigned long long)s->lsn, (unsigned long long)s->offset,
                        what);
}

/* The walk has ended without a close frame: a torn tail, or damage? */
static vdb_status judge_end(scan *s)
{
    int other = 1 - s->index, there, valid, frames = 0;
    uint64_t proof = 0;
    log_header h;
    vdb_status st = s->problem ? seek_proof(s, &proof) : VDB_OK;

    if (st)
        return st;
    if (proof) {
        char what[160];
        snprintf(what, sizeof what,
                 "damaged (%s): the frame at byte %llu says it had been durable",
                 s->problem, (unsigned long long)proof);
        return damaged(s, what);
    }
    st = open_if_there(s->log, other, &there);
    if (st || !there)
        return st;
    st = header_read(s->log, other, &h, &valid);
    if (!st && valid == 1 && h.previous == s->f->salt)
        st = has_frame(s->log, other, &h, &frames);
    if (!st && frames)
        st = damaged(s, "missing: the log is not closed, and the next one has frames");
    return st;
}

/* A log that the chain does not reach must not be newer than the meta page. */
static vdb_status check_unreached(vdbi_log *log, int index, uint64_t generation)
{
    int there, valid, frames = 0;
    log_header h;
    vdb_status st = open_if_there(log, index, &there);

    if (st || !there)
        return st;
    st = header_read(log, index, &h, &valid);
    if (!st && valid == 1 && h.generation > generation)
        st = has_frame(log, index, &h, &frames);
    if (!st && frames)
        st = vdbi_fail(VDB_CORRUPT,
                       "%s: it continues generation %llu, but the newest meta page "
                       "that can be read is %llu",
                       log->path[index], (unsigned long long)h.generation,
                       (unsigned long long)generation);
    return st;
}

typedef struct visitor {
    vdb_status (*visit)(void *arg, int kind, uint64_t sequence, const uint8_t *payload,
                        size_t length);
    void *arg;
    uint64_t after;   /* skip commits up to this sequence */
    uint64_t durable; /* the greatest durable lsn that any frame told */
} visitor;

/* Walk one log from its header to its end or close frame (then *next is its successor's
 * salt). */
static vdb_status walk(scan *s, visitor *v, uint64_t *next)
{
    uint64_t commit_end = VDBI_LOG_HEADER, commit_lsn = s->lsn;
    uint32_t commit_crc = 0;
    vdb_status st;
    frame f;
    int found;

    *next = 0;
    for (;;) {
        st = scan_next(s, &f, &found);
        if (st || !found)
            break;
        if (f.durable > v->durable)
            v->durable = f.durable;
        if (f.kind == VDBI_FRAME_CLOSE) {
            if (f.length != 16 || commit_end + VDBI_FRAME_HEADER + 16 != s->offset ||
                vdbi_get64(s->payload + 8) != (uint64_t)(2 - s->index))
                return damaged(s, "a close frame that makes no sense");
            *next = vdbi_get64(s->payload);
        } else if (f.sequence > v->after) {
            st = v->visit(v->arg, (int)f.kind, f.sequence, s->payload, f.length);
            if (st)
                break;
        }
        if (f.kind != VDBI_FRAME_DATA) {
            commit_end = s->offset;
            commit_lsn = s->lsn;
            commit_crc = s->crc;
        }
        if (f.kind == VDBI_FRAME_CLOSE)
            break;
    }
    if (!st && !*next)
        st = judge_end(s);
    s->f->end = commit_end;
    s->log->next_lsn = commit_lsn;
    s->log->last_crc = commit_crc;
    return st;
}

/* The offset of the first frame whose lsn is above `durable`. */
static vdb_status find_undurable(vdbi_log *log, int index, uint64_t first_lsn,
                                 uint64_t durable)
{
    log_file *f = &log->files[index];
    uint64_t at = VDBI_LOG_HEADER, lsn = first_lsn;

    while (at < f->end && lsn <= durable) {
        uint8_t b[VDBI_FRAME_HEADER];
        vdb_status st = vdbi_file_read(&f->file, b, sizeof b, at);
        if (st)
            return st;
        at += sizeof b + ((size_t)vdbi_get32(b + FRAME_OFF_LENGTH) + 7) / 8 * 8;
        lsn++;
    }
    f->mend_from = at;
    return VDB_OK;
}

static vdb_status begin_scan(vdbi_log *log, int index, uint64_t salt, scan *s,
                             log_header *h)
{
    int valid = 0, there;
    vdb_status st = open_if_there(log, index, &there);

    if (st)
        return st;
    if (!there)
        return vdbi_fail(VDB_CORRUPT,
                         "%s: missing, and the database needs it (opened without "
                         "the log it is as the last checkpoint left it)",
                         log->path[index]);
    st = header_read(log, index, h, &valid);
    if (st)
        return st;
    if (valid == -1)
        return vdbi_fail(VDB_CORRUPT, "%s: another database's log", log->path[index]);
    if (!valid || h->salt != salt)
        return vdbi_fail_at(VDB_CORRUPT, 0,
                            "%s: its header is damaged, or it is not the log that the "
                            "database needs",
                            log->path[index]);
    log->files[index].salt = salt;
    s->f = &log->files[index];
    s->index = index;
    s->offset = VDBI_LOG_HEADER;
    s->lsn = h->lsn;
    s->sequence = h->sequence;
    s->crc = 0;
    return VDB_OK;
}

vdb_status vdbi_log_recover(vdbi_log *log, const vdbi_log_start *start,
                            vdb_status (*visit)(void *arg, int kind, uint64_t sequence,
                                                const uint8_t *payload, size_t length),
                            void *arg)
{
    visitor v = {visit, arg, start->sequence, 0};
    scan s = {.log = log};
    uint64_t salt = start->salt, lsn[2] = {0, 0};
    int index = (int)start->number - 1, reached[2] = {0, 0};
    vdb_status st = VDB_OK;

    while (!st && index >= 0) {
        log_header h;
        uint64_t next;
        st = begin_scan(log, index, salt, &s, &h);
        if (st)
            break;
        if (!reached[1 - index] && h.sequence > start->sequence) {
            st = vdbi_fail(
                VDB_CORRUPT,
                "%s: it begins behind commit %llu, the meta page ends at %llu",
                log->path[index], (unsigned long long)h.sequence,
                (unsigned long long)start->sequence);
            break;
        }
        reached[index] = 1;
        lsn[index] = h.lsn;
        st = walk(&s, &v, &next);
        log->current = index;
        if (!next)
            break;
        index = 1 - index;
        salt = next;
        if (!st && reached[index]) {
            st = vdbi_fail(VDB_CORRUPT, "%s: the logs lead in a circle",
                           log->path[index]);
        }
    }
    if (!st && start->number && s.sequence < start->sequence)
        st = vdbi_fail(VDB_CORRUPT,
                       "%s: it ends at commit %llu, before the %llu of the meta page",
                       log->path[log->current], (unsigned long long)s.sequence,
                       (unsigned long long)start->sequence);
    for (int i = 0; i < 2 && !st; i++)
        if (!reached[i])
            st = check_unreached(log, i, start->generation);
        else
            st = find_undurable(log, i, lsn[i], v.durable);
    log->two = reached[0] && reached[1];
    vdbi_free(log->memory, s.payload);
    vdbi_log_count_bytes(log);
    return st;
}

/* Write [from, end) of a log again as it is, so that a page that a failed sync left
 * marked clean is dirty once more. */
static vdb_status rewrite(vdbi_log *log, log_file *f)
{
    enum {
        CHUNK = 1 << 20
    };
    uint8_t *b = vdbi_alloc(log->memory, CHUNK);
    vdb_status st = b ? VDB_OK : VDB_NOMEM;

    for (uint64_t at = f->mend_from; !st && at < f->end; at += CHUNK) {
        size_t n = f->end - at < CHUNK ? (size_t)(f->end - at) : CHUNK;
        st = vdbi_file_read(&f->file, b, n, at);
        if (!st)
            st = vdbi_file_write(&f->file, b, n, at);
    }
    vdbi_free(log->memory, b);
    return st;
}

vdb_status vdbi_log_mend(vdbi_log *log)
{
    vdb_status st = VDB_OK;

    for (int i = 0; i < 2 && !st; i++) {
        log_file *f = &log->files[i];
        if (f->open) { /* opened for reading so far */
            vdbi_file_close(&f->file);
            f->open = 0;
        }
        if (i != log->current && !log->two)
            continue;
        st = vdbi_log_file_open(log, i, 0);
        if (!st && f->size > f->end)
            st = vdbi_file_truncate(&f->file, f->end);
        if (!st) {
            f->size = f->end;
            st = rewrite(log, f);
        }
        if (!st)
            st = vdbi_file_sync(&f->file);
    }
    log->written_lsn = log->synced_lsn = log->next_lsn - 1;
    vdbi_log_count_bytes(log);
    return st;
}

vdb_status vdbi_log_any(vdbi_log *log, int *any)
{
    vdb_status st = VDB_OK;

    *any = 0;
    for (int i = 0; i < 2 && !st; i++) {
        int there, valid = 0;
        log_header h;
        st = open_if_there(log, i, &there);
        if (!st && there)
            st = header_read(log, i, &h, &valid);
        if (valid)
            *any = 1;
    }
    return st;
}
