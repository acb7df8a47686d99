/* http_route.c - the table of what can be asked, and the answers to what cannot.
 *
 * A path of the table is compared part by part; {} takes one part of any content. Parameters that are not of a route are
 * refused: a misspelt dry_run must not become a write.
 */
#include "bin/attuned/http_handlers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WAIT_FLAGS " dry_run wait skip_dead "
#define WRITE_FLAGS WAIT_FLAGS "staged abort "

static const struct http_route routes[] = {
    {.path = "/v1/status", .method = HTTP_GET, .handle = http_status},
    {.path = "/v1/digest", .method = HTTP_GET, .handle = http_digest},

    {.path = "/v1/schemas",
     .method = HTTP_GET,
     .kind = CATALOG_SCHEMA,
     .handle = http_entries_list},
    {.path = "/v1/schemas/{}",
     .method = HTTP_GET,
     .kind = CATALOG_SCHEMA,
     .handle = http_entry_get},
    {.path = "/v1/schemas/{}",
     .method = HTTP_PUT,
     .kind = CATALOG_SCHEMA,
     .handle = http_entry_put,
     .parameters = WRITE_FLAGS,
     .body_size_max = HTTP_BODY_SIZE_MAX},
    {.path = "/v1/schemas/{}",
     .method = HTTP_DELETE,
     .kind = CATALOG_SCHEMA,
     .handle = http_entry_delete,
     .parameters = WRITE_FLAGS "cascade "},

    {.path = "/v1/constraints",
     .method = HTTP_GET,
     .kind = CATALOG_CONSTRAINT,
     .handle = http_entries_list,
     .parameters = " entity "},
    {.path = "/v1/constraints/{}/{}",
     .method = HTTP_GET,
     .kind = CATALOG_CONSTRAINT,
     .handle = http_entry_get},
    {.path = "/v1/constraints/{}/{}",
     .method = HTTP_PUT,
     .kind = CATALOG_CONSTRAINT,
     .handle = http_entry_put,
     .parameters = WRITE_FLAGS,
     .body_size_max = HTTP_BODY_SIZE_MAX},
    {.path = "/v1/constraints/{}/{}",
     .method = HTTP_DELETE,
     .kind = CATALOG_CONSTRAINT,
     .handle = http_entry_delete,
     .parameters = WRITE_FLAGS "cascade "},

    {.path = "/v1/indexes",
     .method = HTTP_GET,
     .kind = CATALOG_INDEX,
     .handle = http_entries_list,
     .parameters = " entity "},
    {.path = "/v1/indexes/{}/{}",
     .method = HTTP_GET,
     .kind = CATALOG_INDEX,
     .handle = http_entry_get},
    {.path = "/v1/indexes/{}/{}",
     .method = HTTP_PUT,
     .kind = CATALOG_INDEX,
     .handle = http_entry_put,
     .parameters = WRITE_FLAGS,
     .body_size_max = HTTP_BODY_SIZE_MAX},
    {.path = "/v1/indexes/{}/{}",
     .method = HTTP_DELETE,
     .kind = CATALOG_INDEX,
     .handle = http_entry_delete,
     .parameters = WRITE_FLAGS "cascade "},

    {.path = "/v1/check/{}",
     .method = HTTP_POST,
     .handle = http_check,
     .parameters = " max_staleness ",
     .body_size_max = HTTP_BODY_SIZE_MAX},
    {.path = "/v1/export", .method = HTTP_GET, .handle = http_export},
    {.path = "/v1/import",
     .method = HTTP_POST,
     .handle = http_import,
     .parameters = WAIT_FLAGS,
     .body_size_max = HTTP_IMPORT_SIZE_MAX},
    {.path = "/v1/members", .method = HTTP_GET, .handle = http_members_list},
    {.path = "/v1/members/{}", .method = HTTP_DELETE, .handle = http_member_remove},
    {.path = "/v1/diff/{}", .method = HTTP_GET, .handle = http_diff},
    {.path = "/v1/conflicts", .method = HTTP_GET, .handle = http_conflicts},
    {.path = "/v1/resolve",
     .method = HTTP_POST,
     .handle = http_resolve,
     .parameters = WAIT_FLAGS,
     .body_size_max = HTTP_BODY_SIZE_MAX},
    {.path = "/v1/why/{}/{}", .method = HTTP_GET, .handle = http_why},
    {.path = "/v1/why/{}/{}/{}", .method = HTTP_GET, .handle = http_why},
    {.path = "/v1/doctor", .method = HTTP_GET, .handle = http_doctor},
    {.path = "/v1/agreement",
     .method = HTTP_POST,
     .handle = http_agreement,
     .body_size_max = HTTP_BODY_SIZE_MAX},
    {.path = "/v1/watch", .method = HTTP_GET, .handle = http_watch, .parameters = " since "},
    {.path = "/v1/sync",
     .method = HTTP_POST,
     .handle = http_sync,
     .parameters = " member ",
     .body_size_max = HTTP_BODY_SIZE_MAX},

    {.path = "/metrics", .method = HTTP_GET, .handle = http_metrics, .on_metrics = true},
    {.path = "/livez", .method = HTTP_GET, .handle = http_livez, .on_metrics = true},
    {.path = "/readyz", .method = HTTP_GET, .handle = http_readyz, .on_metrics = true},
};

static const char *const method_names[] = {
    [HTTP_GET] = "GET",
    [HTTP_PUT] = "PUT",
    [HTTP_DELETE] = "DELETE",
    [HTTP_POST] = "POST",
};

enum http_method http_method_parse(const char *name) {
    if (strcmp(name, "HEAD") == 0)
        return HTTP_GET; /* the library leaves the body out */
    for (unsigned method = HTTP_GET; method <= HTTP_POST; method++) {
        if (strcmp(name, method_names[method]) == 0)
            return (enum http_method)method;
    }
    return HTTP_OTHER;
}

static bool path_fits(const char *path, const struct http_request *request) {
    for (size_t i = 0; i < request->part_count; i++) {
        if (*path != '/')
            return false;
        path++;
        size_t size_bytes = strcspn(path, "/");
        bool any = size_bytes == 2 && memcmp(path, "{}", 2) == 0;
        if (!any && (size_bytes != request->parts[i].size_bytes ||
                     memcmp(path, request->parts[i].data, size_bytes) != 0))
            return false;
        path += size_bytes;
    }
    return *path == '\0';
}

static bool listed(const char *list, struct catalog_text name) {
    char word[34];
    if (list == NULL || name.size_bytes == 0 || name.size_bytes > sizeof word - 3 ||
        memchr(name.data, ' ', name.size_bytes) != NULL ||
        memchr(name.data, '\0', name.size_bytes) != NULL)
        return false;
    snprintf(word, sizeof word, " %.*s ", (int)name.size_bytes, name.data);
    return strstr(list, word) != NULL;
}

static bool check_parameters(struct http_request *request) {
    for (size_t i = 0; i < request->parameter_count; i++) {
        struct catalog_text name = request->parameters[i].name;
        int shown_bytes = (int)(name.size_bytes < 64 ? name.size_bytes : 64);
        if (listed(request->route->parameters, name))
            continue;
        http_refuse_named(request, 400, "malformed", "unknown parameter '%.*s'", shown_bytes,
                          name.data);
        return false;
    }
    return true;
}

static void allow(struct http_request *request, enum http_method method) {
    size_t used = strlen(request->allow);
    int added =
        snprintf(request->allow + used, sizeof request->allow - used, "%s%s%s",
                 used == 0 ? "" : ", ", method_names[method], method == HTTP_GET ? ", HEAD" : "");
    assert(added > 0 && (size_t)added < sizeof request->allow - used);
}

bool http_route_find(struct http_request *request) {
    bool found_path = false;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if ((request->metrics_only && !routes[i].on_metrics) || !path_fits(routes[i].path, request))
            continue;
        found_path = true;
        if (routes[i].method == request->method) {
            request->allow[0] = '\0';
            request->route = &routes[i];
            request->body_size_max = routes[i].body_size_max;
            return check_parameters(request);
        }
        allow(request, routes[i].method);
    }
    if (!found_path)
        http_refuse_named(request, 404, "no_such_path", "there is nothing at this path");
    else
        http_refuse_named(request, 405, "method_not_allowed", "this path allows %s",
                          request->allow);
    return false;
}
