/* http_doctor.h - what the parts of GET /v1/doctor share.
 *
 * A finding is one thing that somebody should know, with what to do about it in words that can be followed at 3 a.m.:
 *   error    something is refused, not protected or not converging, and stays so until somebody acts
 *   warning  it works, but will not for ever, or mends itself and should be looked at if it does not
 *   info     as it was asked for, or not old enough to be wrong; worth knowing when one wonders
 */
#ifndef ATTUNED_HTTP_DOCTOR_H
#define ATTUNED_HTTP_DOCTOR_H

#include "bin/attuned/http.h"

enum doctor_severity { DOCTOR_ERROR = 1, DOCTOR_WARNING = 2, DOCTOR_INFO = 3 };

enum {
    DOCTOR_TEXT_SIZE_MAX = 1024,
    DOCTOR_CONFLICTS_MAX = 100,         /* told one by one */
    DOCTOR_LONG_MS = 60 * 1000,         /* what lasts longer does not pass by itself */
    DOCTOR_HORIZON_MS = 10 * 60 * 1000, /* the horizon is behind by some intervals at all times */
    DOCTOR_SKEW_MS = 60 * 1000,
};

struct doctor {
    struct merkle_buffer *json;
    enum doctor_severity severity; /* findings of this one are printed, others are not */
    const char *separator;
    /* what is looked at */
    const struct gossip_status *status;
    const struct gossip_member_status *members;
    size_t member_count;
    const struct http_audit *audit;
    const struct catalog *catalog;
    gossip_duration_ms freshness_limit_ms;
    uint64_t wall_ms;
    const char *store_complaint; /* empty: none */
    uint64_t store_complaint_wall_ms;
    const char *kept; /* empty: nothing */
};

/* One finding. `subject`: a member, an entry, "store"...; all texts are printed at once. */
void doctor_tell(struct doctor *doctor, enum doctor_severity severity, const char *code,
                 const char *subject, const char *advice, const char *message, ...)
    __attribute__((format(printf, 6, 7)));
/* A text for doctor_tell, cut to its size. */
const char *doctor_text(char text[DOCTOR_TEXT_SIZE_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "3 s", "12 min", "5 h"; GOSSIP_NEVER: "ever". */
enum { DOCTOR_AGE_SIZE = 32 };
const char *doctor_age(char text[DOCTOR_AGE_SIZE], gossip_duration_ms age_ms);

/* Each tells what it finds: http_doctor_node.c, http_doctor_members.c, http_doctor_catalog.c. */
void doctor_node(struct doctor *doctor);
void doctor_members(struct doctor *doctor);
void doctor_catalog(struct doctor *doctor);

/* {"findings":[...]}, errors first. */
void doctor_print(struct doctor *doctor);

#endif
