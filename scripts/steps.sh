# Sourced by the other scripts: quiet steps with progress. Set `steps` to their number first.
# step TITLE COMMAND...   runs the command with its output in build/logs, prints "[n/m] title ... s";
#                         when it fails, shows the end of the log and exits.

step_number=0
mkdir -p build/logs

step() {
    step_title=$1
    shift
    step_number=$((step_number + 1))
    step_log=build/logs/${log_prefix:-step}-$step_number.log
    step_start=$(date +%s)
    "$@" >"$step_log" 2>&1 </dev/null &
    step_pid=$!
    if [ -t 1 ]; then
        while kill -0 "$step_pid" 2>/dev/null; do
            printf '\r[%d/%d] %-58s %4d s' "$step_number" "$steps" "$step_title" $(($(date +%s) - step_start))
            sleep 1
        done
        printf '\r'
    fi
    if wait "$step_pid"; then
        printf '[%d/%d] %-58s %4d s\n' "$step_number" "$steps" "$step_title" $(($(date +%s) - step_start))
    else
        step_status=$?
        printf '[%d/%d] %-58s failed\n' "$step_number" "$steps" "$step_title"
        printf -- '---- end of %s\n' "$step_log" >&2
        tail -n 40 "$step_log" >&2
        exit "$step_status"
    fi
}
