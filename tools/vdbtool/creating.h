/* creating.h: databases that a command makes because they are not there yet.
 *
 * A command that fails before anything is stored leaves no file behind.
 */
#ifndef VDBTOOL_CREATING_H
#define VDBTOOL_CREATING_H

#include <stdbool.h>

#include "vdb.h"

/* Create it; that there is a file already is an error.  Says itself what is wrong. */
int create_database(const char *path, const vdb_options *options, vdb **out);

/* Create it, or open what is there by now; *created tells. */
int open_or_create(const char *path, const vdb_options *options, vdb **out,
                   bool *created);

/* Undo a creation in which nothing has been stored: close and remove it. */
void remove_created(const char *path, vdb *db);

#endif
