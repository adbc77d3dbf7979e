#!/usr/bin/env bash
# Installs Debian packages that are missing; does nothing when there are none.
#   setup_system.sh venv [PYTHON]   what `make demo` needs: a Python 3.11+ that can make virtual environments
#   setup_system.sh test            what `make test` needs besides: real servers, a browser, DICOM tools
# As an ordinary user it only says what to install.
set -euo pipefail

missing=()

need() { # need PACKAGE COMMAND...: the package is missing unless every command is there
  local package=$1 command
  shift
  for command in "$@"; do
    PATH=$PATH:/usr/sbin command -v "$command" >/dev/null || { missing+=("$package"); return; }
  done
}

need_library() { /sbin/ldconfig -p | grep -F "$2" >/dev/null || missing+=("$1"); }

need_file() { [ -e "$2" ] || missing+=("$1"); }

check_venv() {
  local python=${1:-python3}
  if ! command -v "$python" >/dev/null; then
    if [ "$python" != python3 ]; then
      echo "setup: there is no $python; give another one, Python 3.11 or newer: make PYTHON=python3.11" >&2
      exit 1
    fi
    missing+=(python3 python3-venv)
  elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: $python is older than 3.11; give another one: make PYTHON=python3.11" >&2
    exit 1
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=(python3-venv)
  fi
}

check_test() {
  need orthanc Orthanc
  need_file orthanc-dicomweb /usr/share/orthanc/plugins/libOrthancDicomWeb.so
  need dcmtk dcmdump dcmcjpeg pdf2dcm
  need libgdcm-tools gdcmconv gdcmraw
  need libjpeg-turbo-progs cjpeg djpeg
  need_library libturbojpeg0 libturbojpeg.so.0
  need dicom3tools dciodvfy
  need chromium chromium
  need_library libatomic1 libatomic.so.1 # the driver that playwright ships links to it
  need_file fonts-dejavu-core /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
  need nginx nginx
  need rsyslog rsyslogd
  compgen -G '/usr/lib/*/rsyslog/lmnsd_ossl.so' >/dev/null || missing+=(rsyslog-openssl)
  need curl curl
  need openssl openssl
  need unzip unzip
  need ffmpeg ffmpeg
  need valgrind valgrind
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  need ca-certificates update-ca-certificates
  command -v npm >/dev/null || missing+=(nodejs npm)
}

case "${1:-}" in
  venv) check_venv "${2:-python3}" ;;
  test) check_venv; check_test ;;
  *) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "setup: missing. As root: apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
