#!/bin/sh
# Write the ACL with one block per bed instead of %u, for Mosquitto 2.1.0 to 2.1.2, which deny a %u with slashes
# (eclipse-mosquitto/mosquitto issue 3520).
#
#   printf '%s\n' demo/ward-1/bed-01 demo/ward-1/bed-02 | sh acl-per-bed.sh acl > /etc/mosquitto/acl
set -eu
acl=$1
grep -v '^pattern ' "$acl"
while IFS= read -r bed; do
    case $bed in
        *[!A-Za-z0-9./_-]* | */*/*/* | /* | */ | *//*) echo "not facility/unit/bed: $bed" >&2; exit 1 ;;
        */*/*) ;;
        *) echo "not facility/unit/bed: $bed" >&2; exit 1 ;;
    esac
    printf '\nuser %s\n' "$bed"
    sed -n "s|^pattern \(.*\)%u|topic \1$bed|p" "$acl"
done
