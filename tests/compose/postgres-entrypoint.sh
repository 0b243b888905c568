#!/bin/sh
# What the entry point of the image postgres:15 does with the variables that docker-compose.yml sets:
# the first start makes the cluster, its user and its database; then the command runs.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
    # shellcheck disable=SC2086  # the variable holds several arguments
    initdb --username="$POSTGRES_USER" --pwfile="$password" $POSTGRES_INITDB_ARGS
    rm -f "$password"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    # Without TCP, as the image does: nobody takes the server for ready before its database is there.
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
