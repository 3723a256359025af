#!/bin/sh
# The main program of every run, in a container and as a plain process alike: it makes the workspace, runs what the
# run directory asks for, keeps what an agent left uncommitted, and ends with the exit code of what it ran.
#
# CDOCK_WORKSPACE  kept over all attempts of a task; the repository is its directory `src`
# CDOCK_RUN        directory of this run: entry.sh, bin/cdock, and
#                    agent: argv/NNNN (one argument each), stdin     check: commands/NNNN (one shell command each)
#                  here we leave `stderr`, and `exit`: the code, then "stopped" when we were asked to end
# CDOCK_STATE      what the agent itself keeps over attempts
# CDOCK_ROLE       agent or check
# CDOCK_COUNT      how many arguments or commands there are; files beyond are not ours
# CDOCK_OBJECTS    read-only object store that holds CDOCK_BASE, the commit a new workspace starts from
# CDOCK_BRANCH     the branch that is fetched from the workspace
# CDOCK_SOCKETS    where the sockets of the host's proxies are, if there are any
#
# Arguments are files and not text for a shell, so that no byte of them can mean anything to one. The program runs in
# the foreground: a shell starts background programs deaf to SIGINT, and test suites inherit that.

set -u
exec 2>&1 # one stream, so that what is printed stays in order
umask 022

src=$CDOCK_WORKSPACE/src
stderr_shown=16384
stopped=
trap 'stopped=1' TERM INT HUP

finish() {
    { echo "$1"; [ -z "$stopped" ] || echo stopped; } >"$CDOCK_RUN/exit.new"
    mv -f "$CDOCK_RUN/exit.new" "$CDOCK_RUN/exit"
    exit "$1"
}

fail() {
    printf 'cdock: %s\n' "$1"
    finish 70
}

make_workspace() {
    # Made aside and moved into place, so that a run killed half-way leaves nothing that looks finished.
    new=$CDOCK_WORKSPACE/src.new
    rm -rf "$new" &&
        git init -q -b "$CDOCK_BRANCH" "$new" &&
        printf '%s\n' "$CDOCK_OBJECTS" >"$new/.git/objects/info/alternates" &&
        git -C "$new" config user.name 'cdock agent' &&
        git -C "$new" config user.email 'agent@cdock.invalid' &&
        mkdir -p "$new/.git/info" &&
        printf '.cdock/\n' >>"$new/.git/info/exclude" &&
        git -C "$new" reset -q --hard "$CDOCK_BASE" &&
        { [ ! -e "$src" ] || mv "$src" "$src.without-git.$(date +%s)"; } &&
        mv "$new" "$src"
}

remove_stale_locks() {
    # No other run of this task is alive, so whoever held these is dead.
    rm -f "$src/.git/index.lock" "$src/.git/HEAD.lock" "$src/.git/config.lock"
    [ ! -d "$src/.git/refs" ] || find "$src/.git/refs" -name '*.lock' -type f -exec rm -f {} +
}

bridge_model() {
    socket=${CDOCK_SOCKETS:-/run/cdock}/llm.sock
    [ -S "$socket" ] || return 0
    command -v socat >/dev/null || fail "socat is not in this image, so the model cannot be reached"
    socat TCP4-LISTEN:8081,bind=127.0.0.1,fork,reuseaddr "UNIX-CONNECT:$socket" >/dev/null 2>"$CDOCK_RUN/bridge" &
    tries=0
    until socat -u OPEN:/dev/null TCP4:127.0.0.1:8081 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || fail "nothing listens on 127.0.0.1:8081: $(tail -n 1 "$CDOCK_RUN/bridge")"
        sleep 0.1
    done
}

keep_work() {
    # Hooks may come from the repository; a failing one must not lose the work.
    if [ -n "$(git status --porcelain 2>/dev/null | head -n 1)" ]; then
        { git -c core.hooksPath=/dev/null add -A &&
            git -c core.hooksPath=/dev/null -c commit.gpgSign=false commit -q --no-verify \
                -m 'Keep work the agent left uncommitted'; } >>"$CDOCK_RUN/keep" 2>&1 ||
            printf '\ncdock: uncommitted work could not be committed: %s\n' "$(tail -n 1 "$CDOCK_RUN/keep")"
    fi
    # Agents like to make branches of their own; what follows ours is ours.
    if [ "$(git symbolic-ref -q HEAD)" != "refs/heads/$CDOCK_BRANCH" ] &&
        git merge-base --is-ancestor "refs/heads/$CDOCK_BRANCH" HEAD 2>/dev/null; then
        git update-ref -m 'cdock: follow the agent' "refs/heads/$CDOCK_BRANCH" HEAD
    fi
}

run_agent() {
    set --
    while [ "$#" -lt "$CDOCK_COUNT" ]; do
        file=$(printf '%s/argv/%04d' "$CDOCK_RUN" "$#")
        value=$(cat "$file" && printf .) # the dot keeps newlines at the end, which $(…) would drop
        set -- "$@" "${value%.}"
    done
    "$@" <"$CDOCK_RUN/stdin" 2>"$CDOCK_RUN/stderr"
    code=$?
    if [ -s "$CDOCK_RUN/stderr" ]; then
        printf '\n[stderr]\n'
        tail -c "$stderr_shown" "$CDOCK_RUN/stderr"
    fi
    [ "$code" -ne 0 ] || keep_work
    finish "$code"
}

run_check() {
    number=0
    while [ "$number" -lt "$CDOCK_COUNT" ]; do
        command=$(cat "$(printf '%s/commands/%04d' "$CDOCK_RUN" "$number")") || finish 70
        number=$((number + 1))
        printf '$ %s\n' "$command"
        sh -c "$command" </dev/null 2>&1
        code=$?
        [ -z "$stopped" ] || [ "$code" -ne 0 ] || code=143
        printf '[exit %s]\n' "$code"
        [ "$code" -eq 0 ] || finish "$code"
    done
    finish 0
}

mkdir -p "$CDOCK_STATE"
if [ ! -e "$src/.git" ]; then
    make_workspace 2>&1 || fail "the workspace could not be made from $CDOCK_BASE"
fi
remove_stale_locks
cd "$src" || fail "there is no $src"
bridge_model
[ -z "$stopped" ] || finish 143
case $CDOCK_ROLE in
    agent)
        # Not for a check: an agent knows where its check will run, and could lay programs there.
        PATH=$CDOCK_RUN/bin:$PATH
        export PATH
        run_agent
        ;;
    check) run_check ;;
    *) fail "unknown role $CDOCK_ROLE" ;;
esac
