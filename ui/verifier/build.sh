#!/bin/sh
# Makes ../static/verifier.js from the source, with the licences of what is in it.
set -eu
cd "$(dirname "$0")"
[ -e node_modules/esbuild ] || npm ci --silent --ignore-scripts --no-audit --no-fund >/dev/null
node node_modules/typescript/bin/tsc -p .
out=${1:-../static/verifier.js}
{
	echo "/*! Postern's verifier of proofs, from ui/verifier. It contains @noble/curves and @noble/hashes:"
	sed 's/^/ * /; s/ *$//' node_modules/@noble/curves/LICENSE
	echo " */"
	node node_modules/esbuild/bin/esbuild src/page.ts --bundle --minify --format=iife --target=es2022 --legal-comments=none --log-level=warning
} >"$out"
node node_modules/esbuild/bin/esbuild src/node.ts --bundle --format=esm --platform=neutral --log-level=warning --outfile="${2:-node_modules/.verifier.mjs}"
