/* line_editor.h: lines from a terminal, edited, completed and remembered by libedit; where
 * vdbtool was built without it, as the terminal gives them.
 *
 * The history is in $XDG_STATE_HOME/vdbtool_history, or ~/.vdbtool_history, readable by
 * its owner only.
 */
#ifndef VDBTOOL_LINE_EDITOR_H
#define VDBTOOL_LINE_EDITOR_H

#include "complete.h"

/* `database` is asked for the database when fields are to be completed. */
void line_editor_begin(vdb *(*database)(void));
/* The next line, without its newline; NULL at the end.  Free it. */
char *line_editor_next(const char *prompt);
void line_editor_end(void);

#endif
