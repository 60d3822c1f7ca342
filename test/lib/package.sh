# Sourced by test/services: the Debian packages the services and tests need.
# shellcheck shell=bash disable=SC2154 # state is set there

postgres_bin() {
	local dir
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(dirname "$(command -v postgres || true)")"; do
		if [[ -x $dir/initdb && -x $dir/postgres ]]; then
			echo "$dir"
			return
		fi
	done
	return 1
}

# missing_packages prints the packages whose programs are not here.
missing_packages() {
	local program package
	while read -r program package; do
		command -v "$program" >/dev/null || echo "$package"
	done <<-PROGRAMS
		gcc gcc libc6-dev
		git git
		make make
		pg_isready postgresql-client
		redis-server redis-server
		redis-cli redis-tools
		docker docker.io
		docker-registry docker-registry
		mmdebstrap mmdebstrap
		chromium chromium
	PROGRAMS
	postgres_bin >/dev/null || echo postgresql
	# Some tests start an engine of their own, which only root can.
	own_engine || ((EUID == 0)) || [[ ${CI-} == true ]] || return 0
	command -v dockerd >/dev/null || echo docker.io
	command -v ip >/dev/null || echo iproute2
	command -v iptables >/dev/null || echo iptables
	# An engine on a kernel with AppArmor starts nothing without its parser.
	if [[ -f /sys/module/apparmor/parameters/enabled && $(</sys/module/apparmor/parameters/enabled) == Y ]]; then
		command -v apparmor_parser >/dev/null || echo apparmor
	fi
	! own_engine || has_cgroups || echo cgroupfs-mount
}

install_packages() { # [PACKAGE…], or else those that are missing
	local names=("$@") sudo=()
	(($#)) || read -ra names < <(missing_packages | sort -u | tr '\n' ' ') || true
	((${#names[@]})) || return 0
	((EUID == 0)) || sudo=(sudo -n)
	if [[ ${CI-} != true ]] && ! { ((EUID == 0)) && [[ -f /etc/debian_version ]]; }; then
		die "these packages are missing: ${names[*]}
Install them with: sudo apt-get install --no-install-recommends ${names[*]}"
	fi
	say "installing ${names[*]}"
	{
		"${sudo[@]}" apt-get update &&
			without_autostart "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
				apt-get install -y --no-install-recommends "${names[@]}"
	} >"$state/install.log" 2>&1 </dev/null 9>&- || die_with_log install "apt-get did not succeed"
	hash -r
}

# without_autostart runs an installation during which packages start no
# services of their own: the tests' are enough.
without_autostart() { # COMMAND…
	local policy=/usr/sbin/policy-rc.d
	if [[ -e $policy || ! -w /usr/sbin ]]; then
		"$@"
		return
	fi
	(
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		"$@"
	)
}
