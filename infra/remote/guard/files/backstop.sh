#!/bin/sh
# The guard's own guard: plain sh, no Python, no network, no Docker. The guard writes into off-at the uptime at which
# it will switch off; if that is eight minutes past and we still run, it has failed. While no guard has written one, the
# hours promised at launch count, from our first look in this boot (/run is empty after a boot).
late_s=@LATE_S@
promised_s=@PROMISED_S@
root="${RIG_ROOT:-}"
[ -r "$root/proc/uptime" ] || exit 0 # a rehearsal on a computer without it
read -r up _ <"$root/proc/uptime"
up=${up%%.*}
off=
[ -r "$root/run/gluon-rig/off-at" ] && read -r off <"$root/run/gluon-rig/off-at"
case "$off" in '' | *[!0-9]*)
    since="$root/run/gluon-rig/backstop-since"
    [ -r "$since" ] || echo "$up" >"$since"
    begun=0
    [ -r "$since" ] && read -r begun <"$since"
    off=$((begun + promised_s))
    ;;
esac
[ "$up" -gt "$((off + late_s))" ] || exit 0
echo "gluon-rig backstop: the guard has not switched this machine off; doing it now"
date -u '+%Y-%m-%dT%H:%M:%SZ' >>"$root/var/lib/gluon-rig/backstop-fired"
timeout 30 systemctl poweroff
sleep 60
timeout 30 systemctl poweroff --force
sleep 30
timeout 30 systemctl poweroff --force --force
for key in s u o; do
    echo "$key" >"$root/proc/sysrq-trigger"
    sleep 2
done
