/* findings.c: see findings.h. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "findings.h"
#include "format.h"

enum {
    DAMAGES_MAX = 100 /* told of in text; more are counted */
};

typedef struct damage {
    const char *message; /* of its first finding */
    int64_t offset;
    uint64_t alike; /* further findings */
} damage;

static void print_json(const char *message, int64_t offset, size_t index)
{
    fputs(index ? ",{\"offset\":" : "{\"offset\":", stdout);
    if (offset < 0)
        fputs("null", stdout);
    else
        printf("%" PRId64, offset);
    fputs(",\"message\":", stdout);
    put_json_repaired(stdout, message);
    putchar('}');
}

static void print_text(const damage *told)
{
    fputs("Damage: ", stdout);
    put_plain(stdout, told->message, strlen(told->message));
    if (told->offset >= 0)
        printf(" (byte %" PRId64 ")", told->offset);
    if (told->alike)
        printf("; %" PRIu64 " more like it", told->alike);
    putchar('\n');
}

static const char *skip_digits(const char *p)
{
    while (isdigit((unsigned char)*p))
        p++;
    return p;
}

/* Whether two messages differ in their numbers only. */
static bool same_sentence(const char *a, const char *b)
{
    while (*a && *b) {
        bool digits = isdigit((unsigned char)*a) && isdigit((unsigned char)*b);
        if (!digits && *a != *b)
            return false;
        a = digits ? skip_digits(a) : a + 1;
        b = digits ? skip_digits(b) : b + 1;
    }
    return *a == *b;
}

/* The place of damage is never left out: sentences are compared only where there is
 * none, and in the map of free space, which tells page by page what it lost. */
static bool is_alike(const damage *told, const char *message, int64_t offset)
{
    static const char MAP[] = "free space: page ";
    if (offset == told->offset && strstr(told->message, message))
        return true;
    bool by_sentence =
        (offset < 0 && told->offset < 0) || strncmp(message, MAP, sizeof MAP - 1) == 0;
    return by_sentence && same_sentence(told->message, message);
}

/* The findings as damages; how many findings are in none, for there were too many. */
static uint64_t gather(const vdb_report *report, damage damages[DAMAGES_MAX],
                       size_t *count)
{
    uint64_t findings = vdb_report_count(report), left_out = 0;
    *count = 0;
    for (size_t i = 0; i < findings; i++) {
        int64_t offset;
        const char *message = vdb_report_finding(report, i, &offset);
        if (!message)
            return left_out + findings - i; /* the library only counted those */
        size_t d = 0;
        while (d < *count && !is_alike(&damages[d], message, offset))
            d++;
        if (d == DAMAGES_MAX)
            left_out++;
        else if (d < *count)
            damages[d].alike++;
        else
            damages[(*count)++] = (damage){message, offset, 0};
    }
    return left_out;
}

static void print_text_findings(const vdb_report *report)
{
    damage damages[DAMAGES_MAX];
    size_t count;
    uint64_t left_out = gather(report, damages, &count);
    for (size_t i = 0; i < count; i++)
        print_text(&damages[i]);
    if (left_out)
        printf("Damage: %" PRIu64 " findings more\n", left_out);
}

static void print_json_findings(const vdb_report *report, const vdb_error *error)
{
    uint64_t count = report ? vdb_report_count(report) : 1;
    printf("{\"clean\":%s,\"bytes\":%" PRIu64 ",\"count\":%" PRIu64 ",\"findings\":[",
           count ? "false" : "true", report ? vdb_report_bytes(report) : 0, count);
    if (!report)
        print_json(error->message, error->offset, 0);
    for (size_t i = 0; report && i < count; i++) {
        int64_t offset;
        const char *message = vdb_report_finding(report, i, &offset);
        if (!message)
            break; /* beyond the kept ones */
        print_json(message, offset, i);
    }
    puts("]}");
}

int print_findings(const char *path, const vdb_report *report, bool json)
{
    vdb_error error = VDB_ERROR_INIT;
    uint64_t count = report ? vdb_report_count(report) : 1;
    vdb_error_get(&error);
    if (json)
        print_json_findings(report, &error);
    else if (report)
        print_text_findings(report);
    else
        print_text(&(damage){error.message, error.offset, 0});
    if (count)
        return fail("%s is damaged: %" PRIu64 " finding%s", path, count,
                    count == 1 ? "" : "s");
    if (!json)
        printf("No damage found (%" PRIu64 " bytes verified)\n",
               vdb_report_bytes(report));
    return STATUS_DONE;
}
