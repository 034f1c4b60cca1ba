#!/bin/sh
# What a database team does once, in the container of PostgreSQL: run by its image on an empty volume.
set -eu
password() { tr -d '\n' <"/run/secrets/$1"; }
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres -v app="$(password database_password)" \
  -v owner="$(password owner_password)" -v prefect="$(password prefect_password)" <<'SQL'
create role roadwear_app nologin;
create role roadwear login password :'app' in role roadwear_app;
create role roadwear_owner login password :'owner';
grant roadwear_app to roadwear_owner with admin option;
create database roadwear owner roadwear_owner;
create role prefect login password :'prefect';
create database prefect owner prefect;
\connect roadwear
create extension postgis;
SQL
