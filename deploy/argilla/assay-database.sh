#!/bin/sh
# Run once by the postgres image: a user and a database for Assay's decisions and costs.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set password="$ASSAY_DATABASE_PASSWORD" <<'SQL'
CREATE USER assay PASSWORD :'password';
CREATE DATABASE assay OWNER assay;
SQL
