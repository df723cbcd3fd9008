/* shell.c: commands one after another on one database that stays open.
 *
 * From a terminal with a prompt; else a script, which ends at the first command that
 * fails, and whose errors name the line.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "line_editor.h"
#include "lines.h"
#include "opening.h"
#include "values.h"
#include "words.h"

typedef struct shell {
    const arguments *args;
    const char *path;
    bool interactive;
    bool quits;
    int failed; /* the status of the last command that failed; or STATUS_DONE */
} shell;

/* The command as the shell has it: the file is known, and so is how it is open. */
static command within(const command *which)
{
    static const char FILE_FIRST[] = "FILE";
    command mine = *which;
    mine.options &= ~(WITH(WITHOUT_LOG) | WITH(DURABILITY));
    mine.operands += sizeof FILE_FIRST - 1;
    mine.operands += *mine.operands == ' ';
    return mine;
}

static int find_own(const char *name, command *out)
{
    const command *which = find_command(name);
    if (!which || which->run == run_shell || which->run == run_serve)
        return fail_usage(NULL, "unknown command: %.80s", name);
    *out = within(which);
    return STATUS_DONE;
}

static int help(const words *line)
{
    command mine;
    if (line->count > 2)
        return fail_usage(NULL, "help: surplus operand: %.80s", line->list[2]);
    if (line->count == 2) {
        int status = find_own(line->list[1], &mine);
        if (!status)
            print_command_help(&mine, "");
        return status;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (COMMANDS[i].run != run_shell && COMMANDS[i].run != run_serve)
            printf("  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    puts(
        "  help       This list, or \"help COMMAND\".\n"
        "  quit       Close the database and end; also exit, or the end of the input.");
    return STATUS_DONE;
}

static int run_words(shell *s, words *line)
{
    arguments args;
    command mine;
    const char *name = line->list[0];
    if (strcmp(name, "help") == 0)
        return help(line);
    if (strcmp(name, "quit") == 0 || strcmp(name, "exit") == 0) {
        s->quits = line->count == 1;
        return s->quits ? STATUS_DONE
                        : fail_usage(NULL, "%s: surplus operand: %.80s", name,
                                     line->list[1]);
    }
    int status = find_own(name, &mine);
    if (!status)
        status = arguments_parse(&args, &mine, s->path, (int)line->count, line->list);
    if (status)
        return status;
    if (args.given[OPTION_HELP]) {
        print_command_help(&mine, "");
        return STATUS_DONE;
    }
    if (mine.options & WITH(JSON) && s->args->given[OPTION_JSON])
        args.given[OPTION_JSON] = true;
    return mine.run(&args);
}

static bool wants_json(const shell *s, const words *line)
{
    bool json = s->args->given[OPTION_JSON];
    for (size_t i = 0; i < line->count; i++)
        json = json || strcmp(line->list[i], "--json") == 0;
    return json;
}

static void run_line(shell *s, const char *typed, uint64_t number)
{
    words line;
    complain_begin(s->args->given[OPTION_JSON], number);
    int status = words_split(&line, typed);
    if (!status && line.count) {
        complain_begin(wants_json(s, &line), number);
        status = run_words(s, &line);
    }
    words_clear(&line);
    complain_end();
    fflush(stdout);
    if (status)
        s->failed = status;
}

static void run_terminal(shell *s)
{
    printf("%s: help lists the commands, quit ends.\n", s->path);
    line_editor_begin(session_database);
    while (!s->quits && !ferror(stdout)) {
        char *line = line_editor_next("vdb> ");
        if (!line)
            break;
        run_line(s, line, 0);
        free(line);
    }
    line_editor_end();
    s->failed = STATUS_DONE; /* who sat there has seen it */
}

static int run_script(shell *s)
{
    lines script;
    const char *line;
    size_t length;
    int got;
    bool goes_on = s->args->given[OPTION_KEEP_GOING];
    lines_take(&script, stdin, "standard input");
    while ((got = lines_next(&script, &line, &length)) > 0) {
        if (strlen(line) != length) {
            complain_begin(s->args->given[OPTION_JSON], script.number);
            s->failed = fail("a NUL at byte %zu", strlen(line));
            complain_end();
        } else {
            run_line(s, line, script.number);
        }
        if (s->quits || ferror(stdout) || (s->failed && !goes_on))
            break;
    }
    script.file = NULL; /* standard input is not ours to close */
    lines_close(&script);
    return got < 0 ? STATUS_FAILED : s->failed;
}

int run_shell(const arguments *args)
{
    shell s = {.args = args, .path = args->operands[0]};
    vdb_options options;
    int status = read_options(args, &options);
    if (status)
        return status;
    if (args->given[OPTION_READONLY])
        options.flags |= VDB_OPEN_READONLY;
    s.interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    keep_standard_input();
    session_begin(s.path, &options);
    if (s.interactive)
        run_terminal(&s);
    else
        status = run_script(&s);
    complain_begin(args->given[OPTION_JSON], 0);
    return session_end(status);
}
