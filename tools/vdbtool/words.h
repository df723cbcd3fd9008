/* words.h: a line of the shell as words, in the manner of sh.
 *
 * Blanks part words.  '...' is taken as it stands; in "..." a backslash goes before a quote
 * or a backslash; outside it goes before any byte.  A # that begins a word begins a
 * comment.  Nothing else is special.
 */
#ifndef VDBTOOL_WORDS_H
#define VDBTOOL_WORDS_H

#include <stddef.h>

enum {
    WORDS_MAX = 64 /* of a line: a command has far fewer */
};

typedef struct words {
    size_t count;
    char *list[WORDS_MAX + 1]; /* NULL behind the last */
    char *text;                /* where they stand */
} words;

/* Says itself what is wrong.  Free with words_clear(), also on failure. */
int words_split(words *out, const char *line);
void words_clear(words *out);

#endif
