#!/bin/sh
# Run once by the postgres image: the database of the Prefect server, beside that of decisions and costs.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE DATABASE prefect OWNER assay;
SQL
