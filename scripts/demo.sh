#!/bin/bash
# demo.sh - the story that attune began with, on four real nodes (make demo).
#
# A schema is broadcast, a node misses it, another joins late; after each step a table shows who has what. It needs
# nothing from outside, listens on loopback only, and ends every process that it started.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(cd "${BUILD:-build}" && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/attune-demo.XXXXXX")
declare -A pids=() addresses=()
names=()

finish() {
    local name
    for name in "${!pids[@]}"; do
        kill -CONT "${pids[$name]}" 2>/dev/null || true
        kill -KILL "${pids[$name]}" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# $1: name, $2: a member's gossip address, or nothing
start() {
    local name=$1 join=()
    [ -z "${2:-}" ] || join=(--join "$2")
    "$build/attuned" --data-dir "$folder/$name" --name "$name" --cluster demo --gossip "${addresses[$name]:-127.0.0.1:0}" \
        --http 127.0.0.1:0 "${join[@]}" >"$folder/$name.out" 2>"$folder/$name.log" &
    pids[$name]=$!
    [[ " ${names[*]-} " == *" $name "* ]] || names+=("$name")
    local i
    for i in $(seq 100); do
        [ -e "$folder/$name/attuned.json" ] && addresses[$name]=$(field "$name" gossip) && return 0
        kill -0 "${pids[$name]}" 2>/dev/null || break
        sleep 0.05
    done
    echo "demo: $name did not start:" >&2
    cat "$folder/$name.log" >&2
    exit 1
}

# A field of a node's attuned.json.
field() { sed -nE "s/.*\"$2\" *: *\"([^\"]*)\".*/\1/p" "$folder/$1/attuned.json"; }

ctl() {
    local name=$1
    shift
    ATTUNE_HTTP="http://$(field "$name" http)" "$build/attunectl" "$@"
}

# Waits until all named nodes are ready and have the same root, then until each knows it; says how long it took.
until_equal() {
    local begin=$(($(date +%s%N) / 1000000))
    until_true "$begin" same_root "$@"
    printf 'equal after %s ms, ' "$(($(date +%s%N) / 1000000 - begin))"
    until_true "$begin" all_know "$@"
    printf 'known to all after %s ms\n' "$(($(date +%s%N) / 1000000 - begin))"
}

until_true() {
    local begin=$1
    shift
    until "$@"; do
        [ $(($(date +%s%N) / 1000000 - begin)) -lt 30000 ] || { echo "demo: not equal after 30 s" >&2; exit 1; }
        sleep 0.05
    done
}

same_root() {
    local name
    [ "$(for name in "$@"; do ctl "$name" digest --format json 2>/dev/null || echo "$name?"; done | sort -u | wc -l)" -eq 1 ]
}

all_know() {
    local name status
    for name in "$@"; do
        status=$(ctl "$name" status --format json 2>/dev/null) || return 1
        grep -q '"ready": *true' <<<"$status" && grep -q '"agreed": *true' <<<"$status" || return 1
    done
}

table() {
    local name digest root entries agrees
    printf '%-8s %-8s %-34s %s\n' node entries root agrees
    for name in "${names[@]}"; do
        if digest=$(timeout 1 env ATTUNE_HTTP="http://$(field "$name" http)" "$build/attunectl" digest --format json 2>/dev/null); then
            root=$(sed -E 's/.*"root": *"([0-9a-f]+)".*/\1/' <<<"$digest")
            entries=$(sed -E 's/.*"entries": *([0-9]+).*/\1/' <<<"$digest")
            agrees=$(ctl "$name" status --format json | sed -E 's/.*"agreed": *(true|false|null).*/\1/')
        else
            root='(does not answer)' entries=- agrees=-
        fi
        printf '%-8s %-8s %-34s %s\n' "$name" "$entries" "$root" "$agrees"
    done
}

# A table of the named nodes that are equal. What was dropped is forgotten a while after all have it: that gives them another
# root, one after the other within a moment, and whoever looks in just that moment looks again.
equal_table() {
    until_equal "$@"
    until_true "$(($(date +%s%N) / 1000000))" rows_agree $#
    printf '%s\n' "$rows"
}

rows_agree() {
    rows=$(table)
    [ "$(grep -c ' true$' <<<"$rows")" -eq "$1" ]
}

say "1. Three nodes of a data store, each with an attuned beside it"
start one
start two "$(field one gossip)"
start three "$(field one gossip)"
equal_table one two three

say "2. posts and comments are set through node one; a unique constraint and a cascading foreign key through node two"
echo '{"id":{"type":"integer","required":true},"title":{"type":"string","required":true}}' | ctl one schema set posts -f -
echo '{"id":{"type":"integer","required":true},"post_id":{"type":"integer"},"text":{"type":"string"}}' | ctl one schema set comments -f -
until_equal one two three
ctl two constraint add posts --unique title
ctl two constraint add comments --fk post_id:posts:id:cascade
equal_table one two three

say "3. Node three is frozen, and misses a change, a drop and a new constraint that are broadcast meanwhile"
kill -STOP "${pids[three]}"
echo '{"id":{"type":"integer","required":true},"title":{"type":"string","required":true},"day":{"type":"string"}}' | ctl one schema set posts -f -
ctl one index add posts --fields day
ctl two constraint remove posts posts_title_key
ctl two constraint add posts --not-null title
table

say "4. It thaws. Nobody does anything"
kill -CONT "${pids[three]}"
equal_table one two three
echo "what node three says of a post without a title now:"
ctl three check posts -d '{"id":1}' || echo "(exit code $?)"

say "5. A fourth node joins late"
start four "$(field two gossip)"
equal_table one two three four

say "6. All are killed (SIGKILL) and started again: the same catalog, from their own disks"
before=$(ctl one export)
for name in one two three four; do
    kill -KILL "${pids[$name]}"
    { wait "${pids[$name]}" || true; } 2>/dev/null
    rm -f "$folder/$name/attuned.json"
done
for name in one two three four; do start "$name"; done
equal_table one two three four
[ "$before" = "$(ctl four export)" ] || { echo "demo: the catalog has changed" >&2; exit 1; }
say "That is all: the catalog is the same everywhere, whatever was missed."
