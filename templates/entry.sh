#!/bin/sh
# The main program of every run, in a container and as a plain process alike: it makes the workspace, runs what the
# run directory asks for, keeps what an agent left uncommitted, and ends with the exit code of what it ran.
#
# CDOCK_WORKSPACE  kept over all attempts of a task; the repository is its directory `src`
# CDOCK_RUN        directory of this run: entry.sh, snapshot.sh, bin/cdock, and
#                    agent: argv/NNNN (one argument each), stdin     check: commands/NNNN (one shell command each)
#                  here we leave `stderr`, and `exit`: the code, then "stopped" when we were asked to end
# CDOCK_STATE      what the agent itself keeps over attempts
# CDOCK_ROLE       agent or check
# CDOCK_COUNT      how many arguments or commands there are; files beyond are not ours
# CDOCK_OBJECTS    read-only object store that holds CDOCK_BASE, the commit a new workspace starts from
# CDOCK_BRANCH     the branch that is fetched from the workspace
# CDOCK_SOCKETS    where the sockets of the host's proxies are, if there are any
#
# And where they are wanted:
# CDOCK_INPUT      live: after `stdin` come the messages of `inbox`, see say.sh, until a line of the output holds the
#                  text of the file `until`. terminal: the program is run inside tmux, for a person
# CDOCK_TARGET     a commit of the object store that the repository is to know as refs/cdock/target
# CDOCK_DROPPED    a commit that people took out of the branch: a repository that has it begins anew at CDOCK_BASE
# CDOCK_UNFINISHED a commit of the object store whose changes a new workspace begins with, uncommitted
# CDOCK_APART      when not empty, the program gets a copy of the repository, and nothing it does there is kept
#
# Arguments are files and not text for a shell, so that no byte of them can mean anything to one. The program runs in
# the foreground: a shell starts background programs deaf to SIGINT, and test suites inherit that.

set -u
exec 2>&1 # one stream, so that what is printed stays in order
umask 022

src=$CDOCK_WORKSPACE/src
apart=$CDOCK_WORKSPACE/apart # always there: some agents find a conversation again only where it took place
input=${CDOCK_INPUT-}
stderr_shown=16384
drain_tries=250
snapshot_limit=60
stopped=
trap 'stopped=1' TERM INT HUP

finish() {
    [ -z "${CDOCK_APART-}" ] || rm -rf "$apart"
    { echo "$1"; [ -z "$stopped" ] || echo stopped; } >"$CDOCK_RUN/exit.new"
    mv -f "$CDOCK_RUN/exit.new" "$CDOCK_RUN/exit"
    exit "$1"
}

fail() {
    printf 'cdock: %s\n' "$1"
    finish 70
}

make_repository() { # directory, the object store it borrows from, the commit it starts from
    rm -rf "$1" &&
        git init -q -b "$CDOCK_BRANCH" "$1" &&
        printf '%s\n' "$2" >"$1/.git/objects/info/alternates" &&
        git -C "$1" config user.name 'cdock agent' &&
        git -C "$1" config user.email 'agent@cdock.invalid' &&
        mkdir -p "$1/.git/info" &&
        printf '.cdock/\n' >>"$1/.git/info/exclude" &&
        git -C "$1" reset -q --hard "$3"
}

make_workspace() {
    # Made aside and moved into place, so that a run killed half-way leaves nothing that looks finished.
    new=$CDOCK_WORKSPACE/src.new
    make_repository "$new" "$CDOCK_OBJECTS" "$CDOCK_BASE" &&
        { [ -z "${CDOCK_UNFINISHED-}" ] || lay_out_unfinished "$new"; } &&
        { [ ! -e "$src" ] || mv "$src" "$src.without-git.$(date +%s)"; } &&
        mv "$new" "$src"
}

lay_out_unfinished() { # directory
    # Picked and not copied: it may have been set down before the newest commits, which then stand.
    git -C "$1" cherry-pick --no-commit -X ours "$CDOCK_UNFINISHED" >"$CDOCK_RUN/unfinished" 2>&1 ||
        printf 'cdock: not all of the unfinished work could be laid out: %s\n' "$(tail -n 1 "$CDOCK_RUN/unfinished")"
    git -C "$1" cherry-pick --quit
    git -C "$1" reset -q
    # Until it is set down anew: who looks before that must not take it for finished.
    git -C "$1" update-ref refs/cdock/wip "$CDOCK_UNFINISHED" 2>/dev/null || :
}

catch_up() {
    # People may have pushed to the branch since the last run, or another machine.
    git cat-file -e "$CDOCK_BASE^{commit}" 2>/dev/null || return 0
    if [ -n "${CDOCK_DROPPED-}" ] && git merge-base --is-ancestor "$CDOCK_DROPPED" HEAD 2>/dev/null; then
        begin_anew
    elif ! git merge-base --is-ancestor "$CDOCK_BASE" HEAD 2>/dev/null; then
        merge_base
    fi >"$CDOCK_RUN/catch-up" 2>&1 ||
        printf 'cdock: newer commits of the branch could not be taken over: %s\n' "$(tail -n 1 "$CDOCK_RUN/catch-up")"
}

merge_base() {
    # What an agent was in the middle of, it ends itself.
    for state in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD rebase-merge rebase-apply; do
        [ ! -e ".git/$state" ] || { echo "$state is there"; return 1; }
    done
    git -c core.hooksPath=/dev/null -c commit.gpgSign=false merge -q --no-edit \
        -m "Merge what was pushed to $CDOCK_BRANCH meanwhile" "$CDOCK_BASE" && return
    [ ! -e .git/MERGE_HEAD ] || git merge --abort
    return 1
}

begin_anew() {
    # Nothing is thrown away: what was committed, and then what was not, is below refs/cdock/aside.
    sh "$CDOCK_RUN/snapshot.sh" </dev/null
    git rebase --quit
    unfinished=$(git rev-parse -q --verify refs/cdock/wip)
    git update-ref refs/cdock/aside "${unfinished:-HEAD}" &&
        git update-ref -d refs/cdock/wip &&
        git -c core.hooksPath=/dev/null checkout -q -f -B "$CDOCK_BRANCH" "$CDOCK_BASE"
}

make_copy() {
    head=$(git -C "$src" rev-parse -q --verify "refs/heads/$CDOCK_BRANCH^{commit}") &&
        make_repository "$apart" "$src/.git/objects" "$head"
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
    # What was set down before is committed now, or was thrown away by the agent.
    [ -n "$(git status --porcelain 2>/dev/null | head -n 1)" ] || git update-ref -d refs/cdock/wip
    # Agents like to make branches of their own; what follows ours is ours.
    if [ "$(git symbolic-ref -q HEAD)" != "refs/heads/$CDOCK_BRANCH" ] &&
        git merge-base --is-ancestor "refs/heads/$CDOCK_BRANCH" HEAD 2>/dev/null; then
        git update-ref -m 'cdock: follow the agent' "refs/heads/$CDOCK_BRANCH" HEAD
    fi
}

keep_unfinished() {
    # What ends badly is not committed, but it is not lost either.
    set -- sh "$CDOCK_RUN/snapshot.sh"
    ! command -v timeout >/dev/null || set -- timeout -k 1 "$snapshot_limit" "$@"
    "$@" >"$CDOCK_RUN/keep" 2>&1 </dev/null ||
        printf '\ncdock: unfinished work could not be set down: %s\n' "$(tail -n 1 "$CDOCK_RUN/keep")"
}

end_agent() { # exit code
    if [ -z "${CDOCK_APART-}" ]; then
        if [ "$1" -eq 0 ]; then keep_work; else keep_unfinished; fi
    fi
    finish "$1"
}

launch() {
    set --
    while [ "$#" -lt "$CDOCK_COUNT" ]; do
        file=$(printf '%s/argv/%04d' "$CDOCK_RUN" "$#")
        value=$(cat "$file" && printf .) # the dot keeps newlines at the end, which $(…) would drop
        set -- "$@" "${value%.}"
    done
    case $input in
        live) "$@" <"$CDOCK_RUN/in" >"$CDOCK_RUN/out" 2>"$CDOCK_RUN/stderr" ;;
        terminal) exec "$@" ;; # as the leader of the session, which is who hears that the terminal is gone
        *) "$@" <"$CDOCK_RUN/stdin" 2>"$CDOCK_RUN/stderr" ;;
    esac
}

run_agent() {
    launch
    code=$?
    [ "$input" != live ] || stop_listening
    if [ -s "$CDOCK_RUN/stderr" ]; then
        printf '\n[stderr]\n'
        tail -c "$stderr_shown" "$CDOCK_RUN/stderr"
    fi
    end_agent "$code"
}

# A live run: `deliver` writes into the pipe `in`, which the program reads; the program writes into the pipe `out`, from
# which `tee` prints it and shows it to `watch`. Whoever has something for `deliver` rings: writes a line into the pipe
# `bell`. All three are deaf to the signals that the engine's init sends to everybody, and end when the program ends.

prepare_inbox() {
    # An earlier agent of this task may have laid something here.
    rm -rf "$CDOCK_RUN/inbox" "$CDOCK_RUN/bell" "$CDOCK_RUN/in" "$CDOCK_RUN/out" "$CDOCK_RUN/seen" &&
        mkfifo "$CDOCK_RUN/in" "$CDOCK_RUN/out" "$CDOCK_RUN/seen" &&
        mkdir "$CDOCK_RUN/inbox" &&
        mkfifo "$CDOCK_RUN/bell"
}

start_listening() {
    { trap '' TERM INT HUP && deliver; } >/dev/null &
    deliverer=$!
    { trap '' TERM INT HUP && watch; } >/dev/null &
    { trap '' TERM INT HUP PIPE && print; } 2>/dev/null &
}

stop_listening() {
    # What the program left in the background may hold its pipes open for ever, so nobody waits for their end.
    { kill -KILL "$deliverer" && wait "$deliverer"; } 2>/dev/null
    # Where the program did not come to open `out`, `tee` waits for that; otherwise this changes nothing.
    [ ! -p "$CDOCK_RUN/out" ] || : 1<>"$CDOCK_RUN/out"
    tries=0
    while [ -p "$CDOCK_RUN/out" ] && [ "$tries" -lt "$drain_tries" ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
}

deliver() {
    exec 3>"$CDOCK_RUN/in" 4<>"$CDOCK_RUN/bell"
    # By the shell itself: a program could go on waiting for a reader after this shell was killed.
    text=$(cat "$CDOCK_RUN/stdin" && printf .)
    printf %s "${text%.}" >&3
    count=0 word=
    while :; do
        for message in "$CDOCK_RUN/inbox/$(printf %06d "$count")"-*; do :; done
        if [ -f "$message" ]; then
            printf '%s\n' "$(cat "$message")" >&3
            count=$((count + 1))
        elif [ "$word" = enough ]; then
            break
        else
            read -r word <&4 || break
        fi
    done
}

print() {
    exec <"$CDOCK_RUN/out"
    # When `seen` has lost its reader, this still has to print: so it is deaf to SIGPIPE, and its exit code says nothing.
    tee "$CDOCK_RUN/seen"
    rm -f "$CDOCK_RUN/out"
}

watch() {
    exec <"$CDOCK_RUN/seen"
    ! grep -q -F -f "$CDOCK_RUN/until" || echo enough 1<>"$CDOCK_RUN/bell"
    exec cat
}

# A terminal: the session in tmux is `cdock`, its socket `tmux` in the run directory. That is always named from inside
# the directory, because the path of a socket may hold about 100 bytes. The program in it is this script, as `inside`.

run_terminal() {
    command -v tmux >/dev/null || fail 'tmux is not installed here, and a terminal for a person needs it'
    rm -rf "$CDOCK_RUN/tmux" "$CDOCK_RUN/pid"
    for term in screen-256color screen; do
        [ ! -e "/usr/share/terminfo/s/$term" ] && [ ! -e "/lib/terminfo/s/$term" ] &&
            [ ! -e "/etc/terminfo/s/$term" ] || break
    done
    here_tmux -f /dev/null start-server \; set-option -g default-terminal "$term" \; set-option -g history-limit 20000 \; \
        new-session -d -s cdock -x 200 -y 50 -c "$PWD" sh "$CDOCK_RUN/entry.sh" inside >"$CDOCK_RUN/stderr" 2>&1 ||
        fail "tmux did not start: $(tail -n 1 "$CDOCK_RUN/stderr")"
    # Not by `tmux wait-for`: one that comes while the server is about to end keeps both waiting for ever (3.3a).
    while [ -z "$stopped" ] && here_tmux has-session -t cdock 2>/dev/null; do
        sleep 0.5
    done
    # The program may outlive the session for a moment, and still write.
    pid=$(cat "$CDOCK_RUN/pid") || fail "the program did not start: $(cat "$CDOCK_RUN/argv/0000")"
    [ -z "$stopped" ] || {
        here_tmux kill-session -t cdock
        kill -TERM "$pid"
    } 2>/dev/null
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt "$drain_tries" ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
    [ -z "$stopped" ] || end_agent 143
    end_agent 0
}

here_tmux() {
    (cd "$CDOCK_RUN" && exec tmux -S tmux "$@")
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

if [ "${1-}" = inside ]; then
    ! command -v "$(cat "$CDOCK_RUN/argv/0000")" >/dev/null || echo "$$" >"$CDOCK_RUN/pid"
    launch
    exit
fi
[ "$input" != live ] || prepare_inbox || fail "the inbox could not be made in $CDOCK_RUN"
mkdir -p "$CDOCK_STATE"
if [ ! -e "$src/.git" ]; then
    make_workspace 2>&1 || fail "the workspace could not be made from $CDOCK_BASE"
fi
remove_stale_locks
if [ -n "${CDOCK_APART-}" ]; then
    make_copy || fail "the copy of the repository could not be made"
    src=$apart
fi
cd "$src" || fail "there is no $src"
[ "$CDOCK_ROLE" != agent ] || catch_up
if [ -n "${CDOCK_TARGET-}" ]; then
    git update-ref refs/cdock/target "$CDOCK_TARGET" || fail "there is no commit $CDOCK_TARGET to be merged"
fi
bridge_model
[ -z "$stopped" ] || finish 143
case $CDOCK_ROLE in
    agent)
        # Prompts name files in it, and `>` makes no directory.
        [ -e .cdock ] || mkdir .cdock 2>/dev/null
        # Not for a check: an agent knows where its check will run, and could lay programs there.
        PATH=$CDOCK_RUN/bin:$PATH
        export PATH
        case $input in
            terminal) run_terminal ;;
            live) start_listening ;;
        esac
        run_agent
        ;;
    check) run_check ;;
    *) fail "unknown role $CDOCK_ROLE" ;;
esac
