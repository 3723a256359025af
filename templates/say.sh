#!/bin/sh
# Lay a message into the inbox of a run that listens: say.sh UID SIZE <message. The message is one line of SIZE bytes,
# its newline not counted. The same UID is laid down once. entry.sh delivers what is there, in the order of the names.
#
# Exit code 75: the run is not ready for messages, or not any more.

set -u
inbox=$CDOCK_RUN/inbox
bell=$CDOCK_RUN/bell

tries=0
until [ -d "$inbox" ] && [ -p "$bell" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || exit 75
    sleep 0.1
done

for found in "$inbox"/[0-9]*; do
    case ${found##*/} in
        [0-9][0-9][0-9][0-9][0-9][0-9]-"$1")
            # Whoever laid it down may have died before the bell rang.
            echo message 1<>"$bell"
            exit 0
            ;;
    esac
done

# A name that begins with a dot is no message yet.
new=$inbox/.$1.$$
head -c "$2" >"$new" || exit 1
if [ "$(wc -c <"$new")" -ne "$2" ]; then
    rm -f "$new"
    echo "only a part of the message arrived" >&2
    exit 1
fi
set -- "$1" "$2" "$inbox"/[0-9]*
[ -e "$3" ] && count=$(($# - 2)) || count=0
mv -f "$new" "$inbox/$(printf '%06d' "$count")-$1" || exit 1
# Opened for both directions, it does not wait for somebody who listens.
echo message 1<>"$bell"
