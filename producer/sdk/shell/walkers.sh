#!/usr/bin/env bash
# Forty random walkers in awk, live by curl: walkers.sh [RUN [STEPS]]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lanecast.sh"

run=${1:-walkers} steps=${2:-100000}
lanecast_begin "$run"
lanecast_send lifecycle '{"state": "created", "title": "Random walkers", "kind": "generic", "metadata": {"by": "curl"}, "params": {}}'
lanecast_send scene '{"kind": "plain", "bounds": [-50, -50, 50, 50]}'
lanecast_send lifecycle '{"state": "running"}'
trap 'lanecast_send lifecycle "{\"state\": \"ended\"}"' EXIT
trap 'exit 0' INT TERM

# A line for each step: the frame, a tab, the mean distance from the middle.
walk='BEGIN {
  srand()
  for (step = 1; step <= steps; step++) {
    id = xs = ys = ""; far = 0
    for (i = 1; i <= 40; i++) {
      x[i] += rand() - 0.5; y[i] += rand() - 0.5; far += sqrt(x[i] ^ 2 + y[i] ^ 2) / 40
      comma = i > 1 ? "," : ""
      id = id comma i; xs = xs comma sprintf("%.2f", x[i]); ys = ys comma sprintf("%.2f", y[i])
    }
    printf "{\"step\":%d,\"time_s\":%.1f,\"layers\":{\"walkers\":{\"id\":[%s],\"x\":[%s],\"y\":[%s]}}}\t%.3f\n", step, step / 10, id, xs, ys, far
  }
}'
step=0
while IFS=$'\t' read -r frame distance; do
  lanecast_frame "$frame"
  step=$((step + 1))
  if ((step % 10 == 0)); then
    lanecast_send metrics "{\"step\": $step, \"time_s\": $((step / 10)), \"values\": {\"distance\": $distance}}"
  fi
  sleep 0.1
done < <(LC_ALL=C awk -v steps="$steps" "$walk")
