#!/bin/sh
# Installs Roadwear on one Debian or Ubuntu machine without containers, or brings it up to date:
#
#   sudo deploy/install.sh [options]
#
#   --bundle FOLDER           take every package from an offline bundle (deploy/bundle.sh), none from a network
#   --name HOST               serve https://HOST by Caddy, which gets a certificate where it reaches the internet
#   --database URL            a PostgreSQL elsewhere, as the application; its password may stand in a file,
#   --database-owner URL      … and as the owner (postgresql://user@host/roadwear?passfile=/path)
#   --backups FOLDER          where backups go, best another disk (/var/backups/roadwear); "none" for none
#   --footage FOLDER          where footage is kept that was handed in (/var/lib/roadwear/footage)
#   --prefect                 Prefect's server and workers instead of one process that does the work
#   --packages                only list the packages of Debian that are installed
#
# Safe to repeat; again from newer sources is the upgrade, with the options of the last time unless others are
# given. What it makes: the users roadwear and
# roadwear-owner, /opt/roadwear (programs), /etc/roadwear (settings), /var/lib/roadwear (pictures, footage,
# keys), a database, and services (systemctl status roadwear.target). The command roadwear then acts as the
# user roadwear, with these settings.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
bundle="" only="" name="" database="" database_owner="" backups=/var/backups/roadwear prefect="" footage=""
state=/var/lib/roadwear etc=/etc/roadwear opt=/opt/roadwear release=""

packages() {
  echo libglib2.0-0 libgl1 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    libimage-exiftool-perl python3-venv rsync ca-certificates
  [ -n "$database" ] || echo postgresql "postgresql-$(to_install)-postgis-3" pgbackrest
  [ -z "$name" ] || echo caddy
}
to_install() {
  # shellcheck disable=SC2086
  apt-cache $only depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
}
say() { echo "roadwear: $*"; }
leave() { echo "roadwear: $*" >&2; exit 2; }
# Is there a systemd that runs? In a chroot and in most containers there is none.
booted() { [ -d /run/systemd/system ]; }
as_postgres() { (cd / && runuser -u postgres -- "$@"); }

# What was said the last time holds until something else is said.
if [ -r "$etc/install.conf" ]; then
  while IFS='=' read -r option value; do
    case $option in
      name) name=$value ;;
      database) database=$value ;;
      database_owner) database_owner=$value ;;
      backups) backups=$value ;;
      prefect) prefect=$value ;;
      footage) footage=$value ;;
    esac
  done <"$etc/install.conf"
fi
while [ "$#" -gt 0 ]; do
  case $1 in
    --bundle) bundle=$(cd "$2" && pwd); shift ;;
    --name) name=$2; shift ;;
    --database) database=$2; shift ;;
    --database-owner) database_owner=$2; shift ;;
    --backups) backups=$(realpath --canonicalize-missing "$2"); [ "$2" != none ] || backups=none; shift ;;
    --footage) footage=$(realpath --canonicalize-missing "$2"); shift ;;
    --prefect) prefect=yes ;;
    --packages) name=x; packages; exit ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set'; [ "$1" = --help ] && exit; exit 2 ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || leave "run this as root: sudo deploy/install.sh"
command -v apt-get >/dev/null || leave "this is no Debian or Ubuntu machine; see docs/deployment.md"
[ -z "$database" ] || [ -n "$database_owner" ] || leave "--database needs --database-owner too"
[ -z "$database" ] || [ -z "$prefect" ] ||
  leave "--prefect needs a database of this machine's own: set PREFECT_SERVER_DATABASE_CONNECTION_URL by hand"
case $backups in /home/* | /root/*) leave "backups do not go to home folders: the service does not see them" ;; esac

install_packages() {
  say "installing packages of Debian"
  export DEBIAN_FRONTEND=noninteractive
  if [ -n "$bundle" ]; then
    list=$(mktemp --suffix=.list)
    echo "deb [trusted=yes] file:$bundle/debs ./" >"$list"
    chmod 0644 "$list"
    only="-o Dir::Etc::sourcelist=$list -o Dir::Etc::sourceparts=-"
  fi
  # shellcheck disable=SC2086
  apt-get $only update -qq
  # shellcheck disable=SC2086,SC2046
  apt-get $only install -y -qq --no-install-recommends $(packages) >/dev/null
}

make_users() {
  for user in roadwear roadwear-owner; do
    id "$user" >/dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --home-dir "$state" --shell /usr/sbin/nologin "$user"
  done
  install -d -m 0755 "$opt" "$opt/releases"
  install -d -m 0750 -o root -g roadwear "$etc"
  install -d -m 0750 -o roadwear -g roadwear "$state"
}

# A release is a folder of its own beside the former one: what runs goes on till it is started anew.
make_release() {
  release=$opt/releases/$(date -u +%Y%m%dT%H%M%SZ)
  # A release that is not whole is none.
  trap '[ "$(readlink $opt/current)" = "$release" ] || rm -rf "$release"' EXIT
  say "installing Roadwear into $release"
  /usr/bin/python3 -m venv "$release"
  if [ -n "$bundle" ]; then
    from="--no-index --find-links $bundle/wheels"
    own=$(find "$bundle/wheels" -name 'roadwear-*.whl')
  else
    from="" own=$source
  fi
  # shellcheck disable=SC2086
  "$release/bin/pip" install --quiet --disable-pip-version-check $from --no-deps --require-hashes \
    --requirement "$source/deploy/requirements.lock" || leave "the packages of Python cannot be installed"
  # shellcheck disable=SC2086
  "$release/bin/pip" install --quiet --disable-pip-version-check $from --no-deps "$own" ||
    leave "Roadwear cannot be installed"
  install -d "$release/host" "$release/host/systemd"
  install -m 0755 "$source"/deploy/host/* "$release/host/"
  install -m 0644 "$source"/deploy/systemd/* "$release/host/systemd/"
}

# Nobody has a password: PostgreSQL asks the system who is there. The owner is no superuser.
make_database() {
  [ -z "$database" ] || return 0
  if as_postgres psql -X -q -d roadwear -c 'select 1' >/dev/null 2>&1; then return 0; fi
  version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | tail -n 1)
  [ -d "/etc/postgresql/$version/main" ] || pg_createcluster "$version" main >/dev/null
  pg_ctlcluster "$version" main status >/dev/null || pg_ctlcluster "$version" main start
  as_postgres psql -X -q -v ON_ERROR_STOP=1 -d postgres <<'SQL'
    set client_min_messages = error;
    select 'create role roadwear_app nologin'
      where not exists (select from pg_roles where rolname = 'roadwear_app') \gexec
    select 'create role roadwear login in role roadwear_app'
      where not exists (select from pg_roles where rolname = 'roadwear') \gexec
    select 'create role "roadwear-owner" login'
      where not exists (select from pg_roles where rolname = 'roadwear-owner') \gexec
    grant roadwear_app to "roadwear-owner" with admin option;
    select 'create database roadwear owner "roadwear-owner"'
      where not exists (select from pg_database where datname = 'roadwear') \gexec
    \connect roadwear
    create extension if not exists postgis;
    select 'create database prefect owner roadwear'
      where not exists (select from pg_database where datname = 'prefect') \gexec
SQL
}

# A file is written whole or not at all, readable by the services alone.
settle() { # FILE
  chown root:roadwear "$1.new"
  chmod 0640 "$1.new"
  mv "$1.new" "$1"
}
write_settings() {
  for option in name database database_owner backups prefect footage; do
    eval "echo \"$option=\$$option\""
  done >"$etc/install.conf.new"
  settle "$etc/install.conf"
  if [ ! -e "$etc/roadwear.env" ]; then
    say "writing $etc/roadwear.env"
    {
      echo "# Settings; all are in docs/settings.md. After a change: systemctl restart roadwear.target"
      echo "ROADWEAR_HOME=$state"
      echo "ROADWEAR_DATABASE_URL=\"${database:-postgresql:///roadwear?host=/var/run/postgresql}\""
      echo "YOLO_OFFLINE=true"
      echo "YOLO_AUTOINSTALL=false"
      echo "DO_NOT_TRACK=1"
    } >"$etc/roadwear.env.new"
    settle "$etc/roadwear.env"
  fi
  [ -z "$name" ] || set_once ROADWEAR_SERVER "https://$name"
  [ -z "$prefect" ] || set_once ROADWEAR_PREFECT_API http://127.0.0.1:4200/api
  [ "$backups" = none ] || set_once ROADWEAR_BACKUP_MARK "$etc/backed-up"
  if [ -n "$footage" ]; then
    install -d -m 0750 -o roadwear -g roadwear "$footage"
    set_once ROADWEAR_FOOTAGE "$footage"
    # Of all the services: the rest of the system stays read-only to them.
    install -d /etc/systemd/system/roadwear-.service.d
    printf '[Service]\nReadWritePaths="%s"\n' "$footage" >/etc/systemd/system/roadwear-.service.d/footage.conf
  fi
  {
    echo "PREFECT_API_URL=http://127.0.0.1:4200/api"
    echo "PREFECT_HOME=$state/prefect"
    echo "PREFECT_SERVER_DATABASE_CONNECTION_URL=\"postgresql+asyncpg:///prefect?host=/var/run/postgresql\""
    "$release/bin/roadwear" ops env
  } >"$etc/prefect.env.new"
  settle "$etc/prefect.env"
}
set_once() { # NAME VALUE: unless it is set
  grep -q "^$1=" "$etc/roadwear.env" || echo "$1=\"$2\"" >>"$etc/roadwear.env"
}

migrate() {
  say "bringing the database up to date"
  if [ -n "$database" ]; then
    ROADWEAR_HOME=$state ROADWEAR_DATABASE_URL=$database ROADWEAR_DATABASE_OWNER_URL=$database_owner \
      "$release/bin/roadwear" db migrate
  else
    (cd / && runuser -u roadwear-owner -- env ROADWEAR_HOME=/nonexistent \
      "ROADWEAR_DATABASE_URL=postgresql:///roadwear?host=/var/run/postgresql" "$release/bin/roadwear" db migrate)
  fi
}

set_up_backups() {
  [ "$backups" != none ] || return 0
  [ "$backups" != /var/backups/roadwear ] ||
    say "backups go to $backups, on this machine: give --backups a folder on another disk"
  [ -z "$database" ] ||
    say "the database's backups are its own team's; keys, pictures and the ledger of deletions are copied"
  "$release/host/backup" setup "$backups"
}

# Only now does the new release become the one that is started.
switch() {
  ln -sfn "$release" "$opt/current.new"
  mv -T "$opt/current.new" "$opt/current"
  install -m 0755 "$release/host/roadwear" /usr/local/bin/roadwear
  install -m 0755 "$release/host/restore" /usr/local/sbin/roadwear-restore
  install -m 0644 "$release"/host/systemd/* /etc/systemd/system/
  if [ -n "$name" ]; then
    # While the pages are started anew, who asks waits.
    printf '%s {\n\treverse_proxy 127.0.0.1:8000 {\n\t\tlb_try_duration 30s\n\t}\n}\n' "$name" >/etc/caddy/roadwear.caddy
    grep -qs '^import roadwear.caddy' /etc/caddy/Caddyfile || echo 'import roadwear.caddy' >>/etc/caddy/Caddyfile
  fi
}

start() {
  services="roadwear.target roadwear-web.service"
  if [ -n "$prefect" ]; then
    services="$services roadwear-prefect.service roadwear-clock.service roadwear-drives.service"
    others="roadwear-process.service roadwear-retention.timer"
  else
    services="$services roadwear-process.service roadwear-retention.timer"
    others="roadwear-prefect.service roadwear-clock.service roadwear-drives.service"
  fi
  [ ! -e "$etc/backups" ] || services="$services roadwear-backup.timer"
  # shellcheck disable=SC2086
  systemctl --quiet disable $others
  # shellcheck disable=SC2086
  systemctl --quiet enable $services
  if ! booted; then
    say "installed. No systemd runs here, so nothing was started; it starts with the machine."
    return 0
  fi
  systemctl daemon-reload
  # shellcheck disable=SC2086
  systemctl stop $others
  # shellcheck disable=SC2086
  systemctl restart $services
  [ -z "$name" ] || systemctl reload-or-restart caddy
  say "installed and started: systemctl status roadwear.target"
}

install_packages
make_users
make_database
make_release
write_settings
migrate
# By the new programs, while the old ones serve: what they would otherwise do before they answer.
HOME=$state "$release/host/roadwear" retention again
switch
start
set_up_backups
[ ! -e "$etc/backups" ] || ! booted || systemctl --quiet enable --now roadwear-backup.timer
# The three newest are kept: the way back is to point "current" at one and start anew.
find "$opt/releases" -mindepth 1 -maxdepth 1 -type d | sort -r | tail -n +4 | xargs -r rm -rf
say "next: roadwear people add … (docs/deployment.md); the pages are at ${name:+https://$name}${name:-http://127.0.0.1:8000}"
