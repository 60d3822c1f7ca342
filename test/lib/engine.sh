# Sourced by test/services: the Docker engine.
# shellcheck shell=bash disable=SC2154 # state is set there

readonly engine_dir=$state/docker
readonly engine_socket=unix://$state/docker.sock
bridge=davit$(printf %s "$state" | sha256sum | head -c 8)
readonly bridge

# find_engine decides once whose engine the tests use. One that is there is
# used as it is, also that of another state directory: a second engine would
# take the first one's firewall rules. State of our own says there was none.
find_engine() {
	local host
	if [[ ! -d $engine_dir ]]; then
		for host in "${DOCKER_HOST-}" unix:///var/run/docker.sock "unix://$default_state/docker.sock"; do
			if [[ -n $host ]] && engine_at "$host"; then
				echo "$host" >"$state/docker.host"
				return
			fi
		done
	fi
	echo "$engine_socket" >"$state/docker.host"
}

engine_host() { cat "$state/docker.host"; }
own_engine() { [[ $(engine_host) == "$engine_socket" ]]; }
engine_at() { timeout 10 docker -H "$1" version >/dev/null 2>&1; } # HOST
engine_answers() { engine_at "$(engine_host)"; }

engine() { docker -H "$(engine_host)" "$@"; } # ARGUMENTS OF docker…

start_engine() {
	if ! own_engine; then
		say "docker: the engine at $(engine_host) answers and is used"
		return
	fi
	((EUID == 0)) || die "no Docker engine answers at DOCKER_HOST or /var/run/docker.sock, and only root can start one"
	mkdir -p "$engine_dir"
	has_cgroups || cgroupfs-mount
	choose_iptables
	make_bridge
	echo '{"features": {"buildkit": true}}' >"$engine_dir/daemon.json"
	alive docker || rm -f "$engine_dir/pid"
	# A bridge and address range of our own: docker0 and the default ranges
	# may belong to another engine, and the default ranges end at 31 networks.
	start docker 60 engine_answers dockerd --host "$engine_socket" --config-file "$engine_dir/daemon.json" \
		--data-root "$engine_dir/data" --exec-root "$engine_dir/exec" --pidfile "$engine_dir/pid" \
		--bridge "$bridge" --mtu "$(uplink_mtu)" --default-address-pool "base=$(subnet).0.0/16,size=24" \
		--ip-forward=false --log-level warn
}

# stop_engine ends an engine of ours with all it runs. A dead one is started
# again first: only an engine can end its containers.
stop_engine() {
	own_engine && [[ -d $engine_dir ]] || return 0
	start_engine
	engine ps -aq | xargs -r docker -H "$engine_socket" rm -fv >/dev/null
	engine network prune -f >/dev/null
	stop docker TERM
	remove_bridge
}

has_cgroups() { grep -q '^[^ ]* /sys/fs/cgroup[/ ]' /proc/mounts; }

# choose_iptables lets the engine find the kind of iptables this kernel has.
choose_iptables() {
	local legacy
	if iptables -t nat -S >/dev/null 2>&1; then return; fi
	legacy=$(command -v iptables-legacy) || die "iptables does not work: $(iptables -t nat -S 2>&1)"
	mkdir -p "$engine_dir/bin"
	ln -sf "$legacy" "$engine_dir/bin/iptables"
	PATH=$engine_dir/bin:$PATH
}

subnet() { cat "$engine_dir/subnet"; }

# uplink_mtu is what fits through the way out: larger packets of containers
# would be lost on the way.
uplink_mtu() {
	local device
	device=$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
	cat "/sys/class/net/${device:-lo}/mtu"
}

make_bridge() {
	local forward=/proc/sys/net/ipv4/ip_forward number
	if [[ ! -f $engine_dir/subnet ]]; then
		while read -r number; do
			ip -o address | grep -q " 10\.$number\." || break
		done < <(shuf -i 100-250)
		echo "10.$number" >"$engine_dir/subnet"
	fi
	if ! ip link show "$bridge" >/dev/null 2>&1; then
		ip link add "$bridge" type bridge
		ip address add "$(subnet).0.1/24" dev "$bridge"
		ip link set "$bridge" up
	fi
	# Not left to the engine, which would drop all other forwarding with it.
	if [[ $(<"$forward") == 0 ]]; then
		touch "$engine_dir/forward-was-off"
		echo 1 >"$forward"
	fi
}

# remove_bridge also removes the rules an engine leaves behind for its bridge.
remove_bridge() {
	local table rule
	choose_iptables
	for table in nat filter; do
		while read -ra rule; do
			iptables -t "$table" -D "${rule[@]:1}"
		done < <(iptables -t "$table" -S | grep -e "^-A .*$bridge\b")
	done
	ip link delete "$bridge"
	if [[ -f $engine_dir/forward-was-off ]]; then echo 0 >/proc/sys/net/ipv4/ip_forward; fi
}
