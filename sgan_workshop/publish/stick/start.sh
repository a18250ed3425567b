#!/bin/sh
# Installs the workshop from this folder, without a network, into your home, and opens the lessons. Once it is there,
# it starts at once. Another command: sh start.sh lessons --only 01. Another place: SGAN_HOME. Another Python: PYTHON.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
home=${SGAN_HOME:-$HOME/sgan-workshop}
if [ ! -e "$home/.venv/learner" ]; then
  mkdir -p "$home"
  cp -R "$here/project/." "$home/"
  cd "$home"
  "${PYTHON:-python3}" -m sgan_workshop.commands.supported
  "${PYTHON:-python3}" -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --no-index --find-links "$here/wheels" \
    -c constraints.txt -e '.[lessons]'
  touch .venv/learner
fi
cd "$home"
if [ $# -eq 0 ]; then set -- lab; fi
exec .venv/bin/sgan "$@"
