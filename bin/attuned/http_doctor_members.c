/* http_doctor_members.c - findings about the other members: who cannot be reached, whose clock is off. */
#include "bin/attuned/http_doctor.h"

#include <inttypes.h>

static void reachability(struct doctor *doctor, const struct gossip_member_status *member) {
    char age[DOCTOR_AGE_SIZE], advice[DOCTOR_TEXT_SIZE_MAX];
    doctor_age(age, member->heard_age_ms);
    switch (member->state) {
    case GOSSIP_MEMBER_DEAD:
        doctor_text(
            advice,
            "Does attuned run there, does the network reach %s? While it is away, waits for "
            "agreement need --skip-dead, and dropped entries are kept. If it never comes "
            "back: `attunectl members remove %s`.",
            member->address, member->name);
        doctor_tell(doctor, DOCTOR_ERROR, "unreachable", member->name, advice,
                    member->heard_age_ms == GOSSIP_NEVER
                        ? "is dead: not heard since this node started"
                        : "is dead: not heard for %s",
                    age);
        break;
    case GOSSIP_MEMBER_SUSPECT:
        doctor_tell(doctor, DOCTOR_WARNING, "unreachable", member->name,
                    "Wait: within some intervals it is alive again, or dead. If this comes and "
                    "goes, look at the network between the two, and at the load there.",
                    "does not answer: not heard for %s", age);
        break;
    case GOSSIP_MEMBER_LEFT:
        doctor_text(
            advice,
            "It was stopped on purpose and is still a member: agreement waits for it unless "
            "--skip-dead is given. Start it again, or `attunectl members remove %s`.",
            member->name);
        doctor_tell(doctor, DOCTOR_INFO, "left", member->name, advice, "was stopped %s ago", age);
        break;
    case GOSSIP_MEMBER_JOINING:
        doctor_text(advice,
                    "It becomes ready by itself; its own `attunectl doctor` says what is in the "
                    "way. If it was given up before it was ready: `attunectl members remove %s`.",
                    member->name);
        doctor_tell(doctor, DOCTOR_INFO, "member_joining", member->name, advice,
                    "has not finished joining");
        break;
    default:
        break;
    }
}

static void look_at(struct doctor *doctor, const struct gossip_member_status *member) {
    char age[DOCTOR_AGE_SIZE];
    reachability(doctor, member);
    if (member->agrees == GOSSIP_NO)
        doctor_tell(doctor, member->agreed_age_ms > DOCTOR_LONG_MS ? DOCTOR_ERROR : DOCTOR_WARNING,
                    "member_disagrees", member->name,
                    "`attunectl diff NAME` shows what differs; the next exchange makes both equal, "
                    "`attunectl sync NAME` at once.",
                    "has another catalog; last the same %s%s",
                    doctor_age(age, member->agreed_age_ms),
                    member->agreed_age_ms == GOSSIP_NEVER ? ", as far as known" : " ago");
    if (member->doubled)
        doctor_tell(doctor, DOCTOR_ERROR, "duplicate_id", member->name,
                    "One of the two runs on a copy of the data directory (a cloned disk, a "
                    "restored backup). Stop it, empty its directory, start it again: it joins as a "
                    "new node.",
                    "two live processes have its id; one of them is refused here");
    if (member->skew_ms > DOCTOR_SKEW_MS || member->skew_ms < -DOCTOR_SKEW_MS)
        doctor_tell(doctor, DOCTOR_WARNING, "clock_skew", member->name,
                    "Set the clock of the machine that is wrong (compare with a third). Nothing is "
                    "lost meanwhile, but of changes made at the same time the one from the faster "
                    "clock is in force.",
                    "its clock is %" PRId64 " ms off ours", member->skew_ms);
}

void doctor_members(struct doctor *doctor) {
    for (size_t i = 0; i < doctor->member_count; i++) {
        const struct gossip_member_status *member = &doctor->members[i];
        if (!member->self && member->state != GOSSIP_MEMBER_REMOVED)
            look_at(doctor, member);
    }
}
