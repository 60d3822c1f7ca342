# Sourced by test/services: processes, ports and secrets in the state directory.
# shellcheck shell=bash disable=SC2154 # state is set there

readonly marker=$state/.davit-test-services

say() { printf '%s\n' "test services: $*" >&2; }

die() {
	say "$@"
	exit 1
}

die_with_log() { # NAME MESSAGE
	say "$1: $2; the end of $state/$1.log:"
	tail -n 30 "$state/$1.log" >&2 || true
	exit 1
}

# claim_state makes the state directory and locks it until the script ends.
# A directory that something else fills is refused: down deletes it.
claim_state() {
	if [[ -d $state && ! -e $marker && -n $(ls -A "$state") ]]; then
		die "$state is not empty and was not made by this script"
	fi
	mkdir -p "$state"
	[[ -O $state ]] || die "$state belongs to another user"
	exec 9>"$state/lock"
	flock -w 600 9 || die "another run has been holding $state/lock for ten minutes"
	# Whoever held the lock before may have been down.
	[[ $state/lock -ef /dev/fd/9 ]] || {
		exec 9>&-
		claim_state
		return
	}
	touch "$marker"
	# As root, PostgreSQL and Redis reach their directories as other users.
	chmod 755 "$state"
	((EUID)) || setpriv --reuid=nobody --clear-groups test -x "$state/." ||
		die "$state is in a directory that is closed to other users"
	cd "$state" || exit
}

release_state() {
	local mount
	while read -r mount; do
		umount "$mount"
	done < <(awk -v dir="$state/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r)
	cd /
	rm -rf --one-file-system "$state"
}

# started_at prints when a process started, in clock ticks since boot. Process
# id and start together name a process for ever. A zombie does not count.
started_at() { # PID
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	read -ra stat <<<"${stat##*) }"
	[[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

alive() { # NAME
	local pid start
	[[ -f $state/$1.pid ]] && read -r pid start <"$state/$1.pid" && [[ $(started_at "$pid") == "$start" ]]
}

# start runs COMMAND in the background until PROBE succeeds, and keeps one
# that runs already. One that ends at once is tried twice more: after a crash,
# children of the last one may still hold its port or its memory.
start() { # NAME SECONDS PROBE COMMAND…
	local name=$1 seconds=$2 probe=$3 tries=0 began=$SECONDS
	shift 3
	if alive "$name" && "$probe"; then
		say "$name: runs already"
		return
	fi
	while ((SECONDS - began < seconds)); do
		if alive "$name"; then
			if "$probe"; then
				say "$name: up after $((SECONDS - began)) s"
				return
			fi
			sleep 0.1
		elif ((tries < 3)); then
			sleep "$((tries++))"
			spawn "$name" "$@"
		else
			die_with_log "$name" "ended while starting"
		fi
	done
	die_with_log "$name" "does not answer after $seconds s"
}

spawn() { # NAME COMMAND…
	local name=$1
	shift
	setsid "$@" </dev/null >>"$state/$name.log" 2>&1 9>&- &
	echo "$! $(started_at $!)" >"$state/$name.pid"
}

stop() { # NAME SIGNAL
	local pid signal waited
	for signal in "$2" KILL; do
		alive "$1" || break
		read -r pid _ <"$state/$1.pid"
		kill -s "$signal" "$pid"
		for ((waited = 0; waited < 200; waited++)); do
			alive "$1" || break
			sleep 0.1
		done
	done
	if alive "$1"; then die_with_log "$1" "process $pid does not end"; fi
	rm -f "$state/$1.pid"
}

# together runs functions side by side and fails if one of them failed.
together() { # FUNCTION…
	local job pids=() failed=0
	for job in "$@"; do
		# shellcheck disable=SC2086 # a job may bring its arguments
		$job &
		pids+=($!)
	done
	for job in "${pids[@]}"; do wait "$job" || failed=1; done
	((failed == 0)) || die "not everything started"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT

# choose_port gives NAME a port that is free now, below the range the kernel
# hands out itself. A running service and one that can have it back keep theirs.
choose_port() { # NAME
	local candidate
	alive "$1" && return
	if [[ -f $state/$1.port ]] && ! listening "$(port "$1")"; then return; fi
	while read -r candidate; do
		if ! grep -qsx "$candidate" "$state"/*.port && ! listening "$candidate"; then
			echo "$candidate" >"$state/$1.port"
			return
		fi
	done < <(shuf -i 20000-32000 -n 100)
	die "no port is free for $1"
}

port() { cat "$state/$1.port"; } # NAME

random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; } # BYTES

choose_secret() { # NAME
	[[ -s $state/$1.secret ]] && return
	(umask 077 && random 16 >"$state/$1.secret")
}

secret() { cat "$state/$1.secret"; } # NAME
