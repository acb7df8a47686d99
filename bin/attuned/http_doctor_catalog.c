/* http_doctor_catalog.c - findings about what is replicated: conflicts, broken rules, staged changes that nobody ends. */
#include "bin/attuned/http_doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "schema posts", "constraint posts posts_title_key": as attunectl takes it. */
static const char *key_text(char text[DOCTOR_TEXT_SIZE_MAX], const struct catalog_key *key) {
    const char *kind = catalog_kind_name(key->kind);
    char number[8];
    snprintf(number, sizeof number, "%u", (unsigned)key->kind);
    return doctor_text(text, "%s %.*s%s%.*s", kind == NULL ? number : kind,
                       (int)key->entity.size_bytes, key->entity.data,
                       key->name.size_bytes > 0 ? " " : "", (int)key->name.size_bytes,
                       key->name.size_bytes > 0 ? key->name.data : "");
}

/* --- conflicts --------------------------------------------------------------------------------------------------- */

static void tell_conflict(struct doctor *doctor, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_version version = catalog_entry_in_force(entry);
    char subject[DOCTOR_TEXT_SIZE_MAX], advice[DOCTOR_TEXT_SIZE_MAX];
    key_text(subject, &key);
    doctor_text(advice,
                "`attunectl why %s` shows each version. Decide for one: `attunectl resolve %s "
                "--take NODE`; or write it anew: any next write replaces them all.",
                subject, subject);
    doctor_tell(doctor, DOCTOR_ERROR, "conflict", subject, advice,
                "%u changes were made without knowledge of each other; in force, on every node, is "
                "that of %.*s (%s)",
                (unsigned)entry->version_count, (int)version.node.size_bytes, version.node.data,
                catalog_state_name(version.state));
}

static void conflicts(struct doctor *doctor) {
    uint64_t count = catalog_count(doctor->catalog).conflicts;
    struct catalog_key key;
    const struct catalog_key *after = NULL;
    for (uint64_t told = 0; told < count && told < DOCTOR_CONFLICTS_MAX;) {
        const struct catalog_entry *entry =
            catalog_next(doctor->catalog, 0, (struct catalog_text){0}, after);
        if (entry == NULL)
            break;
        key = catalog_entry_key(entry);
        after = &key;
        if (!entry->conflict)
            continue;
        tell_conflict(doctor, entry);
        told++;
    }
    if (count > DOCTOR_CONFLICTS_MAX)
        doctor_tell(doctor, DOCTOR_ERROR, "conflict", NULL, "`attunectl conflicts` lists them all.",
                    "%" PRIu64 " further entries are in conflict", count - DOCTOR_CONFLICTS_MAX);
}

/* --- broken rules ------------------------------------------------------------------------------------------------ */

static const char *advice_on(int code) {
    switch (code) {
    case CATALOG_EREFERENCE:
        return "Two innocent changes met. Set the referenced schema again with these fields and "
               "types, or take the foreign key away: `attunectl constraint remove ENTITY NAME`. "
               "Until then hosts cannot enforce it.";
    case CATALOG_EMISSINGFIELD:
        return "Two innocent changes met. Set the schema again with the field, or take away what "
               "uses it: `attunectl constraint remove ENTITY NAME`, `attunectl index remove ENTITY "
               "NAME`.";
    case CATALOG_ESETNULL:
        return "Drop the not_null or `required` of the field, or add the foreign key anew with "
               "another action than set_null.";
    case CATALOG_ESAMEMEANING:
        return "Two innocent changes met. Keep one of the two: `attunectl constraint remove ENTITY "
               "NAME` for the other.";
    default:
        return "A rule that holds where a write is made was broken by two innocent changes that "
               "met. Write one of the two entries anew.";
    }
}

static void broken_rules(struct doctor *doctor) {
    const struct http_audit *audit = doctor->audit;
    for (size_t i = 0; i < audit->problem_count && i < HTTP_PROBLEMS_MAX; i++) {
        int code = audit->problems[i].code;
        doctor_tell(doctor, DOCTOR_WARNING, gossip_error_name(code), "catalog", advice_on(code),
                    "%s", audit->problems[i].message);
    }
    if (audit->problem_count > HTTP_PROBLEMS_MAX)
        doctor_tell(doctor, DOCTOR_WARNING, "more", "catalog", "Mend those that are listed first.",
                    "%zu further broken rules are not listed",
                    audit->problem_count - HTTP_PROBLEMS_MAX);
}

/* --- pending changes --------------------------------------------------------------------------------------------- */

static const char *state_of(const struct doctor *doctor, const char *node) {
    for (size_t i = 0; i < doctor->member_count; i++) {
        const struct gossip_member_status *member = &doctor->members[i];
        if (strcmp(member->name, node) == 0 && member->state != GOSSIP_MEMBER_REMOVED)
            return gossip_member_state_name(member->state);
    }
    return "no member any more";
}

static void tell_pending(struct doctor *doctor, const struct http_pending *pending) {
    const struct catalog_key key = {
        .kind = pending->kind,
        .entity = {pending->entity, strlen(pending->entity)},
        .name = {pending->name, strlen(pending->name)},
    };
    uint64_t age_ms = http_pending_age(pending, doctor->wall_ms);
    char subject[DOCTOR_TEXT_SIZE_MAX], advice[DOCTOR_TEXT_SIZE_MAX], age[DOCTOR_AGE_SIZE];
    const char *verb = pending->kind == CATALOG_SCHEMA ? "schema drop" : "constraint remove";
    if (pending->kind == CATALOG_INDEX)
        verb = "index remove";
    key_text(subject, &key);
    doctor_text(
        advice,
        "Give the same command again with --staged: it goes on from here, from any node. Or "
        "take it back: `attunectl %s %s%s%s --abort`. Both are done by %s; if that never "
        "comes back, `attunectl members remove %s` first.",
        verb, pending->entity, pending->name[0] == '\0' ? "" : " ", pending->name, pending->node,
        pending->node);
    doctor_tell(doctor, age_ms > HTTP_PENDING_WARNED_MS ? DOCTOR_WARNING : DOCTOR_INFO, "pending",
                subject, advice, "is %s for %s; the change belongs to %s (%s)",
                catalog_state_name(pending->state), doctor_age(age, age_ms), pending->node,
                state_of(doctor, pending->node));
}

static void pending_changes(struct doctor *doctor) {
    const struct http_audit *audit = doctor->audit;
    for (size_t i = 0; i < audit->pending_count && i < HTTP_PENDING_MAX; i++)
        tell_pending(doctor, &audit->pending[i]);
    if (audit->pending_count > HTTP_PENDING_MAX)
        doctor_tell(doctor, DOCTOR_WARNING, "more", "catalog", "End those that are listed first.",
                    "%zu further staged changes are pending",
                    audit->pending_count - HTTP_PENDING_MAX);
}

void doctor_catalog(struct doctor *doctor) {
    conflicts(doctor);
    broken_rules(doctor);
    pending_changes(doctor);
}
