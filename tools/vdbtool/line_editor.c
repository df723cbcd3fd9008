/* line_editor.c: see line_editor.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line_editor.h"

#ifdef VDBTOOL_LIBEDIT
#include <editline/readline.h>
#include <sys/stat.h>

enum {
    HISTORY_LINES = 1000
};

static vdb *(*ask_database)(void);
static char *history_path; /* NULL: there is no place for one */

static char *find_history(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (state && state[0] == '/') {
        mkdir(state, 0700); /* as its specification asks; mostly it is there */
        return asprintf(&path, "%s/vdbtool_history", state) < 0 ? NULL : path;
    }
    if (!home || !home[0])
        return NULL;
    return asprintf(&path, "%s/.vdbtool_history", home) < 0 ? NULL : path;
}

/* What libedit wants: an array that ends with NULL, whose first string is what all matches
 * begin with.  It frees them. */
static char **as_matches(const candidates *found)
{
    size_t common = strlen(found->list[0]);
    for (size_t i = 1; i < found->count; i++) {
        size_t same = 0;
        while (same < common && found->list[i][same] == found->list[0][same])
            same++;
        common = same;
    }
    char **matches = calloc(found->count + 2, sizeof *matches);
    if (!matches)
        return NULL;
    matches[0] = strndup(found->list[0], common);
    for (size_t i = 0; i < found->count && found->count > 1; i++)
        matches[i + 1] = strdup(found->list[i]);
    return matches;
}

static char **offer(const char *word, int start, int end)
{
    candidates found;
    (void)word;
    complete(rl_line_buffer, (size_t)start, (size_t)end, ask_database(), &found);
    rl_completion_append_character = found.behind;
    char **matches = found.count ? as_matches(&found) : NULL;
    candidates_clear(&found);
    return matches; /* NULL: names of files are tried */
}

void line_editor_begin(vdb *(*database)(void))
{
    ask_database = database;
    rl_readline_name = "vdbtool";
    rl_attempted_completion_function = offer;
    using_history();
    stifle_history(HISTORY_LINES);
    history_path = find_history();
    if (history_path)
        read_history(history_path);
}

static void keep_line(const char *line)
{
    if (!line[strspn(line, " \t")])
        return;
    add_history(line);
    if (!history_path)
        return;
    mode_t before = umask(077);
    write_history(history_path);
    umask(before);
}

char *line_editor_next(const char *prompt)
{
    char *line = readline(prompt);
    if (line)
        keep_line(line);
    else
        putchar('\n');
    return line;
}

void line_editor_end(void)
{
    free(history_path);
    history_path = NULL;
}

#else

void line_editor_begin(vdb *(*database)(void))
{
    (void)database;
    puts("(built without libedit: lines are neither completed nor remembered)");
}

char *line_editor_next(const char *prompt)
{
    char *line = NULL;
    size_t capacity = 0;
    fputs(prompt, stdout);
    fflush(stdout);
    if (getline(&line, &capacity, stdin) >= 0)
        return line;
    free(line);
    putchar('\n');
    return NULL;
}

void line_editor_end(void)
{
}

#endif
