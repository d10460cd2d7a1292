#!/bin/bash
# The login roles and both databases, at the first start of an empty volume. `clearsight up` does the same.
set -euo pipefail
psql --username postgres --set ON_ERROR_STOP=1 \
  --set cdc="$CDC_PASSWORD" --set application="$APPLICATION_PASSWORD" --set owner="$OWNER_PASSWORD" \
  --set writer="$WRITER_PASSWORD" --set api="$API_PASSWORD" --set bi="$BI_PASSWORD" <<'SQL'
CREATE ROLE clearsight_cdc LOGIN REPLICATION PASSWORD :'cdc';
CREATE ROLE forecast_app LOGIN PASSWORD :'application';
CREATE ROLE clearsight_owner LOGIN PASSWORD :'owner';
CREATE ROLE clearsight_writer LOGIN BYPASSRLS PASSWORD :'writer';
CREATE ROLE clearsight_api LOGIN PASSWORD :'api';
CREATE ROLE clearsight_bi LOGIN PASSWORD :'bi';
ALTER ROLE clearsight_bi SET join_collapse_limit = 20;
ALTER ROLE clearsight_bi SET from_collapse_limit = 20;
ALTER ROLE clearsight_bi SET statement_timeout = '60s';
CREATE DATABASE source;
CREATE DATABASE report OWNER clearsight_owner;
REVOKE CONNECT, TEMPORARY ON DATABASE source, report FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE source TO clearsight_cdc, forecast_app;
GRANT CONNECT, TEMPORARY ON DATABASE report TO clearsight_writer, clearsight_api, clearsight_bi;
SQL
