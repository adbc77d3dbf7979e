#!/usr/bin/env bash
# Unpacks the viewer OHIF, as its npm package ships it, into DIR/dist.   fetch_ohif.sh DIR
set -euo pipefail
package=@ohif/app@3.13.2

dir=${1:?usage: fetch_ohif.sh DIR}
mkdir -p "$dir"
cd "$dir"
[ -e dist/.complete ] && [ "$(cat dist/.complete)" = "$package" ] && { touch dist/.complete; exit 0; }
rm -rf dist package
echo "fetching $package"
archive=$(npm pack --silent "$package" | tail -n 1)
tar -xzf "$archive" package/dist
mv package/dist dist
rm -rf package "$archive"
echo "$package" >dist/.complete
