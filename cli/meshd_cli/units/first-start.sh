#!/bin/sh
# What a fresh Raspberry Pi does, as root, until it is done: install meshd, apply with the ticket, and start by itself from
# then on. `arm`, at each start of the machine, has systemd do the rest; each step may be done twice, after a power cut.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
home=/var/lib/meshd
unit=/etc/systemd/system/meshd-first-start.service
done=/var/lib/meshd-first-start.done

if [ "${1:-}" = arm ]; then
    [ ! -e "$done" ] || exit 0
    cat >"$unit.new" <<END
[Unit]
Description=Make this machine a node of meshd
RequiresMountsFor=$here
[Service]
Type=oneshot
ExecStart=/bin/sh $here/first-start.sh
[Install]
WantedBy=multi-user.target
END
    mv "$unit.new" "$unit"
    systemctl daemon-reload
    systemctl enable meshd-first-start.service
    systemctl start --no-block meshd-first-start.service
    exit 0
fi

dpkg --install "$here"/meshd.deb
systemd-sysusers /usr/lib/sysusers.d/meshd.conf
install -d -o meshd -g meshd -m 700 "$home"

# The passphrase lies on this card, for root alone: a machine that starts by itself can't ask. Whoever takes the card has it.
install -d -m 700 /etc/credstore
if [ ! -s /etc/credstore/meshd.passphrase ]; then
    (umask 077 && head -c 32 /dev/urandom | base64 >/etc/credstore/meshd.passphrase.new)
    sync
    mv /etc/credstore/meshd.passphrase.new /etc/credstore/meshd.passphrase
fi

if [ -f "$here/sticks.rules" ]; then
    install -m 644 "$here/sticks.rules" /etc/udev/rules.d/80-meshd-sticks.rules
    udevadm control --reload || true
fi

if [ -s "$here/ticket" ] && ! ls "$home"/*/keys.sealed >/dev/null 2>&1; then
    name="$(cat "$here/name")"
    if ! MESHD_PASSPHRASE="$(cat /etc/credstore/meshd.passphrase)" runuser -u meshd -- \
        env MESHD_HOME="$home" /usr/bin/meshd join - --as="$name" <"$here/ticket"; then
        echo "meshd could not apply with the ticket on the card: it tries again at the next start." >&2
        exit 1
    fi
fi
rm -f "$here/ticket"
systemctl enable --now meshd.service
touch "$done"
sync
systemctl disable meshd-first-start.service
