#!/bin/sh
# This makes keys, tokens and env files of the three genesis nodes once, for nodes that reach each other by name, one in
# each container: every node listens on ports 8000 and 9000 of its own name. Usage: make-fleet [directory]
set -eu

dir=${1:-/fleet}
lattice=${LATTICE:-node -- /app/dist/cli/main.js}

if [ -e "$dir/fleet.json" ]; then
  echo "the fleet is there already: $dir/fleet.json"
  exit 0
fi

# All files are made aside, so that what is in the directory is complete or absent, even when this is interrupted.
new="$dir/.new"
rm -rf "$new"
# LATTICE may be a command with arguments.
# shellcheck disable=SC2086
$lattice init --dir "$new" --nodes 3 --base-port 8000 --p2p-base-port 9000 >/dev/null
cd "$new"
port=0
for file in *.env; do
  name=${file%.env}
  # The nodes stand in port order in the order of their names.
  sed -i \
    -e "s#http://127\.0\.0\.1:$((8000 + port))\([,\"]\|\$\)#http://$name:8000\1#g" \
    -e "s#/ip4/127\.0\.0\.1/tcp/$((9000 + port))/p2p/#/dns4/$name/tcp/9000/p2p/#g" \
    ./*.env fleet.json
  port=$((port + 1))
done
sed -i \
  -e 's#^DIOTEC360_API_HOST=.*#DIOTEC360_API_HOST=0.0.0.0#' \
  -e 's#^DIOTEC360_API_PORT=.*#DIOTEC360_API_PORT=8000#' \
  -e 's#^DIOTEC360_P2P_LISTEN=.*#DIOTEC360_P2P_LISTEN=/ip4/0.0.0.0/tcp/9000#' \
  ./*.env
for file in *.env *.key; do mv "$file" ..; done
# This one comes last, because it stands for a complete fleet.
mv fleet.json ..
cd ..
rm -rf "$new"
echo "made a fleet of $port nodes in $dir"
