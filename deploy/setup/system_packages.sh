#!/bin/sh
# Installs, with the system's package manager, what is missing of: PostgreSQL with PostGIS, the
# libraries that OpenCV and WeasyPrint need with a font, ExifTool, Python's venv; with "tests" also Chromium,
# Poppler and Java. Quick when all is there.
set -eu
wanted=""
need() { wanted="$wanted $1"; }

ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need postgresql
ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1 || need postgis-for-postgresql
ldconfig -p 2>/dev/null | grep -q 'libGL\.so\.1' || need libgl1
ldconfig -p 2>/dev/null | grep -q 'libglib-2\.0\.so\.0' || need libglib2.0-0
ldconfig -p 2>/dev/null | grep -q 'libpangoft2-1\.0\.so\.0' || need libpangoft2-1.0-0
ldconfig -p 2>/dev/null | grep -q 'libharfbuzz-subset\.so\.0' || need libharfbuzz-subset0
ls /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf >/dev/null 2>&1 || need fonts-dejavu-core
command -v exiftool >/dev/null 2>&1 || need libimage-exiftool-perl
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || need python3-venv
if [ "${1:-}" = tests ]; then
  [ -x /usr/bin/chromium ] || need chromium
  command -v pdfsig >/dev/null 2>&1 || need poppler-utils
  command -v shellcheck >/dev/null 2>&1 || need shellcheck
  command -v java >/dev/null 2>&1 || need default-jre-headless
fi
[ -n "$wanted" ] || exit 0

echo "Installing system packages:$wanted"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "This is no Debian or Ubuntu machine: please install$wanted yourself, then run make again." >&2
  exit 1
fi
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -qq
export DEBIAN_FRONTEND=noninteractive
packages=""
for name in $wanted; do
  if [ "$name" = postgis-for-postgresql ]; then
    # PostGIS is packaged for each version of PostgreSQL: take the version that apt would install.
    version=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    name="postgresql-$version-postgis-3"
  fi
  packages="$packages $name"
done
# Debian would start a server of its own; ours is private.
as_root mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
  echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
# shellcheck disable=SC2086
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
