/* page.c: the page at /ui. */
#include "page.h"
#include "routes.h"

/* It is one file that asks nobody but this server. */
void handle_page(request *r)
{
    answer_begin(&r->answer, 200);
    r->answer.type = "text/html; charset=utf-8";
    r->answer.policy = "default-src 'none'; script-src 'unsafe-inline'; "
                       "style-src 'unsafe-inline'; img-src data: blob:; "
                       "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'";
    put_bytes(&r->answer.body, PAGE, PAGE_BYTES);
}
