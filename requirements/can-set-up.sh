#!/bin/sh
# Print, in one sentence, what keeps `make` from setting up its virtual environment, and what to
# type. Print nothing if nothing does. It must run where there is no Python at all.
#
#   can-set-up.sh PYTHON DEVICE [TARGET...]     DEVICE is cpu or gpu, TARGET what make was asked for
set -u

python=$1 device=$2
shift 2
again="make${*:+ $*}"

fault() {
    echo "$1"
    exit 0
}

# Exit with 0 if the command $1 is a Python that is new enough.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Say what to type to get a new enough Python.
other_python() {
    for candidate in python3.11 python3.12 python3.13 python3; do
        if new_enough "$candidate"; then
            echo "type: $again PYTHON=$candidate"
            return
        fi
    done
    echo "install it (Debian, Ubuntu: apt install python3.11 python3.11-venv)," \
        "then type: $again PYTHON=python3.11"
}

system=$(uname -s)
[ "$system" = Linux ] || fault "stressbench runs on Linux, and this is $system: use a Linux machine or container"

command -v "$python" >/dev/null 2>&1 ||
    fault "stressbench needs Python 3.11 or newer, and there is no '$python' here: $(other_python)"
version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) ||
    fault "stressbench needs Python 3.11 or newer, and '$python' does not run: $(other_python)"
new_enough "$python" ||
    fault "stressbench needs Python 3.11 or newer, and '$python' is Python $version: $(other_python)"

# Debian and Ubuntu ship both modules in a package apart from Python.
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
    fault "'$python' cannot make a virtual environment, because its venv module is missing:\
 install it (Debian, Ubuntu: apt install python${version%.*}-venv), then type: $again"

# vLLM compiles a small kernel for the CPU when the first request asks for log-probabilities.
compiler=${CXX:-g++}
[ "$device" = gpu ] || command -v "${compiler%% *}" >/dev/null 2>&1 ||
    fault "vLLM needs a C++ compiler on a CPU, and there is no '${compiler%% *}' here:\
 install it (Debian, Ubuntu: apt install g++), then type: $again"
