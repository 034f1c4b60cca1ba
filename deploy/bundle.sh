#!/bin/sh
# Makes an offline bundle: all that deploy/install.sh needs on a machine without a network.
#
#   deploy/bundle.sh FOLDER
#
# Run it on a machine with a network, as root, with the same release of Debian or Ubuntu and the same
# version of Python (/usr/bin/python3) as the machine it is for. FOLDER then has the sources, Roadwear and the packages of
# Python that it needs (by the hashes of deploy/requirements.lock), their list (sbom.cdx.json, CycloneDX), and a
# repository of Debian packages with all that they depend on. Carry it over, check it (sha256sum --check SHA256SUMS), and run
#
#   sudo FOLDER/source/deploy/install.sh --bundle FOLDER
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
[ "$#" = 1 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set' >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "Run this as root: apt-get writes as root alone." >&2; exit 2; }
[ ! -e "$1" ] || [ -z "$(ls -A "$1")" ] || { echo "$1 has something in it already." >&2; exit 2; }
mkdir -p "$1/debs/partial" "$1/wheels"
out=$(cd "$1" && pwd)

echo "1 of 4: sources"
git -C "$here" archive --prefix=source/ HEAD | tar -x -C "$out"

echo "2 of 4: Roadwear and packages of Python"
/usr/bin/python3 -m venv "$out/venv"
"$out/venv/bin/pip" wheel --quiet --require-hashes --no-deps --wheel-dir "$out/wheels" \
  --requirement "$out/source/deploy/requirements.lock"
"$out/venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$out/wheels" "$out/source"
"$out/venv/bin/pip" install --quiet cyclonedx-bom
"$out/venv/bin/cyclonedx-py" requirements --pyproject "$out/source/pyproject.toml" \
  --output-file "$out/sbom.cdx.json" "$out/source/deploy/requirements.lock" 2>/dev/null
rm -rf "$out/venv" "$out/source/build" "$out/source"/*.egg-info

echo "3 of 4: packages of Debian"
apt-get update -qq
command -v apt-ftparchive >/dev/null || apt-get install -y -qq apt-utils >/dev/null
# As if nothing were installed, so that all they depend on comes along.
: >"$out/debs/status"
# shellcheck disable=SC2046
apt-get install --yes --quiet=2 --download-only --no-install-recommends \
  -o Dir::State::status="$out/debs/status" -o Dir::Cache::archives="$out/debs" \
  $("$out/source/deploy/install.sh" --packages) >/dev/null
rm -rf "$out/debs/status" "$out/debs/partial" "$out/debs/lock"
(cd "$out/debs" && apt-ftparchive packages . >Packages)

echo "4 of 4: sums"
(cd "$out" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$out.sums"
mv "$out.sums" "$out/SHA256SUMS"
du -sh "$out"
