#!/usr/bin/env bash
# A throw-away Orthanc (Debian packages orthanc + orthanc-dicomweb) as origin server for tests.
#   orthanc.sh start          start, wait until ready, print the DICOMweb base URL on stdout
#   orthanc.sh stop           stop (waits until the process is gone and the database is closed)
#   orthanc.sh kill           end it at once; nobody may want its database any more
#   orthanc.sh wipe           stop and delete the data directory
#   orthanc.sh load PATH...   STOW-RS every DICOM file below PATH..., one request per file
#   orthanc.sh url | wado | status | log
# Environment:
#   ORTHANC_PORT      HTTP port (default 18042)
#   ORTHANC_DIR       data, config, log and pid (default ${TMPDIR:-/tmp}/orthanc-$ORTHANC_PORT)
#   ORTHANC_USER, ORTHANC_PASSWORD   HTTP basic auth if both are set (default: none)
#   ORTHANC_ENCODING  DefaultEncoding (default Utf8; with Debian's Latin1, QIDO loses other scripts)
#   ORTHANC_OVERWRITE true|false: a second STOW of a SOPInstanceUID replaces the first (default false)
#   ORTHANC_THREADS   HTTP worker threads (default 50)
#   ORTHANC_GZIP      true|false: gzip answers when the client sends Accept-Encoding: gzip (default true)
#   ORTHANC_EXTRA     further members of the JSON config, e.g. '"KeepAlive": false,'
# Orthanc 1.10 binds 0.0.0.0 and refuses non-loopback peers itself (RemoteAccessAllowed=false).
set -euo pipefail
PORT=${ORTHANC_PORT:-18042}
DIR=${ORTHANC_DIR:-${TMPDIR:-/tmp}/orthanc-$PORT}
BASE=http://127.0.0.1:$PORT
USER_=${ORTHANC_USER:-} PASS_=${ORTHANC_PASSWORD:-}
AUTH=(); [ -n "$USER_" ] && [ -n "$PASS_" ] && AUTH=(-u "$USER_:$PASS_")
die() { echo "orthanc.sh: $*" >&2; exit 1; }
alive() { [ -s "$DIR/pid" ] && kill -0 "$(cat "$DIR/pid")" 2>/dev/null &&
          grep -qs Orthanc "/proc/$(cat "$DIR/pid")/comm"; }
ready() { curl -fsS -m 2 ${AUTH[@]+"${AUTH[@]}"} -o /dev/null "$BASE/plugins/dicom-web" 2>/dev/null; }

start() {
  local bin plugin auth=false users='' i
  bin=$(command -v Orthanc || echo /usr/sbin/Orthanc)
  [ -x "$bin" ] || die "no Orthanc: apt-get install -y orthanc orthanc-dicomweb"
  plugin=/usr/share/orthanc/plugins/libOrthancDicomWeb.so
  [ -e "$plugin" ] || die "no DICOMweb plugin: apt-get install -y orthanc-dicomweb"
  if alive; then ready && { echo "$BASE/dicom-web"; return; }; die "pid $(cat "$DIR/pid") runs but does not answer"; fi
  (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && die "port $PORT is taken"
  mkdir -p "$DIR/db"; chmod 700 "$DIR"
  [ ${#AUTH[@]} -gt 0 ] && { auth=true; users="\"RegisteredUsers\": {\"$USER_\": \"$PASS_\"},"; }
  cat >"$DIR/orthanc.json" <<JSON
{
  "Name": "origin", "StorageDirectory": "$DIR/db", "IndexDirectory": "$DIR/db",
  "Plugins": ["$plugin"],
  "HttpServerEnabled": true, "HttpPort": $PORT, "HttpThreadsCount": ${ORTHANC_THREADS:-50},
  "HttpCompressionEnabled": ${ORTHANC_GZIP:-true}, "RemoteAccessAllowed": false,
  "AuthenticationEnabled": $auth, $users
  "DicomServerEnabled": false, "SaveJobs": false, "WebDavEnabled": false,
  "DefaultEncoding": "${ORTHANC_ENCODING:-Utf8}", "OverwriteInstances": ${ORTHANC_OVERWRITE:-false},
  ${ORTHANC_EXTRA:-}
  "DicomWeb": {"Enable": true, "Root": "/dicom-web/", "EnableWado": true, "WadoRoot": "/wado"}
}
JSON
  chmod 600 "$DIR/orthanc.json"
  setsid "$bin" "$DIR/orthanc.json" >"$DIR/log" 2>&1 </dev/null &
  echo $! >"$DIR/pid"
  for ((i = 0; i < 300; i++)); do
    ready && { echo "$BASE/dicom-web"; return; }
    kill -0 "$(cat "$DIR/pid")" 2>/dev/null || { tail -5 "$DIR/log" >&2; rm -f "$DIR/pid"; die "Orthanc exited"; }
    sleep 0.1
  done
  tail -5 "$DIR/log" >&2; stop; die "not ready after 30 s"
}

stop() {
  alive || { rm -f "$DIR/pid"; return 0; }
  local pid i; pid=$(cat "$DIR/pid")
  kill "$pid"
  for ((i = 0; i < 150; i++)); do kill -0 "$pid" 2>/dev/null || { rm -f "$DIR/pid"; return 0; }; sleep 0.1; done
  kill -9 "$pid"; rm -f "$DIR/pid"
}

# A stop takes seconds, in which Orthanc waits for its own threads.
end() {
  alive && kill -9 "$(cat "$DIR/pid")"
  rm -f "$DIR/pid"
}

load() {
  [ $# -gt 0 ] || die "load: which directory?"
  ready || die "load: not running on port $PORT"
  ORTHANC_USER=$USER_ ORTHANC_PASSWORD=$PASS_ python3 - "$PORT" "$@" <<'PY'
import base64, http.client, json, os, pathlib, sys, time
port, roots = int(sys.argv[1]), sys.argv[2:]
head = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=orthancshload',
        "Accept": "application/dicom+json"}
if os.environ.get("ORTHANC_USER"):
    cred = os.environ["ORTHANC_USER"] + ":" + os.environ["ORTHANC_PASSWORD"]
    head["Authorization"] = "Basic " + base64.b64encode(cred.encode()).decode()
conn = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
ok = refused = skipped = size = 0; t0 = time.time()
missing = [r for r in roots if not pathlib.Path(r).exists()]
if missing: sys.exit(f"orthanc.sh: load: no such path: {' '.join(missing)}")
files = [f for r in map(pathlib.Path, roots) for f in (sorted(r.rglob("*")) if r.is_dir() else [r]) if f.is_file()]
for f in files:
    data = f.read_bytes()
    if data[128:132] != b"DICM" and f.suffix.lower() != ".dcm":
        skipped += 1; continue
    # The part's Content-Type must be exactly application/dicom: with a parameter Orthanc 1.10 answers 200 and stores nothing.
    body = (b"--orthancshload\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n--orthancshload--\r\n")
    for attempt in (0, 1):
        try:
            conn.request("POST", "/dicom-web/studies", body, head)
            r = conn.getresponse(); out = r.read(); break
        except (http.client.HTTPException, OSError):
            conn.close()                       # keep-alive ends after 1 s of idleness
            if attempt: raise
    if r.status == 401: sys.exit("orthanc.sh: load: 401, set ORTHANC_USER and ORTHANC_PASSWORD")
    try: j = json.loads(out)
    except ValueError: j = {}
    if r.status == 200 and j.get("00081199", {}).get("Value"): ok += 1; size += len(data)
    else:
        refused += 1
        why = [i.get("00081197", {}).get("Value") for i in j.get("00081198", {}).get("Value", [])]
        print(f"refused {r.status} {why} {f}", file=sys.stderr)
print(f"loaded {ok} files, {size/1e6:.1f} MB in {time.time()-t0:.1f} s; refused {refused}; not DICOM {skipped}")
sys.exit(0 if ok else 1)
PY
}

case "${1:-}" in
  start) start ;;
  stop) stop ;;
  kill) end ;;
  wipe) stop; rm -rf -- "$DIR" ;;
  load) shift; load "$@" ;;
  url) echo "$BASE/dicom-web" ;;
  wado) echo "$BASE/wado" ;;
  log) cat "$DIR/log" ;;
  status) alive && ready && { echo "running pid $(cat "$DIR/pid") $BASE/dicom-web"
          curl -fsS ${AUTH[@]+"${AUTH[@]}"} "$BASE/statistics"; } || { echo "not running"; exit 3; } ;;
  *) sed -n "2,18p" "$0" >&2; exit 2 ;;
esac
