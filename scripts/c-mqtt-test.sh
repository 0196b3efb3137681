#!/bin/sh
# Runs examples/c/mqtt_device.c against a real broker and the hub: MQTT 3.1.1 and 5, TLS 1.3 with client certificates and passwords, both cipher
# suites, a broker that restarts in mid-stream, and owners that come and go. Needs mosquitto, openssl, libmosquitto and the installed wheel
# (SEALWIRE names its command, default build/venv/bin/sealwire).
set -u
cd "$(dirname "$0")/.." || exit 1
root=$(pwd)
sealwire=${SEALWIRE:-$root/build/venv/bin/sealwire}
for tool in mosquitto mosquitto_passwd openssl; do
    command -v $tool >/dev/null 2>&1 || PATH=$PATH:/usr/sbin
    command -v $tool >/dev/null 2>&1 || { echo "skipped: $tool is not installed"; exit 0; }
done
pkg-config --exists libmosquitto 2>/dev/null || { echo "skipped: libmosquitto is not installed"; exit 0; }
[ -x "$sealwire" ] || { echo "skipped: the wheel is not installed ($sealwire)"; exit 0; }

mkdir -p build/c-mqtt
work=$(mktemp -d)
chmod 755 "$work"
started=
finish() {
    for pid in $started; do kill "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap finish EXIT
sh scripts/c-mqtt-device.sh "$root/build/c-mqtt/mqtt_device" || exit 1
device=$root/build/c-mqtt/mqtt_device
data=$root/examples/data/ecg_mitdb_208.i16le
cd "$work" || exit 1

free_port() {
    "${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
plain=$(free_port)
secure=$(free_port)

{
    "$sealwire" keygen --issuer issuer
    for pair in X25519:4 P-256:2; do
        kind=${pair%%:*}
        suite=${pair##*:}
        "$sealwire" keygen --kind "$kind" --name "hub-$suite" "hub-$suite"
        "$sealwire" keygen --kind "$kind" --name "device-$suite" "device-$suite"
        "$sealwire" issue --issuer issuer "device-$suite.cred" -o "device-$suite.cwt"
    done
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=ca
    printf 'subjectAltName=IP:127.0.0.1' >names
    for who in server client; do
        openssl req -newkey rsa:2048 -nodes -keyout $who.pk -out $who.csr -subj /CN=$who
        openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $who.pem -days 30 -extfile names
    done
    mosquitto_passwd -b -c passwords user secret
    echo secret >secret.txt
    echo wrong >wrong.txt
    # The broker gives up its rights before it reads these.
    chmod a+r server.pk passwords
} >setup.log 2>&1 || { cat setup.log; exit 1; }

cat >mosquitto.conf <<END
per_listener_settings true
listener $plain 127.0.0.1
allow_anonymous true
listener $secure 127.0.0.1
cafile $work/ca.pem
certfile $work/server.pem
keyfile $work/server.pk
require_certificate true
tls_version tlsv1.3
allow_anonymous false
password_file $work/passwords
END
: >mosquitto.log
broker() {
    mosquitto -c mosquitto.conf >>mosquitto.log 2>&1 &
    broker_pid=$!
    started="$started $broker_pid"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        grep -q running mosquitto.log && return
        sleep 0.5
    done
}
broker
for suite in 4 2; do
    "$sealwire" hub run --db "hub-$suite.db" --identity "hub-$suite" --anchor issuer.cred --broker "mqtt://127.0.0.1:$plain" --realm ward \
        >"hub-$suite.log" 2>&1 &
    started="$started $!"
done
sleep 3

checks=0
failed=0
# run EXPECTED NAME SUITE OPTIONS...
run() {
    expected=$1 name=$2 suite=$3
    shift 3
    checks=$((checks + 1))
    timeout 90 "$device" --realm ward --hub "hub-$suite" --inbox "device-$suite" --key "device-$suite.key" --credential "device-$suite.cwt" \
        --peer "hub-$suite.cred" --data "$data" "$@" >device.log 2>&1
    status=$?
    ending=$(tail -n 1 device.log)
    case $ending in *'"event":"done","samples":21600'*) outcome=done ;; *) outcome=refused ;; esac
    [ "$outcome" = refused ] || [ $status -eq 0 ] || outcome="done with status $status"
    if [ "$outcome" = "$expected" ]; then
        printf '%-64s ok\n' "$name"
    else
        printf '%-64s FAILED: %s\n' "$name" "$outcome"
        tail -n 5 device.log hub-$suite.log | sed 's/^/    /'
        failed=$((failed + 1))
    fi
}
tls="--broker 127.0.0.1:$secure --ca ca.pem --cert client.pem --cert-key client.pk --username user"
run done "MQTT 3.1.1, suite 4" 4 --broker "127.0.0.1:$plain" --rate 200
run done "MQTT 5, suite 4, as fast as it goes" 4 --broker "127.0.0.1:$plain" --rate 0 --mqtt5
run done "MQTT 5, suite 2" 2 --broker "127.0.0.1:$plain" --rate 200 --mqtt5
# shellcheck disable=SC2086
run done "TLS 1.3, client certificate, password" 4 $tls --password-file secret.txt --rate 200 --mqtt5
# shellcheck disable=SC2086
run refused "TLS 1.3 with a wrong password" 4 $tls --password-file wrong.txt --limit 4
run refused "TLS 1.3 without a client certificate" 4 --broker "127.0.0.1:$secure" --ca ca.pem --username user --password-file secret.txt --limit 4
run refused "a hub that is not there" 4 --broker "127.0.0.1:$plain" --realm elsewhere --limit 4
(
    sleep 3
    kill "$broker_pid"
    sleep 2
    : >mosquitto.log
    mosquitto -c mosquitto.conf >>mosquitto.log 2>&1 &
    echo $! >broker.pid
) &
run done "the broker restarts in mid-stream" 4 --broker "127.0.0.1:$plain" --rate 30 --limit 80
[ ! -f broker.pid ] || started="$started $(cat broker.pid)"

# People own it, one after another.
if ! "$(dirname "$sealwire")/python" "$root/tests/phone/claim.py" "$device" >claim.log 2>&1; then
    failed=$((failed + $(grep -c FAILED claim.log)))
    [ "$failed" -gt 0 ] || failed=1
fi
grep -v '^ran ' claim.log
checks=$((checks + $(grep -c ' ok$\|FAILED$' claim.log)))

echo "ran $checks checks, $failed failed"
[ "$failed" -eq 0 ]
