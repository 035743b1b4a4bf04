#!/bin/bash
# Runs the demonstration and expects an exit status.   demo_run_test.sh SOURCE_DIR PROGRAMS STATUS OPTION...
set -uo pipefail
source_dir=$1 programs=$2 expected=$3
shift 3
python3 -B "$source_dir/tools/lib/demo.py" --programs "$programs" "$@"
status=$?
echo "exit status $status, expected $expected"
((status == expected))
