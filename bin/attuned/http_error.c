/* http_error.c - how things that went wrong are answered: a status, and one object that names them.
 *
 * Handlers know codes; the statuses of DESIGN 10.2 stand here and nowhere else.
 */
#include "bin/attuned/http.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

unsigned http_status_of(int code) {
    switch (code) {
    case CATALOG_EMALFORMED:
    case CATALOG_ENOTCANONICAL:
    case CATALOG_ETOODEEP:
    case GOSSIP_EMALFORMED:
    case GOSSIP_EADDRESS:
        return 400;
    case CATALOG_ENOTFOUND:
    case GOSSIP_ENOMEMBER:
        return 404;
    case CATALOG_ESTATE:
    case CATALOG_ETOOMANYVERSIONS:
    case CATALOG_EMISSINGFIELD:
    case CATALOG_EREFERENCE:
    case CATALOG_ESETNULL:
    case CATALOG_EFIELDINUSE:
    case CATALOG_EREFERENCED:
    case CATALOG_ESAMEMEANING:
    case CATALOG_EDUPLICATE:
    case GOSSIP_ESELF:
    case GOSSIP_ENAMESAKE:
        return 409;
    case CATALOG_EPRECONDITION:
        return 412;
    case CATALOG_ETOOBIG:
    case GOSSIP_ETOOBIG:
        return 413;
    case MERKLE_ENOMEM:
    case CATALOG_ENOMEM:
    case CATALOG_ECLOCKRANGE:
    case CATALOG_ECLOCK:
    case CATALOG_EFULL:
    case CATALOG_EIO:
    case CATALOG_EDAMAGED:
    case GOSSIP_ENOMEM:
    case GOSSIP_EJOINING:
    case GOSSIP_EHEALING:
    case GOSSIP_ESTOREDOWN:
    case GOSSIP_EBUSY:
    case GOSSIP_EUNREACHABLE:
    case GOSSIP_EREMOVED:
    case GOSSIP_ESTOPPING:
    case GOSSIP_ECLOCKAHEAD:
    case GOSSIP_ESTALE:
    case GOSSIP_EDUPLICATE:
        return 503;
    case GOSSIP_ENOTAGREED:
        return 504;
    default:
        return 500;
    }
}

static const char *name_of(int code) {
    const char *name = gossip_error_name(code);
    return name == NULL ? "internal" : name;
}

static void begin(struct http_request *request, const char *name, const char *message) {
    struct merkle_buffer *answer = &request->answer;
    merkle_buffer_clear(answer);
    http_print(answer, "{\"error\":{\"code\":");
    http_print_text(answer, name);
    http_print(answer, ",\"message\":");
    http_print_text(answer, message);
    http_print(answer, ",\"details\":[");
}

static void end(struct http_request *request, unsigned status) {
    http_print(&request->answer, "]}}\n");
    request->content_type = "application/json";
    request->etag[0] = '\0';
    request->retry_after = status == 503;
    http_answer(request, status);
}

void http_refuse(struct http_request *request, int code, const char *message) {
    const char *own = gossip_error_message(code);
    begin(request, name_of(code), message != NULL ? message : own != NULL ? own : "internal error");
    end(request, http_status_of(code));
}

void http_refuse_named(struct http_request *request, unsigned status, const char *name,
                       const char *format, ...) {
    char message[CATALOG_NAME_SIZE_MAX + 480];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    begin(request, name, message);
    end(request, status);
}

void http_refuse_agreement(struct http_request *request, const struct gossip_reply *reply,
                           const char *format, ...) {
    char message[CATALOG_NAME_SIZE_MAX + 480];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    begin(request, name_of(reply->code), message);
    http_print_agreement(&request->answer, reply);
    end(request, http_status_of(reply->code));
}

static void print_problem(struct merkle_buffer *answer, const struct catalog_problem *problem,
                          bool with_line) {
    http_print(answer, "{");
    if (with_line)
        http_print(answer, "\"line\":%u,", (unsigned)problem->line);
    http_print(answer, "\"code\":");
    http_print_text(answer, name_of(problem->code));
    http_print(answer, ",\"message\":");
    http_print_text(answer, problem->message);
    http_print(answer, "}");
}

void http_refuse_problems(struct http_request *request, const struct catalog_problem *problems,
                          size_t problem_count, bool with_lines) {
    char message[96];
    if (problem_count == 1 && !with_lines) {
        http_refuse(request, problems[0].code, problems[0].message);
        return;
    }
    /* DESIGN 10.2: an import is 400 if any line is malformed; one too large is as wrong by itself. */
    int code = problems[0].code;
    for (size_t i = 0; i < problem_count && with_lines; i++) {
        unsigned status = http_status_of(problems[i].code);
        if (status == 400 || status == 413)
            code = CATALOG_EMALFORMED;
    }
    snprintf(message, sizeof message,
             !with_lines          ? "%zu reasons; nothing was changed"
             : problem_count == 1 ? "%zu line is refused; nothing was changed"
                                  : "%zu lines are refused; nothing was changed",
             problem_count);
    begin(request, name_of(code), message);
    for (size_t i = 0; i < problem_count; i++) {
        http_print(&request->answer, i == 0 ? "" : ",");
        print_problem(&request->answer, &problems[i], with_lines);
    }
    end(request, http_status_of(code));
}

bool http_refuse_reply(struct http_request *request, const struct gossip_reply *reply,
                       bool with_lines) {
    if (reply->plan != NULL && reply->plan->problem_count > 0)
        http_refuse_problems(request, reply->plan->problems, reply->plan->problem_count,
                             with_lines);
    else if (reply->code != 0)
        http_refuse(request, reply->code, reply->text);
    else
        return false;
    return true;
}
