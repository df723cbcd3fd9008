/* tokens.c: see tokens.h.
 *
 * A comparison takes the same time whatever the client sent: both tokens are compared
 * over their whole room, and always both of them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "settings.h"
#include "tokens.h"

static bool is_token_byte(int byte)
{
    return byte > 0x20 && byte < 0x7f;
}

bool token_read(const char *path, token *out)
{
    FILE *file = fopen(path, "rbe");
    int byte;
    memset(out, 0, sizeof *out);
    if (!file) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    bool good = true;
    while ((byte = getc(file)) != EOF && byte != '\n' && byte != '\r' && good) {
        good = is_token_byte(byte) && out->length < TOKEN_BYTES_MAX;
        if (good)
            out->bytes[out->length++] = (unsigned char)byte;
    }
    fclose(file);
    good = good && out->length >= TOKEN_BYTES_MIN;
    if (!good) {
        complain("%s: the first line must be %d to %d visible ASCII characters", path,
                 TOKEN_BYTES_MIN, TOKEN_BYTES_MAX);
        memset(out, 0, sizeof *out);
    }
    return good;
}

static unsigned differ(const token *a, const token *b)
{
    unsigned different = a->length != b->length;
    for (size_t i = 0; i < TOKEN_BYTES_MAX; i++)
        different |= (unsigned)(a->bytes[i] ^ b->bytes[i]);
    return different;
}

access_class tokens_allow(const tokens *known, const char *authorization)
{
    static const char SCHEME[] = "Bearer ";
    token given;
    if (!tokens_are_there(known))
        return ACCESS_ADMIN;
    memset(&given, 0, sizeof given);
    if (!authorization || strncasecmp(authorization, SCHEME, sizeof SCHEME - 1) != 0)
        return ACCESS_OPEN;
    const char *text = authorization + sizeof SCHEME - 1;
    text += strspn(text, " ");
    given.length = strcspn(text, " \t");
    if (text[given.length + strspn(text + given.length, " \t")])
        return ACCESS_OPEN; /* more than blanks is behind it */
    if (given.length > TOKEN_BYTES_MAX)
        return ACCESS_OPEN;
    memcpy(given.bytes, text, given.length);
    bool full = known->full.length && !differ(&known->full, &given);
    bool reading = known->reading.length && !differ(&known->reading, &given);
    return full ? ACCESS_ADMIN : reading ? ACCESS_READ : ACCESS_OPEN;
}

bool tokens_are_there(const tokens *known)
{
    return known->full.length || known->reading.length;
}
