#!/bin/sh
# Set down what is not committed in the workspace as the commit refs/cdock/wip on top of HEAD: changes, deletions and
# new files that are not ignored. Nothing else changes: not the files, not the index, not a branch. When there is
# nothing to set down, the ref goes away. snapshot.sh [alone]: with `alone` no run of the task is alive.
#
# CDOCK_WORKSPACE, CDOCK_RUN: see entry.sh

set -u
src=$CDOCK_WORKSPACE/src
ref=refs/cdock/wip
largest=52428800 # bytes of one file

[ -e "$src/.git" ] || exit 0
cd "$src" || exit 1
[ "${1-}" != alone ] || rm -f ".git/$ref.lock"

# Hooks and watchers may come from the repository, and an identity may be missing.
export GIT_AUTHOR_NAME='cdock agent' GIT_AUTHOR_EMAIL='agent@cdock.invalid'
export GIT_COMMITTER_NAME='cdock agent' GIT_COMMITTER_EMAIL='agent@cdock.invalid'
quiet_git() {
    git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.safecrlf=false -c gc.auto=0 \
        -c advice.addEmbeddedRepo=false "$@"
}

mkdir -p "$CDOCK_RUN" && place=$(mktemp -d "$CDOCK_RUN/snapshot.XXXXXX") || exit 1
trap 'rm -rf "$place"' EXIT
trap 'exit 143' TERM INT HUP

head=$(git rev-parse -q --verify 'HEAD^{commit}') || {
    echo "there is no commit to set it down on" >&2
    exit 1
}

large_files() { # print those of the workspace, each as a pathspec with this magic
    # `literal`, because a name may hold any character.
    find . -name .git -prune -o -type f -size "+${largest}c" -exec printf ":($1literal)%s\\0" {} + 2>/dev/null
}

tree_of_all() { # put all there is into the index, and that into a tree
    if [ -s "$place/large" ]; then
        quiet_git reset -q "$head" --pathspec-from-file="$place/large" --pathspec-file-nul || return 1
    fi
    # One file that cannot be read must not lose the others; then the code is 1.
    quiet_git add -A --ignore-errors --pathspec-from-file="$place/wanted" --pathspec-file-nul
    [ "$?" -le 1 ] && tree=$(quiet_git write-tree)
}

large_files '' >"$place/large"
{
    printf '.\0:(exclude).cdock\0'
    [ ! -s "$place/large" ] || large_files 'exclude,'
} >"$place/wanted"

# A copy of the agent's index knows which files have not changed; an index made anew has to read them all.
agents_index=$(git rev-parse --git-path index)
export GIT_INDEX_FILE="$place/index"
{ cp "$agents_index" "$GIT_INDEX_FILE" && tree_of_all; } 2>/dev/null ||
    { rm -f "$GIT_INDEX_FILE" && quiet_git read-tree "$head" && tree_of_all; } 2>"$place/said" || {
    tail -n 1 "$place/said" >&2
    exit 1
}

if [ "$tree" = "$(git rev-parse "$head^{tree}")" ]; then
    git rev-parse -q --verify "$ref" >/dev/null || exit 0
    quiet_git update-ref -d "$ref"
    exit
fi
# The same work set down twice is the same commit.
[ "$(git rev-parse -q --verify "$ref^{tree}") $(git rev-parse -q --verify "$ref^")" != "$tree $head" ] || exit 0
commit=$(echo 'Work that is not committed yet' | quiet_git commit-tree -p "$head" "$tree") &&
    quiet_git update-ref "$ref" "$commit"
