/* words.c: see words.h. */
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "words.h"

static const char BLANKS[] = " \t\r\n";

/* Copy a word from *p to *to; NULL, or the quote that is never closed. */
static const char *take_word(const char **p, char **to)
{
    char quote = 0;
    const char *opened = NULL;
    for (; **p; ++*p) {
        char byte = **p;
        if (!quote && strchr(BLANKS, byte))
            break;
        if (!quote && (byte == '\'' || byte == '"')) {
            quote = byte;
            opened = *p;
            continue;
        }
        if (byte == quote) {
            quote = 0;
            continue;
        }
        char next = (*p)[1];
        if (byte == '\\' && next &&
            (!quote || (quote == '"' && (next == '"' || next == '\\'))))
            byte = *++*p;
        *(*to)++ = byte;
    }
    *(*to)++ = 0;
    return quote ? opened : NULL;
}

int words_split(words *out, const char *line)
{
    memset(out, 0, sizeof *out);
    out->text = malloc(2 * strlen(line) + 2);
    if (!out->text)
        return fail_memory();
    char *to = out->text;
    for (const char *p = line;;) {
        p += strspn(p, BLANKS);
        if (*p == 0 || *p == '#')
            return STATUS_DONE;
        if (out->count == WORDS_MAX)
            return fail("more than %d words", WORDS_MAX);
        out->list[out->count++] = to;
        const char *opened = take_word(&p, &to);
        if (opened)
            return fail("the quote at byte %td is never closed", opened - line);
    }
}

void words_clear(words *out)
{
    free(out->text);
    memset(out, 0, sizeof *out);
}
