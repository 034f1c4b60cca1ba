#!/bin/bash
# Tries deploy/install.sh as a council's machine would have it: a fresh Debian made by debootstrap, booted
# with its own systemd, without a network, installed from an offline bundle.
#
#   deploy/setup/try_installation.sh BUNDLE OLDER_BUNDLE FOLDER
#
# Both bundles by deploy/bundle.sh, the second of an older commit. Needs root, debootstrap and
# systemd-container, and a virtual environment with the tests' packages (make check). What is tried is said,
# a line each; the first that fails ends it.
# shellcheck disable=SC2016,SC2129
set -euo pipefail
bundle=$(realpath "$1") older=$(realpath "$2") work=$(realpath "$3")
here=$(cd "$(dirname "$0")/../.." && pwd)
root=$work/root inside="" nspawn=""
mkdir -p "$work"

inside() {
  nsenter --target "$inside" --mount --uts --ipc --net --pid -- env -i HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
rows() { inside runuser -u postgres -- psql -X -A -t -d roadwear -c "$1"; }
ok() { printf '%(%H:%M:%S)T  ok  %s\n' -1 "$*"; }
fail() { printf '%(%H:%M:%S)T  FAILED  %s\n' -1 "$*" >&2; exit 1; }
within() { # SECONDS WHAT COMMAND...: until the command succeeds
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || fail "$what"
    sleep 0.5
  done
  ok "$what"
}
boot() {
  systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --private-network \
    --bind-ro="$bundle:/new" --bind-ro="$older:/old" --bind-ro="$work/cards:/cards" --bind="$work/backups:/backups" \
    --boot >>"$work/console.log" 2>&1 </dev/null &
  nspawn=$!
  local until=$((SECONDS + 60))
  until inside=$(pgrep -P "$nspawn" | head -n 1) && [ -n "$inside" ] &&
    inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
    ((SECONDS < until)) || fail "the machine boots"
    sleep 0.5
  done
  ok "the machine is booted: $(inside systemctl is-system-running || true)"
}
shut_down() {
  inside systemctl poweroff || true
  wait "$nspawn" || true
}
trap '[ -z "$nspawn" ] || kill -9 $inside "$nspawn" 2>/dev/null || true' EXIT

drives_done() { [ "$(rows 'select count(distinct drive_id) from roadwear.drive_work where kind = $$done$$')" -ge "$1" ]; }
hand_in() { inside env "ROADWEAR_KEY=$key" roadwear-as-depot upload "/cards/$1"; }

# Footage of drives, rendered: one, eighteen for the upgrade to cut into, one for Prefect.
rm -rf "$work/cards"
for number in 1/1 2/{1,2,3,4,5,6,7,8,9}{1,2} 3/1; do
  "$here/.venv/bin/python" - "$work/cards/$number" "${number/\//}" <<'PY'
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.footage import write_street

folder = Path(sys.argv[1])
folder.mkdir(parents=True)
started = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=int(sys.argv[2]))
write_street(folder, started_at=started)
(folder / "track.gpx").rename(folder / "clip.gpx")
(folder / "rig.toml").unlink()
PY
done
ok "twenty drives are rendered"

[ -d "$work/debian" ] || debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates \
  bookworm "$work/debian" >"$work/debootstrap.log"
rm -rf "$root" "$work/backups"
mkdir "$work/backups"
cp -a --reflink=auto "$work/debian" "$root"
boot
[ "$(inside cat /proc/net/dev | sed -n 's/^ *\([^:]*\):.*/\1/p')" = lo ] || fail "there is no network"
ok "there is no network"

inside /old/source/deploy/install.sh --bundle /old --backups /backups >>"$work/install.log" 2>&1 ||
  fail "installed from the older bundle: see install.log"
ok "installed from the older bundle, by packages of the bundle alone"
inside bash -c 'systemd-analyze verify /etc/systemd/system/roadwear*.{service,timer,target}' >"$work/verify.log" 2>&1 ||
  fail "systemd-analyze verify passes: see verify.log"
[ ! -s "$work/verify.log" ] || fail "systemd-analyze verify has nothing to say: see verify.log"
ok "systemd-analyze verify has nothing to say"
within 60 "the pages answer" inside /opt/roadwear/current/bin/python -c \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"
[ "$(rows "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = 'roadwear-owner'")" = f ]
ok "the database's owner is an ordinary user, nobody has a password"

# As a depot's PC would: neither the service's user nor its settings.
inside bash -c 'printf "#!/bin/sh\nexec runuser -u nobody -- env HOME=/tmp ROADWEAR_KEY=\$ROADWEAR_KEY ROADWEAR_SERVER=http://127.0.0.1:8000 /opt/roadwear/current/bin/roadwear \"\$@\"\n" >/usr/local/bin/roadwear-as-depot; chmod +x /usr/local/bin/roadwear-as-depot'
inside roadwear depot add north --owner north --vehicle v1 >"$work/key" 2>/dev/null
key=$(tail -n 1 "$work/key")
hand_in 1 >>"$work/install.log" 2>&1 || fail "a drive is handed in"
within 300 "a drive that was handed in is done" drives_done 1
found=$(rows 'select count(*) from roadwear.defect')
[ "$found" -gt 0 ] || fail "it became possible defects"
ok "it became $found possible defects"

shut_down
boot
within 60 "after a restart the pages answer" inside /opt/roadwear/current/bin/python -c \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"
[ "$(rows 'select count(*) from roadwear.defect')" = "$found" ] || fail "what was found is there"
ok "what was found is there"

inside systemctl start roadwear-backup.service || fail "a backup by its service"
ok "a backup by its service"
inside bash -c "printf 'a good password for ada\na good password for ada\n' | roadwear people add ada@north.example --name Ada --organisation north --role engineer" \
  >>"$work/install.log" 2>&1 || fail "a person is added"
sleep 2
instant=$(rows "select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') || '+00'")
sleep 2
stills=$(inside bash -c 'find /var/lib/roadwear/blobs -type f | wc -l')
inside bash -c "printf 'a good password for ben\na good password for ben\n' | roadwear people add ben@north.example --name Ben --organisation north --role engineer" \
  >>"$work/install.log" 2>&1
inside roadwear retention set still 0 --owner north >>"$work/install.log" 2>&1
inside roadwear retention run >>"$work/install.log" 2>&1
left=$(inside bash -c 'find /var/lib/roadwear/blobs -type f | wc -l')
[ "$left" -lt "$stills" ] || fail "pictures were deleted after the stated minute ($stills, then $left)"
ok "after $instant: a person came, $((stills - left)) pictures were deleted"
rows "select pg_switch_wal()" >/dev/null
inside roadwear-restore --to "$instant" >>"$work/restore.log" 2>&1 || fail "restored: see restore.log"
[ "$(rows "select string_agg(email, ' ' order by email) from roadwear.person")" = ada@north.example ] ||
  fail "the database is as it was at that instant"
ok "restored: the database is as it was at that instant"
again=$(inside bash -c 'find /var/lib/roadwear/blobs -type f | wc -l')
[ "$again" = "$left" ] || fail "what was deleted is deleted again ($again, not $left)"
ok "what was deleted since is deleted again, before the pages answered"
within 60 "the pages answer" inside /opt/roadwear/current/bin/python -c \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"

# The upgrade, with footage in flight.
# In small pieces and with many looks: there is to be work left when the services are started anew.
inside bash -c 'printf "ROADWEAR_PIECE_S=5\nROADWEAR_SPACING_M=0.5\n" >>/etc/roadwear/roadwear.env; systemctl restart roadwear-process'
hand_in 2 >>"$work/install.log" 2>&1 || fail "eighteen drives are handed in"
within 200 "work on them has begun" bash -c \
  "[ \"\$(nsenter --target $inside --mount --uts --ipc --net --pid -- runuser -u postgres -- psql -X -A -t -d roadwear -c 'select count(*) from roadwear.drive_work where kind = \$\$begun\$\$')\" -ge 2 ]"
inside /opt/roadwear/current/bin/python - >"$work/outage" <<'PY' &
import time
import urllib.request

longest, last = 0.0, time.monotonic()
until = time.monotonic() + 150
while time.monotonic() < until:
    try:
        urllib.request.urlopen("http://127.0.0.1:8000/health", timeout=1)
    except OSError:
        time.sleep(0.05)
        continue
    longest, last = max(longest, time.monotonic() - last), time.monotonic()
    time.sleep(0.05)
print(f"{longest:.1f}")
PY
asking=$!
inside /new/source/deploy/install.sh --bundle /new --backups /backups >>"$work/install.log" 2>&1 ||
  fail "upgraded: see install.log"
ok "upgraded with footage in flight"
within 900 "the eighteen drives are done" drives_done 19
again=$(rows 'select count(*) from (select 1 from roadwear.drive_work where kind = $$begun$$ group by drive_id having count(*) > 1) d')
[ "$again" = 1 ] || fail "one drive was cut off and went on ($again)"
ok "one of them was cut off by the upgrade, and went on at the piece"
twice=$(rows 'select count(*) from (select 1 from roadwear.run group by owner_id, clip_sha256, from_pts having count(*) > 1) r')
[ "$twice" = 0 ] || fail "no piece is stored twice"
ok "no piece is stored twice"
wait "$asking"
ok "the pages were silent for $(cat "$work/outage") s at most"

# The same machine with Prefect.
inside /new/source/deploy/install.sh --bundle /new --backups /backups --prefect >>"$work/install.log" 2>&1 ||
  fail "Prefect's services are installed"
within 180 "roadwear ops check finds nothing wrong" inside roadwear ops check
hand_in 3 >>"$work/install.log" 2>&1 || fail "a last drive is handed in"
within 900 "the last drive is done, by Prefect's clock" drives_done 20
runs=$(inside runuser -u postgres -- psql -X -A -t -d prefect -c "select count(*) from flow_run where state_type = 'COMPLETED' and name like 'drive-%'")
[ "$runs" -ge 1 ] || fail "a flow run did it"
ok "a flow run did it"
failed=$(inside systemctl --failed --no-legend --plain | wc -l)
inside systemctl --failed --no-legend --plain
[ "$failed" = 0 ] || fail "no unit has failed"
ok "no unit has failed"

# The machine is lost; another one, from the bundle and the backups.
found=$(rows 'select count(*) from roadwear.defect')
inside systemctl start roadwear-backup.service || fail "a last backup"
inside runuser -u roadwear -- test -e /etc/roadwear/backed-up || fail "the application can see that it was made"
shut_down
rm -rf "$root"
cp -a --reflink=auto "$work/debian" "$root"
boot
inside bash -c 'useradd --system somebody-else && useradd --system another' # other numbers of users
inside /new/source/deploy/install.sh --bundle /new --backups /backups >"$work/another.log" 2>&1 ||
  fail "installed on another machine: see another.log"
grep -q 'roadwear-restore --backups /backups' "$work/another.log" || fail "it is said how to go on from those backups"
inside roadwear-restore --backups /backups >>"$work/another.log" 2>&1 || fail "restored on another machine: see another.log"
[ "$(rows 'select count(*) from roadwear.defect')" = "$found" ] || fail "the other machine has what was found"
[ "$(rows "select string_agg(email, ' ' order by email) from roadwear.person")" = ada@north.example ] || fail "and who may sign in"
cmp -s "$root/var/lib/roadwear/secret_key" "$work/backups/files/now/var/lib/roadwear/secret_key" || fail "and the keys"
ok "restored on another machine: what was found ($found), people, keys"
within 60 "the pages answer" inside /opt/roadwear/current/bin/python -c \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=2)"
inside systemctl start roadwear-backup.service || fail "backups go on from there"
ok "backups go on from there"
failed=$(inside systemctl --failed --no-legend --plain | wc -l)
[ "$failed" = 0 ] || fail "no unit has failed"
shut_down
ok "all was tried"
