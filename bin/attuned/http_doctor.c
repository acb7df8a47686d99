/* http_doctor.c - GET /v1/doctor: what is wrong here, and what to do about it.
 *
 * Everything is looked at once for each severity, so that errors stand first without a list of findings being kept.
 */
#include "bin/attuned/http_doctor.h"
#include "bin/attuned/http_handlers.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const severity_names[] = {
    [DOCTOR_ERROR] = "error",
    [DOCTOR_WARNING] = "warning",
    [DOCTOR_INFO] = "info",
};

void doctor_tell(struct doctor *doctor, enum doctor_severity severity, const char *code,
                 const char *subject, const char *advice, const char *message, ...) {
    char text[DOCTOR_TEXT_SIZE_MAX];
    va_list arguments;
    if (severity != doctor->severity)
        return;
    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    http_print(doctor->json, "%s{\"code\":", doctor->separator);
    http_print_text(doctor->json, code);
    http_print(doctor->json, ",\"severity\":\"%s\",\"subject\":", severity_names[severity]);
    http_print_text(doctor->json, subject);
    http_print(doctor->json, ",\"message\":");
    http_print_text(doctor->json, text);
    http_print(doctor->json, ",\"advice\":");
    http_print_text(doctor->json, advice);
    http_print(doctor->json, "}");
    doctor->separator = ",";
}

const char *doctor_text(char text[DOCTOR_TEXT_SIZE_MAX], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, DOCTOR_TEXT_SIZE_MAX, format, arguments);
    va_end(arguments);
    return text;
}

const char *doctor_age(char text[DOCTOR_AGE_SIZE], gossip_duration_ms age_ms) {
    static const struct {
        gossip_duration_ms least_ms, unit_ms;
        const char *unit;
    } units[] = {{2 * 3600 * 1000, 3600 * 1000, "h"},
                 {2 * 60 * 1000, 60 * 1000, "min"},
                 {1000, 1000, "s"},
                 {0, 1, "ms"}};
    size_t i = 0;
    while (age_ms < units[i].least_ms)
        i++;
    if (age_ms == GOSSIP_NEVER)
        snprintf(text, DOCTOR_AGE_SIZE, "ever");
    else
        snprintf(text, DOCTOR_AGE_SIZE, "%" PRIu64 " %s", age_ms / units[i].unit_ms, units[i].unit);
    return text;
}

void doctor_print(struct doctor *doctor) {
    http_print(doctor->json, "{\"findings\":[");
    doctor->separator = "";
    for (int severity = DOCTOR_ERROR; severity <= DOCTOR_INFO; severity++) {
        doctor->severity = (enum doctor_severity)severity;
        doctor_node(doctor);
        doctor_members(doctor);
        doctor_catalog(doctor);
    }
    http_print(doctor->json, "]}\n");
}

void http_doctor(struct http_request *request) {
    struct http_server *server = request->server;
    struct gossip_service *service = server->service;
    size_t count;
    struct gossip_member_status *members = http_members_read(request, &count);
    if (members == NULL) {
        http_refuse(request, GOSSIP_ENOMEM, NULL);
        return;
    }
    struct gossip_status status = gossip_status(
        gossip_service_engine(service), gossip_service_now(service), gossip_service_wall(service));
    http_audit_refresh(server);
    doctor_print(&(struct doctor){
        .json = &request->answer,
        .status = &status,
        .members = members,
        .member_count = count,
        .audit = &server->audit,
        .catalog = http_catalog(request),
        .freshness_limit_ms = server->freshness_limit_ms,
        .wall_ms = gossip_service_wall(service),
        .store_complaint = server->store_complaint,
        .store_complaint_wall_ms = server->store_complaint_wall_ms,
        .kept = server->kept,
    });
    free(members);
    http_answer(request, 200);
}
