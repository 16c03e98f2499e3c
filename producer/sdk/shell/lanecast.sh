# Publishes a run by HTTP, with curl alone: source this file. Needs bash.
#
#   lanecast_begin RUN            registers the run and its producer, which has the run's name
#   lanecast_frame PAYLOAD        JSON as the wire has it; tried once: a late frame is worth nothing
#   lanecast_send KIND PAYLOAD    lifecycle, control, scene, status, metrics, events, log: each once and in order. Waits while the
#                                 gateway or its server is away; 3 if a newer producer has taken over, 1 if the message is wrong
#
# LANECAST_URL is the gateway (default: http://127.0.0.1:8080), LANECAST_TOKEN a token for the role publisher, if it wants one.

_lanecast_post() { # PATH BODY: prints the answer's body and, on a line of its own, its status (000: no answer)
  local header=()
  if [ -n "${LANECAST_TOKEN:-}" ]; then header=(-H "Authorization: Bearer $LANECAST_TOKEN"); fi
  printf '%s' "$2" | curl --silent --max-time 10 -X POST -H 'Content-Type: application/json' "${header[@]}" \
    --data-binary @- --write-out '\n%{http_code}' "${LANECAST_URL:-http://127.0.0.1:8080}/api/runs/$_lanecast_run/$1" || true
}

_lanecast_number() { # NAME JSON: the integer of that name
  sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" <<<"$2"
}

lanecast_begin() {
  _lanecast_run=$1
  local answer
  until answer=$(_lanecast_post producers "{\"producer\": \"$1\"}") && [[ ${answer##*$'\n'} == 200 || ${answer##*$'\n'} == 201 ]]; do
    case ${answer##*$'\n'} in
      000 | 429 | 503) sleep 1 ;;
      *) echo "lanecast: $answer" >&2; return 1 ;;
    esac
  done
  _lanecast_epoch=$(_lanecast_number epoch "$answer")
  declare -gA _lanecast_seq=([critical]=0 [normal]=0)
}

lanecast_frame() {
  local answer
  answer=$(_lanecast_post ingest "{\"kind\": \"frame\", \"data\": $1}")
  case ${answer##*$'\n'} in
    202 | 000 | 429 | 503) return 0 ;;
    *) echo "lanecast: $answer" >&2; return 1 ;;
  esac
}

lanecast_send() {
  local lane=critical answer
  case $1 in metrics | events | log) lane=normal ;; esac
  local seq=$((_lanecast_seq[$lane] + 1))
  while :; do
    # Sent again after a lost answer, its number keeps it from being there twice.
    answer=$(_lanecast_post ingest "{\"kind\": \"$1\", \"lane\": \"$lane\", \"producer\": \"$_lanecast_run\", \
      \"epoch\": $_lanecast_epoch, \"seq\": $seq, \"data\": $2}")
    case ${answer##*$'\n'} in
      202) _lanecast_seq[$lane]=$seq; return 0 ;;
      000 | 429 | 503) sleep 1 ;;
      409)
        if [[ $answer == *fenced* ]]; then echo "lanecast: $answer" >&2; return 3; fi
        lanecast_begin "$_lanecast_run" || return 1 # the server has lost messages that are not kept: only a new epoch goes on
        seq=1 ;;
      *) echo "lanecast: $answer" >&2; return 1 ;;
    esac
  done
}
