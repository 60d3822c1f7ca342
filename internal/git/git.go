// Package git reads git repositories by the git command line. Addresses and
// refs come from people who may mean harm, and what a server sends from
// anybody: git runs without a shell, with an environment of its own, without
// hooks, filters, prompts or the machine's settings, reaches nothing but the
// address it was resolved to, and what it fetched is unpacked like any archive
// a stranger sent.
package git

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/spec"
)

// Git reads repositories. All fields are required.
type Git struct {
	// SSH is a program that calls SSH, under the name SSHProgram.
	SSH string
	// KnownHosts is the file of the keys of hosts that were met by ssh. It is
	// made when the first one is.
	KnownHosts string
	// Scratch is a directory for repositories under way.
	Scratch  string
	Outbound outbound.Policy
	// Getenv reads PATH and SSL_CERT_FILE, all that git learns of the
	// environment.
	Getenv func(string) string
}

// Remote is a repository and what opens it.
type Remote struct {
	spec.Repository
	Credential Credential
}

// Credential opens a repository. The zero value opens public ones.
type Credential struct {
	Username   string // for Token
	Token      string // by https
	PrivateKey string // by ssh: in PEM
}

// setting is one line of git's configuration.
type setting struct{ key, value string }

// always is how every git of ours is set.
var always = []setting{
	{"core.hooksPath", "/dev/null"},
	{"core.fsmonitor", "false"},
	{"core.askPass", ""},
	{"credential.helper", ""},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"fetch.recurseSubmodules", "false"},
	{"submodule.recurse", "false"},
	{"protocol.version", "2"},
	{"http.followRedirects", "false"},
	{"transfer.credentialsInUrl", "die"},
	{"http.userAgent", "davit"},
	{"http.lowSpeedLimit", "1000"},
	{"http.lowSpeedTime", "30"},
	{"i18n.logOutputEncoding", "UTF-8"},
	{"http.proxy", ""},
}

// environment is all that git learns of this machine. For a remote it pins
// the host to addresses that may be reached and carries the credential, which
// thus appears in no list of processes.
func (g *Git) environment(ctx context.Context, r *Remote) ([]string, error) {
	env := []string{
		"PATH=" + g.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1", "GIT_OPTIONAL_LOCKS=0", "GIT_ALLOW_PROTOCOL=", "NO_PROXY=*",
		"GIT_ALLOC_LIMIT=" + strconv.Itoa(maxAllocation),
	}
	if file := g.Getenv("SSL_CERT_FILE"); file != "" { // the operator's own authorities
		env = append(env, "GIT_SSL_CAINFO="+file)
	}
	settings := always
	if r != nil {
		of, more, err := g.reach(ctx, r)
		if err != nil {
			return nil, err
		}
		env, settings = append(env, more...), append(settings[:len(settings):len(settings)], of...)
	}
	env = append(env, "GIT_CONFIG_COUNT="+strconv.Itoa(len(settings)))
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return env, nil
}

// reach resolves the host of a remote and says how git gets there.
func (g *Git) reach(ctx context.Context, r *Remote) (settings []setting, env []string, err error) {
	if r.Scheme == "http" && !g.Outbound.AllowPrivate {
		return nil, nil, fault.New(fault.SourceForbidden, "A repository is not fetched by plain http: anybody on the way could change it.").WithHint("Use https or ssh.")
	}
	if r.Credential.Token != "" && r.Scheme == "ssh" || r.Credential.PrivateKey != "" && r.Scheme != "ssh" {
		return nil, nil, fault.New(fault.RepositoryUnauthorized, "A token opens repositories by https, a deploy key by ssh: the address is the other one.")
	}
	if err := recent(ctx); err != nil {
		return nil, nil, err
	}
	addrs, err := g.Outbound.Resolve(ctx, r.Host)
	if err != nil {
		return nil, nil, err
	}
	var hosts, dial []string
	for _, a := range addrs {
		hosts = append(hosts, a.String())
		dial = append(dial, net.JoinHostPort(a.String(), r.PortOr()))
	}
	env = append(env, "GIT_ALLOW_PROTOCOL="+r.Scheme)
	if r.Scheme == "ssh" {
		return nil, append(env, "GIT_SSH="+g.SSH, "GIT_SSH_VARIANT=ssh", envAddrs+"="+strings.Join(dial, ","),
			envKey+"="+r.Credential.PrivateKey, envKnownHosts+"="+g.KnownHosts), nil
	}
	settings = []setting{{"http.curloptResolve", r.Host + ":" + r.PortOr() + ":" + strings.Join(hosts, ",")}}
	if t := r.Credential.Token; t != "" {
		login := base64.StdEncoding.EncodeToString([]byte(r.Credential.Username + ":" + t))
		settings = append(settings, setting{"http.extraHeader", "Authorization: Basic " + login})
	}
	return settings, env, nil
}
