# Sourced by test/services: the images tests build on and deploy.
# shellcheck shell=bash disable=SC2154 # state and its parts are set there

readonly base_tree=$state/debian.tar
readonly base_images=(debian:bookworm-slim golang:1.26-bookworm golang:1.26 node:20-bookworm-slim node:20
	node:22-bookworm-slim node:24-bookworm-slim python:3.11-slim-bookworm)

present() { engine image inspect "$1" >/dev/null 2>&1; } # IMAGE

# fetch_base_tree downloads a Debian tree for an engine of ours, which cannot
# be trusted to reach a registry, while the services start.
fetch_base_tree() {
	if own_engine && [[ ! -f $state/debian.imported ]]; then make_base_tree; fi
}

make_base_tree() {
	local began=$SECONDS
	[[ ! -f $base_tree ]] || return 0
	say "images: making a Debian tree"
	mmdebstrap --variant=minbase --format=tar --aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$base_tree.new" >"$state/mmdebstrap.log" 2>&1 </dev/null 9>&- ||
		die_with_log mmdebstrap "no Debian tree could be made"
	mv "$base_tree.new" "$base_tree"
	say "images: Debian tree made in $((SECONDS - began)) s"
}

# make_base_images gives the engine the images Dockerfiles name. An engine of
# somebody's gets the real ones if it can pull; where it cannot, and in ours,
# they are made of a Debian tree and this machine's Go and Node.
make_base_images() {
	local image
	if ! own_engine; then
		for image in "${base_images[@]}"; do
			present "$image" || engine pull -q "$image" >>"$state/images.log" 2>&1 || break
		done
	fi
	present debian:bookworm-slim || make_base_tree
	make_image debian:bookworm-slim debian_image
	together "make_image golang:1.26-bookworm golang_image" make_node_images "make_image python:3.11-slim-bookworm python_image"
	present golang:1.26 || engine tag golang:1.26-bookworm golang:1.26
	present node:20 || engine tag node:20-bookworm-slim node:20
}

make_node_images() {
	make_image node:20-bookworm-slim node_image
	together "make_image node:22-bookworm-slim npm_node_image" "make_image node:24-bookworm-slim npm_node_image"
}

make_image() { # IMAGE FUNCTION
	local began=$SECONDS
	if present "$1"; then return; fi
	"$2" "$1" >>"$state/images.log" 2>&1 || die_with_log images "$1 could not be made"
	say "images: $1 made in $((SECONDS - began)) s"
}

debian_image() { # IMAGE
	engine import --change 'CMD ["bash"]' "$base_tree" "$1" && rm "$base_tree" && touch "$state/debian.imported"
}

golang_image() { # IMAGE
	local dir=$state/golang
	mkdir -p "$dir"
	cp -L /etc/ssl/certs/ca-certificates.crt "$dir/" || return
	cat >"$dir/Dockerfile" <<-'DOCKERFILE'
		FROM debian:bookworm-slim
		COPY ca-certificates.crt /etc/ssl/certs/
		COPY go /usr/local/go
		ENV GOPATH=/go GOTOOLCHAIN=local PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		WORKDIR /go
	DOCKERFILE
	tar -c -C "$dir" Dockerfile ca-certificates.crt \
		-C "$(go env GOROOT)" --exclude=./test --exclude=./api --exclude=./doc --transform='s,^\./,go/,' . |
		engine build -q -t "$1" -
}

node_image() { # IMAGE
	local dir=$state/node prefix
	prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
	mkdir -p "$dir"
	cp -L /etc/ssl/certs/ca-certificates.crt "$dir/" || return
	cat >"$dir/Dockerfile" <<-'DOCKERFILE'
		FROM debian:bookworm-slim
		COPY ca-certificates.crt /etc/ssl/certs/
		COPY bin/node /usr/local/bin/
		COPY lib/node_modules/npm /usr/local/lib/node_modules/npm
		RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
			&& ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
			&& node --version && npm --version
		ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
		CMD ["node"]
	DOCKERFILE
	tar -c -C "$dir" Dockerfile ca-certificates.crt -C "$prefix" bin/node lib/node_modules/npm |
		engine build -q -t "$1" -
}

# npm_node_image is the image above with another Node.js, which npm carries.
npm_node_image() { # IMAGE
	local dir=$state/${1//:/-} version=${1#node:} arch
	case $(uname -m) in
	aarch64) arch=arm64 ;;
	*) arch=x64 ;;
	esac
	mkdir -p "$dir"
	npm pack --silent --pack-destination "$dir" "node-linux-$arch@${version%%-*}" || return
	tar -xzf "$dir"/node-linux-*.tgz -C "$dir" package/bin/node || return
	cat >"$dir/Dockerfile" <<-'DOCKERFILE'
		FROM node:20-bookworm-slim
		COPY package/bin/node /usr/local/bin/
		RUN node --version && npm --version
	DOCKERFILE
	tar -c -C "$dir" Dockerfile package/bin/node | engine build -q -t "$1" - && rm -r "$dir"
}

# python_image has Debian's Python under the names that the official image has.
python_image() { # IMAGE
	engine build -q -t "$1" - <<-'DOCKERFILE'
		FROM debian:bookworm-slim
		RUN apt-get update \
			&& apt-get install -y --no-install-recommends ca-certificates python3 \
			&& rm -rf /var/lib/apt/lists/* \
			&& ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s python3 /usr/local/bin/python
		CMD ["python3"]
	DOCKERFILE
}

logged() { # COMMAND…
	"$@" >>"$state/images.log" 2>&1 || die_with_log images "this failed: $*"
}

# make_app_images builds the test application and pushes it, again when it
# has changed.
make_app_images() {
	local dir=$state/app sum version plain guarded
	plain=127.0.0.1:$(port registry)/davit-test/app
	guarded=127.0.0.1:$(port registry-auth)/davit-test/app
	mkdir -p "$dir"
	build "$dir/app" ./test/app
	sum="$(sha256sum <"$dir/app") $plain $guarded"
	[[ $sum != "$(cat "$state/app.sum" 2>/dev/null)" ]] || return 0
	cat >"$dir/Dockerfile" <<-'DOCKERFILE'
		FROM scratch
		ARG VERSION
		COPY app /app
		ENV APP_VERSION=$VERSION
		LABEL version=$VERSION
		EXPOSE 8080
		ENTRYPOINT ["/app"]
	DOCKERFILE
	mkdir -p "$dir/login"
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "${guarded%%/*}" \
		"$(printf %s "$registry_user:$(secret registry)" | base64 -w 0)" >"$dir/login/config.json"
	for version in v1 v2; do
		logged engine build -q -t "$plain:$version" --build-arg "VERSION=$version" "$dir"
		logged engine push -q "$plain:$version"
	done
	logged engine tag "$plain:v1" "$guarded:v1"
	logged docker --config "$dir/login" -H "$(engine_host)" push -q "$guarded:v1"
	echo "$sum" >"$state/app.sum"
	say "images: test application pushed to $plain"
}
