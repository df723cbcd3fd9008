/* versions.c: the list of versions that somebody holds, oldest first.
 *
 * The newest is held by the database itself.  The lock is held for a few instructions;
 * freeing a version's pages happens outside of it.
 */
#include "db/db.h"

vdbi_version *vdbi_version_pin(vdb *db)
{
    vdbi_version *v;

    vdbi_lock(&db->pin_lock);
    v = db->newest;
    v->refs++;
    db->pinned++;
    vdbi_unlock(&db->pin_lock);
    return v;
}

void vdbi_version_retain(vdb *db, vdbi_version *v)
{
    vdbi_lock(&db->pin_lock);
    v->refs++;
    db->pinned++;
    vdbi_unlock(&db->pin_lock);
}

/* Drop one count; the version, if that was the last, is the caller's to free. */
static vdbi_version *drop(vdb *db, vdbi_version *v)
{
    if (--v->refs > 0)
        return NULL;
    if (v->older)
        v->older->newer = v->newer;
    else
        db->oldest = v->newer;
    if (v->newer)
        v->newer->older = v->older;
    else
        db->newest = v->older;
    return v;
}

static void destroy(vdb *db, vdbi_version *v)
{
    if (!v)
        return;
    vdbi_image_release(db->pager, &v->image);
    vdbi_free(&db->env->memory, v);
}

void vdbi_version_release(vdb *db, vdbi_version *v)
{
    vdbi_version *dead;

    if (!v)
        return;
    vdbi_lock(&db->pin_lock);
    db->pinned--;
    dead = drop(db, v);
    vdbi_unlock(&db->pin_lock);
    destroy(db, dead);
}

uint64_t vdbi_version_oldest(vdb *db)
{
    uint64_t sequence;

    vdbi_lock(&db->pin_lock);
    sequence = db->oldest->image.sequence;
    vdbi_unlock(&db->pin_lock);
    return sequence;
}

void vdbi_version_publish(vdb *db, vdbi_version *fresh, const vdbi_image *image)
{
    vdbi_version *before, *dead = NULL;

    fresh->image = *image;
    fresh->refs = 1;
    vdbi_lock(&db->pin_lock);
    before = db->newest;
    fresh->newer = NULL;
    fresh->older = before;
    if (before)
        before->newer = fresh;
    else
        db->oldest = fresh;
    db->newest = fresh;
    if (before)
        dead = drop(db, before);
    vdbi_unlock(&db->pin_lock);
    destroy(db, dead);
}
