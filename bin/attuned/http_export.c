/* http_export.c - GET /v1/export: the catalog in the form that import takes. */
#include "bin/attuned/http_handlers.h"

void http_export(struct http_request *request) {
    int code = catalog_export(http_catalog(request), &request->answer);
    if (code != 0) {
        http_refuse(request, code, NULL);
        return;
    }
    request->content_type = "application/x-ndjson";
    http_answer(request, 200);
}
