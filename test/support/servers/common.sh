# What both scripts beside this file do, to a server whose folder is $run and that is called $name in messages.

alive() { tr '\0' ' ' < "/proc/$1/cmdline" 2>/dev/null | grep -qF "$run/"; }   # ours, and not a zombie

# Ends the server of $run, if there is one.
down() {
  [ -f "$run/pid" ] || return 0
  local pid; pid=$(cat "$run/pid")
  if alive "$pid"; then
    kill "$pid"
    for _ in $(seq 150); do alive "$pid" || break; sleep 0.1; done
    if alive "$pid"; then kill -9 "$pid"; fi
  fi
  rm -f "$run/pid"
}

# newest_jdk LEAST MOST: home of the newest JDK of these versions; exit 2 without one.
newest_jdk() {
  local best=0 found='' home version
  for home in "${JAVA_HOME:-}" "${JVM_DIR:-/usr/lib/jvm}"/*; do
    [ -x "$home/bin/java" ] || continue
    version=$("$home/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
    version=${version:-0}
    if [ "$version" -gt "$best" ] && [ "$version" -ge "$1" ] && [ "$version" -le "$2" ]; then best=$version; found=$home; fi
  done
  [ "$best" -gt 0 ] || { echo "$name: no JDK from $1 to $2 found" >&2; exit 2; }
  echo "$found"
}

# Two test files may start the same version at once: one of them fetches it, the other one waits.
lock_downloads() { exec 9>"$dir/.lock-$name-$version"; flock 9; }
unlock_downloads() { exec 9>&-; }

# Empties $run and makes the given folders in it; the port must be free.
fresh_run_folder() {
  down
  if curl -s -m 2 -o /dev/null "http://127.0.0.1:$port/"; then echo "$name: port $port is taken" >&2; exit 1; fi
  rm -rf "$run"
  local folder
  for folder in "$@"; do mkdir -p "$run/$folder"; done
}

fail() { echo "$name: $1" >&2; tail -n 40 "$run/logs/stdout.log" >&2; exit 1; }

# wait_until_up PID SECONDS: prints the URL once the cluster is green or yellow. Asks with $credentials, where it is set.
credentials=()
wait_until_up() {
  for _ in $(seq "$2"); do
    if curl -fs -m 5 "${credentials[@]}" "http://127.0.0.1:$port/_cluster/health?wait_for_status=yellow&timeout=4s" >/dev/null 2>&1; then
      echo "http://127.0.0.1:$port"; return 0
    fi
    alive "$1" || fail "the server ended"
    sleep 1
  done
  fail "no answer"
}
