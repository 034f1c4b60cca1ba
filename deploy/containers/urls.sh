#!/bin/sh
# Writes, from the passwords in a folder, the addresses of databases that deploy/compose.yaml hands its services.
set -eu
folder=${1:?the folder of secrets}
url() { printf '%s://%s:%s@database:5432/%s' "$1" "$2" "$(tr -d '\n' <"$folder/$3")" "$4" >"$folder/$5"; }
url postgresql roadwear database_password roadwear roadwear_database_url
url postgresql roadwear_owner owner_password roadwear roadwear_database_owner_url
url postgresql+asyncpg prefect prefect_password prefect prefect_database_url
# The folder keeps others out; in the containers, users of several numbers read them.
chmod 0700 "$folder"
chmod 0444 "$folder"/*
