#!/usr/bin/env bash
# Installs the JavaScript clients of the end-to-end tests into DIR and bundles them in DIR/out.   fetch_js.sh DIR
set -euo pipefail
sources=$(cd "$(dirname "$0")/../tests/e2e/js" && pwd)

dir=${1:?usage: fetch_js.sh DIR}
mkdir -p "$dir"
cp "$sources"/* "$dir"
cd "$dir"
rm -rf out
if ! cmp -s package-lock.json .installed; then
  echo "fetching the JavaScript clients"
  npm ci --silent --ignore-scripts --no-audit --no-fund
  cp package-lock.json .installed
fi
bundle() { node_modules/.bin/esbuild --bundle --log-level=warning --outdir=out --entry-names='[name]' "$@"; }
loader=node_modules/@cornerstonejs/dicom-image-loader/dist/esm
bundle dicomweb.js --platform=node --format=cjs --out-extension:.js=.cjs
# The decoders are made for Node, too, and ask for its modules where there is none.
bundle cornerstone.js "$loader/decodeImageFrameWorker.js" \
  --format=esm --external:fs --external:path --alias:xmlbuilder2=./empty.js
# They are looked for by package name, beside the script that loads them.
for codec in charls:charlswasm_decode openjpeg:openjpegwasm_decode libjpeg-turbo-8bit:libjpegturbowasm_decode; do
  name=@cornerstonejs/codec-${codec%%:*}
  install -D "node_modules/$name/dist/${codec##*:}.wasm" "out/$name/decodewasm"
done
touch out/.complete
