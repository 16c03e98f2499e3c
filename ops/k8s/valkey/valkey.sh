#!/bin/sh
# valkey.sh server | replica MASTER | sentinel MASTER | cluster: starts a Valkey server in its container as compose.yaml wants it.
# The password comes from REDIS_PASSWORD and goes in by a pipe or a private file: a command line can be read by everybody.
set -eu
umask 077
role=$1

# The public image gives up root by its entry point.
start() { if command -v docker-entrypoint.sh >/dev/null; then exec docker-entrypoint.sh valkey-server "$@"; else exec valkey-server "$@"; fi; }

if [ "$role" = sentinel ]; then
  # A sentinel keeps what it learns in its file. Names instead of addresses: a container that comes back has another address.
  cat >/tmp/sentinel.conf <<CONF
port 26379
bind 0.0.0.0
protected-mode no
dir /tmp
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $(hostname -i | cut -d" " -f1)
sentinel monitor lanecast $2 6379 2
sentinel auth-pass lanecast $REDIS_PASSWORD
sentinel down-after-milliseconds lanecast 1000
sentinel failover-timeout lanecast 5000
sentinel parallel-syncs lanecast 1
CONF
  exec valkey-server /tmp/sentinel.conf --sentinel
fi

# AOF: nothing acknowledged is lost but for the last second. A full server must refuse to write: one that evicts would
# silently forget runs.
set -- --bind 0.0.0.0 --dir /data --appendonly yes --appendfsync everysec --save "" --maxmemory-policy noeviction \
  --maxmemory "${MAXMEMORY:-0}" ${2:+--replicaof "$2" 6379}
if [ "$role" = cluster ]; then
  set -- "$@" --cluster-enabled yes --cluster-node-timeout 2000 --cluster-config-file /data/nodes.conf
fi
# Those who are master now may be replicas after the next failover, so all have masterauth.
start "$@" - <<CONF
requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD
CONF
