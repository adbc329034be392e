#!/bin/sh
# What a fresh Raspberry Pi does once, as root: install meshd, apply with the ticket, and start by itself from then on.
# Each step may be done twice: after a power cut it begins anew.
set -eu
here="$(dirname "$0")"
home=/var/lib/meshd

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

if [ -s "$here/ticket" ] && ! ls "$home"/*/keys.sealed >/dev/null 2>&1; then
    name="$(cat "$here/name")"
    MESHD_PASSPHRASE="$(cat /etc/credstore/meshd.passphrase)" runuser -u meshd -- \
        env MESHD_HOME="$home" /usr/bin/meshd join - --as "$name" <"$here/ticket"
fi
rm -f "$here/ticket"

if [ -f "$here/sticks.rules" ]; then
    install -m 644 "$here/sticks.rules" /etc/udev/rules.d/80-meshd-sticks.rules
    udevadm control --reload || true
fi
systemctl enable --now meshd.service
sync
