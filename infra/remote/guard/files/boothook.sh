#cloud-boothook
#!/bin/sh
# Gluon Rig arms its guard: at every boot, before anything else of ours. Running it twice changes nothing.
# On a real machine RIG_ROOT is empty. A rehearsal sets it to a folder that plays the machine's disk.
root="${RIG_ROOT:-}"
home=/home/@LOGIN@
python=/usr/bin/python3
if [ -n "$root" ]; then
    home="${root%/*}/home"
    python=$(command -v python3)
    rm -rf "$root/run/gluon-rig" # a real /run is empty after a boot
fi
opt="$root/opt/gluon-rig"
etc="$root/etc/gluon-rig"
units="$root/etc/systemd/system"
mkdir -p "$opt/guard" "$etc" "$units" "$root/var/lib/gluon-rig" "$root/run/gluon-rig" "$root/etc/ssh/sshd_config.d"
@FILES@
in_sed() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; }
for unit in gluon-rig-backstop.service gluon-rig-backstop.timer gluon-rig-guard.service; do
    sed "s|@ROOT@|$(in_sed "$root")|g; s|@HOME@|$(in_sed "$home")|g; s|@PYTHON@|$(in_sed "$python")|g" \
        "$opt/$unit" >"$units/$unit"
done
# Notice within five minutes that a laptop is gone, or its open connection would look like a user for two hours.
printf 'ClientAliveInterval 60\nClientAliveCountMax 5\n' >"$root/etc/ssh/sshd_config.d/10-gluon-rig.conf"

systemctl daemon-reload
# --no-block: we are part of the boot that these would wait for.
for unit in gluon-rig-backstop.timer gluon-rig-guard.service; do
    systemctl enable "$unit"
    systemctl --no-block start "$unit" || echo "gluon-rig: $unit did not start"
done
