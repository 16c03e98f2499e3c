#!/usr/bin/env bash
# check.sh checks [tests]: runs the checks, and then the tests, each as a section with its time. Goes on after a failure, so
# that one run shows all of them; a summary and pytest's own last line come at the end. Status 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
summary=()

section() { # NAME COMMAND…
  local name=$1 started=$SECONDS status
  shift
  printf '\n== %s ==\n' "$name"
  "$@" </dev/null
  status=$?
  if [ $status -eq 0 ]; then
    summary+=("ok      $name ($((SECONDS - started)) s)")
  else
    summary+=("FAILED  $name ($((SECONDS - started)) s), status $status")
    failed+=("$name")
  fi
}

web() { (cd web && npm run --silent "$@"); }

mkdir -p build
for what in "$@"; do
  case $what in
    checks)
      section "lint (ruff)" ruff check --quiet .
      # Examples in the texts are laid out by hand.
      section "format (ruff)" ruff format --quiet --check --exclude "*.md" .
      section "types (mypy)" mypy
      section "import rules (import-linter)" lint-imports --no-cache
      section "dashboard: types, lint, format, unit tests" web check
      ;;
    tests)
      section "dashboard: build" make web
      # Output is kept for the last line of all.
      section "tests (pytest)" bash -o pipefail -c 'pytest 2>&1 | tee build/pytest.log'
      ;;
    *) sed -n '2,3p' "$0" >&2; exit 2 ;;
  esac
done

printf '\n== summary ==\n'
printf '%s\n' "${summary[@]}"
[[ " $* " != *" tests "* ]] || tail -n 1 build/pytest.log
[ ${#failed[@]} -eq 0 ]
