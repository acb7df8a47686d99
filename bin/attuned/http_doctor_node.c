/* http_doctor_node.c - findings about this node itself: its id, its store, its clock, how fresh it is. */
#include "bin/attuned/http_doctor.h"
#include "bin/attuned/log.h"

#include <inttypes.h>

static void identity(struct doctor *doctor) {
    const struct gossip_status *status = doctor->status;
    if (status->removed)
        doctor_tell(doctor, DOCTOR_ERROR, "removed", status->node_name,
                    "If it is to come back, restart it on the same directory: it takes a new id, "
                    "joins empty, and puts what it alone had into a file kept-TIME.jsonl there, "
                    "for `attunectl import`. If not, stop it and delete the directory.",
                    "this node was removed from the cluster and serves no more");
    else if (!status->ready)
        doctor_tell(doctor, DOCTOR_WARNING, "joining", status->node_name,
                    "It becomes ready by itself once it has exchanged with two ready members (with "
                    "the only one, where there is one). If it does not: is a --join address right, "
                    "do the members run, is the cluster's name the same? The log says who refused "
                    "it.",
                    "this node has not finished joining, and takes no writes");
    if (status->duplicate_id)
        doctor_tell(
            doctor, DOCTOR_ERROR, "duplicate_id", status->node_name,
            "One of the two runs on a copy of the data directory (a cloned disk, a restored "
            "backup). Find it by the address in the log, stop it, empty its directory, "
            "start it again: it joins as a new node. Then restart this one.",
            "another live process has the id of this node; writes are refused here");
}

static void store(struct doctor *doctor) {
    const struct gossip_status *status = doctor->status;
    char when[LOG_TIME_SIZE];
    if (status->store_error == CATALOG_EFULL)
        doctor_tell(doctor, DOCTOR_ERROR, "disk_full", "store",
                    "Make room on the file system of the data directory (or raise its quota). The "
                    "node goes on by itself, without a restart; reads are served all the while.",
                    "the disk is full; writes are refused");
    else if (status->store_error != 0)
        doctor_tell(doctor, DOCTOR_ERROR, "store", "store",
                    "Look at the kernel's log for this disk. The node tries to open and verify its "
                    "store again by itself. If that does not succeed: stop it, put the directory "
                    "on a sound disk or empty it, start it; it refills itself from the others.",
                    "the store has failed; writes are refused");
    if (doctor->store_complaint[0] != '\0') {
        log_time_print(doctor->store_complaint_wall_ms, when);
        doctor_tell(doctor, DOCTOR_WARNING, "store_damage", "store",
                    "If there is no error about the store beside this one, it works again, and "
                    "what was damaged has been set aside or refilled. Check the disk: it will not "
                    "be the last time. The finding goes with the next restart.",
                    "at %s: %s", when, doctor->store_complaint);
    }
    if (doctor->kept[0] != '\0')
        doctor_tell(doctor, DOCTOR_WARNING, "kept", "store",
                    "This node came back after it was removed, or on an old copy of its disk, and "
                    "joined under a new id. Read the file; `attunectl import FILE --dry-run` says "
                    "what would come of it, without --dry-run it is done; then delete the file. "
                    "The finding goes with the next restart.",
                    "%s", doctor->kept);
    if (status->healing)
        doctor_tell(doctor, DOCTOR_WARNING, "healing", "store",
                    "It ends by itself with the next finished exchange with a member that is "
                    "whole. If it does not, see which members are unreachable.",
                    "damaged or missing rows are being fetched from the others; until then writes "
                    "are refused here and nothing is confirmed");
    if (status->quarantined_count > 0)
        doctor_tell(doctor, DOCTOR_WARNING, "quarantined", "store",
                    "The others' copies replace them. They stay in the table `quarantine` of "
                    "catalog.db for an inquest; delete them there once you have looked (with the "
                    "node stopped). Check the disk.",
                    "%" PRIu64 " damaged rows were set aside", status->quarantined_count);
}

static void freshness(struct doctor *doctor) {
    const struct gossip_status *status = doctor->status;
    char age[DOCTOR_AGE_SIZE], limit[DOCTOR_AGE_SIZE];
    bool serves = status->ready && !status->removed;
    if (!serves)
        return;
    if (status->agreement_age_ms < 0)
        doctor_tell(doctor, DOCTOR_WARNING, "not_fresh", status->node_name,
                    "Normal for some seconds after a start. Else a majority of the members cannot "
                    "be reached: see those that are unreachable. Hosts that pass max_staleness get "
                    "`stale` from this node until then.",
                    "this node does not know whether a majority has its catalog");
    else if ((uint64_t)status->agreement_age_ms > doctor->freshness_limit_ms)
        doctor_tell(doctor, DOCTOR_ERROR, "not_fresh", status->node_name,
                    "This node is cut off from a majority of the members. Look at the network and "
                    "at the members that are unreachable. Hosts that pass max_staleness get "
                    "`stale` from this node and must refuse their writes until then.",
                    "a majority was last known to have its catalog %s ago; the limit is %s",
                    doctor_age(age, (uint64_t)status->agreement_age_ms),
                    doctor_age(limit, doctor->freshness_limit_ms));
}

static void agreement(struct doctor *doctor) {
    const struct gossip_status *status = doctor->status;
    uint64_t last_ms = status->agreed_last_wall_ms;
    if (status->agreed == GOSSIP_UNKNOWN && status->ready)
        doctor_tell(doctor, DOCTOR_INFO, "agreement_unknown", status->node_name,
                    "Normal right after a write or a start. If it stays so, a member has not been "
                    "heard: see those that are unreachable.",
                    "it is not known whether all members have this node's catalog");
    if (status->agreed != GOSSIP_NO)
        return;
    bool lasting = last_ms == 0 || doctor->wall_ms > last_ms + DOCTOR_LONG_MS;
    doctor_tell(doctor, lasting ? DOCTOR_ERROR : DOCTOR_WARNING, "not_agreed", status->node_name,
                "`attunectl diff` shows which entries differ, `attunectl sync` exchanges now. If "
                "they differ again at once with nobody writing, and "
                "attune_futile_exchanges_total rises, report it: that must never happen.",
                "%zu members have another catalog", status->disagreeing_count);
}

static void horizon(struct doctor *doctor) {
    const struct gossip_status *status = doctor->status;
    char age[DOCTOR_AGE_SIZE];
    const char *holder = status->horizon_held_self ? status->node_name : status->horizon_holder;
    if (holder == NULL || status->horizon_age_ms <= DOCTOR_HORIZON_MS)
        return;
    doctor_tell(doctor, DOCTOR_WARNING, "horizon", holder,
                "Dropped entries cannot be forgotten while a member might not know of the drop. "
                "Bring that member back, or, if it never comes back: `attunectl members remove "
                "NAME`. A newcomer that never got ready counts too.",
                "holds the horizon back for %s; %" PRIu64 " dropped entries are kept for it",
                doctor_age(age, status->horizon_age_ms), status->counts.tombstones);
}

void doctor_node(struct doctor *doctor) {
    identity(doctor);
    store(doctor);
    if (doctor->status->clock_ahead)
        doctor_tell(doctor, DOCTOR_ERROR, "clock", doctor->status->node_name,
                    "Set the clock of this machine (chronyc tracking, timedatectl). Writes are "
                    "taken again as soon as it is right; nothing has to be restarted.",
                    "the clock of this machine is ahead of most members'; writes are refused");
    freshness(doctor);
    agreement(doctor);
    horizon(doctor);
}
