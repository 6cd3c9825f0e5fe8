#!/usr/bin/env bash
# Runs the tests and ends with the line "N passed, N failed". The quick set samples the long walks with a fixed seed.
#
#   test/run_tests.sh                      what ./setup.sh test runs
#   test/run_tests.sh --full [--part K/M]  everything, or every M-th of the long walks; may take hours
#   test/run_tests.sh --only NAME          one group: unit, sanitized, fuzz, structure, lit, command-line, refusals, schemas,
#                                          search-bench, memory, demo, node, contributed, runtime-forms, edge-values,
#                                          recurrences, added-op, partitioned-node, choices, planner, models
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache="${AMPC_CACHE:-$HOME/.cache/ampc}"
python="$cache/venv/bin/python"
export PYTHONDONTWRITEBYTECODE=1
full=() part=1/1 only=""
while [ $# -gt 0 ]; do
  case "$1" in
    --full) full=(--full) ;;
    --part) part="${2:?--part needs K/M}"; shift ;;
    --only) only="${2:?--only needs a name}"; shift ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift
done

passed=0 failed=0 summary=()
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# count NAME PASSED FAILED
count() {
  passed=$((passed + $2)) failed=$((failed + $3))
  summary+=("$(printf '%-16s %6d passed, %d failed' "$1" "$2" "$3")")
}

wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

# walk NAME COMMAND...: the command ends with the line "N passed, N failed"; without one its exit code counts as one.
walk() {
  local name="$1" last code; shift
  wanted "$name" || return
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$log"
  code="${PIPESTATUS[0]}"
  last="$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)"
  if [ -z "$last" ] && [ "$code" = 0 ]; then
    count "$name" 1 0
  elif [ -z "$last" ]; then
    printf '%s: ended with exit code %s\n' "$name" "$code"
    count "$name" 0 1
  else
    set -- $last
    count "$name" "$1" "$3"
  fi
}

# unit_tests ARGUMENT...: of ctest
unit_tests() {
  "$cache/venv/bin/ctest" --test-dir build "$@" --output-on-failure --timeout 1200 --output-junit "$log.xml" >"$log.ctest" 2>&1
  grep -vE '^ *Start|Passed +[0-9.]+ sec$' "$log.ctest" | grep -v '^$'
  # The wording of ctest's own summary differs between its versions; the attributes of its JUnit file do not.
  local total bad
  total="$(sed -nE 's/.*[[:space:]]tests="([0-9]+)".*/\1/p' "$log.xml" | head -1)"
  bad="$(sed -nE 's/.*[[:space:]]failures="([0-9]+)".*/\1/p' "$log.xml" | head -1)"
  rm -f "$log.ctest" "$log.xml"
  [ -n "$total" ] && [ "$total" -gt 0 ] && printf '%d passed, %d failed\n' $((total - bad)) "$bad"
}

lit_tests() {
  local bad good
  "$cache/venv/bin/lit" -sv test 2>&1 | tee "$log.lit" | grep -vE '^(Testing Time|Total Discovered)' || true
  good="$(sed -nE 's/^ *Passed *: *([0-9]+).*/\1/p' "$log.lit")"
  bad="$(sed -nE 's/^ *(Failed|Unresolved|Timed Out) *: *([0-9]+).*/\2/p' "$log.lit" | paste -sd+)"
  rm -f "$log.lit"
  [ -n "$good$bad" ] && printf '%d passed, %d failed\n' "${good:-0}" $((${bad:-0}))
}

demo() {
  if "$python" tools/demo/demo.py; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; fi
}

begin=$SECONDS
walk unit unit_tests -LE "fuzz|sanitized"
# The second build, by clang; then two fuzzers at a time.
walk sanitized unit_tests -L sanitized
walk fuzz unit_tests -L fuzz -j2
walk structure "$python" test/structure_test.py
[ -n "$(find test -name '*.mlir' -print -quit)" ] && walk lit lit_tests
walk command-line "$python" test/e2e/run_command_line.py
walk refusals "$python" test/e2e/run_refusals.py
walk schemas "$python" test/e2e/run_schemas.py
walk search-bench "$python" test/e2e/run_search_bench.py
walk memory "$python" test/e2e/memory_limit.py "${full[@]}"
walk demo demo
walk node "$python" test/conformance/node_tests.py --tool build/bin/evaluate_model --least 85 --shardings
walk contributed "$python" test/conformance/contributed_operators.py
walk runtime-forms "$python" test/conformance/runtime_forms.py
walk edge-values "$python" test/conformance/edge_values.py
walk recurrences "$python" test/conformance/recurrences.py
walk added-op "$python" test/conformance/added_operator.py "${full[@]}"
slice=1/24
[ ${#full[@]} -gt 0 ] && slice="$part"
walk partitioned-node "$python" test/conformance/node_tests.py --ampc build/bin/ampc --devices 1,2,3,8 \
    --strategy random:1 --part "$slice"
walk choices "$python" test/e2e/run_planner_choices.py
walk planner "$python" test/e2e/run_planner.py "${full[@]}" --part "$part"
walk models "$python" test/e2e/run_models.py "${full[@]}" --part "$part"

printf '\n'
printf '%s\n' "${summary[@]}"
printf '%d s\n' $((SECONDS - begin))
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
