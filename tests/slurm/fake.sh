#!/bin/bash
# Stands for sbatch, squeue, scancel and scontrol, by the name it is started under. Its cluster is the directory $FAKE:
#   tasks/JOB_INDEX   "NAME|STATE|REASON"        said/COMMAND   arguments of every call
#   hold     tasks wait instead of running       refuse         what sbatch says to arrays with indices from `fits` on
#   down     nothing answers                     lose           sbatch takes the job, but its answer is lost
#   room     how many tasks may be there at a time
#   killed   how many tasks are killed as soon as they have started, for want of memory
#   deaf     tasks end without ever starting     size           MaxArraySize
set -u
command=${0##*/}
mkdir -p "$FAKE/tasks" "$FAKE/said"
echo "$*" >>"$FAKE/said/$command"
if [ -n "${SLURM_ARRAY_TASK_ID:-}${SQUEUE_PARTITION:-}" ]; then
    echo "$command: error: this would be answered otherwise, or passed on" >&2
    exit 1
fi
if [ -e "$FAKE/down" ]; then
    echo "$command: error: Unable to contact slurm controller (connect failure)" >&2
    exit 1
fi
option() { # option NAME ARGUMENTS...: the value of --NAME=VALUE or --NAME VALUE
    local name=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in "--$name="*) echo "${1#*=}"; return ;; "--$name") echo "$2"; return ;; esac
        shift
    done
}
case $command in
sbatch)
    name=$(option job-name "$@") range=$(option array "$@") output=$(option output "$@")
    script='' argument=''
    for word in "$@"; do
        case $word in --*) ;; *) [ -z "$script" ] && script=$word || argument=$word ;; esac
    done
    last=${range#0-}
    last=${last%%%*}
    if [ -e "$FAKE/refuse" ] && [ "${last:-0}" -ge "$(cat "$FAKE/fits" 2>/dev/null || echo 0)" ]; then
        echo "sbatch: error: Batch job submission failed: $(cat "$FAKE/refuse")" >&2
        exit 1
    fi
    dependency=$(option dependency "$@")
    there=$(grep -ls 'RUNNING\|PENDING' "$FAKE"/tasks/* | wc -l)
    if [ -z "$dependency" ] && [ $((there + ${last:-0} + 1)) -gt "$(cat "$FAKE/room" 2>/dev/null || echo 9999)" ]; then
        echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit)" >&2
        exit 1
    fi
    job=$(($(cat "$FAKE/last" 2>/dev/null || echo 0) + 1))
    echo "$job" >"$FAKE/last"
    indices=${last:+$(seq 0 "$last")}
    for index in ${indices:-none}; do
        id=$job
        [ "$index" = none ] || id=${job}_$index
        if [ -e "$FAKE/hold" ]; then echo "$name|PENDING|Resources" >"$FAKE/tasks/$id"
        elif [ -e "$FAKE/deaf" ]; then echo "$name|FAILED|NonZeroExitCode" >"$FAKE/tasks/$id"
        else echo "$name|RUNNING|None" >"$FAKE/tasks/$id"; fi
    done
    if [ ! -e "$FAKE/hold" ] && [ ! -e "$FAKE/deaf" ]; then
        (
            for before in ${dependency//:/ }; do
                while grep -qs 'RUNNING\|PENDING' "$FAKE/tasks/$before" "$FAKE/tasks/${before}"_*; do sleep 0.05; done
            done
            for index in ${indices:-none}; do
                id=$job
                export SLURM_CPUS_PER_TASK=1
                if [ "$index" != none ]; then
                    id=${job}_$index
                    export SLURM_ARRAY_TASK_ID=$index
                fi
                log=${output//%A/$job}
                log=${log//%a/$index}
                log=${log//%j/$job}
                killed=$(cat "$FAKE/killed" 2>/dev/null || echo 0)
                if [ "$killed" -gt 0 ] && [ "$argument" != tables ]; then
                    echo $((killed - 1)) >"$FAKE/killed"
                    echo "slurmstepd: error: oom-kill" >"$log"
                    end=OUT_OF_MEMORY
                else
                    bash "$script" "$argument" >"$log" 2>&1 && end=COMPLETED || end=FAILED
                fi
                echo "$name|$end|None" >"$FAKE/tasks/$id"
            done
        ) </dev/null >/dev/null 2>&1 &
    fi
    if [ -e "$FAKE/lose" ]; then
        rm "$FAKE/lose"
        echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
        exit 1
    fi
    echo "$job"
    ;;
squeue)
    wanted=$(option name "$@") jobs=",$(option jobs "$@"),"
    for file in "$FAKE"/tasks/*; do
        [ -e "$file" ] || continue
        id=${file##*/}
        IFS='|' read -r name state reason <"$file"
        if [ -n "$wanted" ]; then [ "$name" = "$wanted" ] && echo "${id%_*}"
        elif [[ $jobs == *",${id%_*},"* ]]; then echo "$id|$state||$name|$reason"; fi
    done
    exit 0
    ;;
scancel)
    for job in "$@"; do
        for file in "$FAKE/tasks/$job" "$FAKE/tasks/${job}"_*; do
            [ -e "$file" ] && echo "$(cut -d'|' -f1 "$file")|CANCELLED|None" >"$file"
        done
    done
    exit 0
    ;;
scontrol)
    [ "$1" != show ] || echo "MaxArraySize            = $(cat "$FAKE/size" 2>/dev/null || echo 1001)"
    ;;
esac
