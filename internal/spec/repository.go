package spec

import (
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/davitdev/davit/internal/enum"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// GitSource is a branch, tag or commit of a git repository.
type GitSource struct {
	Repository    string `json:"repository"`              // as given: ParseRepository reads it
	Ref           string `json:"ref,omitempty"`           // branch, tag or whole hash; "" is the default branch
	RootDirectory string `json:"rootDirectory,omitempty"` // what is built, below the root of the repository; "" is the root
	// Commit is the hash that Ref was when it was deployed before; "" means
	// what Ref is now.
	Commit string `json:"commit,omitempty"`
}

// GitCredentialKind says what opens a repository.
type GitCredentialKind string

// The kinds of credentials of repositories.
const (
	GitToken  GitCredentialKind = "TOKEN"
	DeployKey GitCredentialKind = "DEPLOY_KEY"
)

var gitCredentialKinds = []GitCredentialKind{GitToken, DeployKey}

func (GitCredentialKind) Values() []string            { return enum.Strings(gitCredentialKinds) }
func (k GitCredentialKind) MarshalGQL(w io.Writer)    { enum.Write(w, k) }
func (k *GitCredentialKind) UnmarshalGQL(v any) error { return enum.Read(k, v, gitCredentialKinds) }

// Commit is what was fetched of a git repository.
type Commit struct {
	SHA         string    `json:"sha"`
	Message     string    `json:"message"` // at most 4 KiB
	Author      string    `json:"author"`  // name
	CommittedAt time.Time `json:"committedAt"`
	Branch      string    `json:"branch,omitempty"` // "" if a tag or a hash was asked for
}

// Repository is the address of a git repository in its parts.
type Repository struct {
	Scheme string // https, http or ssh
	User   string // ssh: who signs in; "" is "git"
	Host   string // name or address, without brackets
	Port   string // "" is the scheme's
	Path   string // as given; the short form of ssh has no slash in front
}

var (
	repositoryHost = lazy.Regexp(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:.]{2,45}$`)
	repositoryUser = lazy.Regexp(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)
	repositoryPath = lazy.Regexp(`^/?[A-Za-z0-9_~.][A-Za-z0-9_~./+@%=-]{0,499}$`)
	shortForm      = lazy.Regexp(`^(?:([^@:/]+)@)?([^@:/\[\]]+):([^:].*)$`)
	gitRef         = lazy.Regexp(`^[\p{L}\p{N}_][\p{L}\p{N}_./+@=#-]*$`)
	gitHash        = lazy.Regexp(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// maxRef is in characters. It is no count in the expression: classes of Unicode
// are written out for each, ten megabytes in all.
const maxRef = 255

// ParseRepository reads https://host/path, ssh://user@host/path, its short
// form user@host:path, and http://host/path. A password in the address is
// refused: it would be shown wherever the address is. field names the input.
func ParseRepository(field, raw string) (Repository, error) {
	bad := func(format string, args ...any) (Repository, error) {
		return Repository{}, fault.At(field, fault.Invalid, format, args...)
	}
	var r Repository
	if m := shortForm().FindStringSubmatch(raw); m != nil && !strings.Contains(raw, "://") {
		r = Repository{Scheme: "ssh", User: m[1], Host: m[2], Path: m[3]}
	} else {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme == "" || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return bad("%s is not the address of a git repository such as https://github.com/team/app or git@github.com:team/app.git.", quote(raw))
		}
		if _, said := u.User.Password(); said || u.User != nil && u.Scheme != "ssh" {
			return bad("An address does not say who signs in: give the token by itself.")
		}
		r = Repository{Scheme: u.Scheme, User: u.User.Username(), Host: u.Hostname(), Port: u.Port(), Path: u.EscapedPath()}
	}
	port, err := strconv.ParseUint(or(r.Port, "1"), 10, 16)
	switch {
	case r.Scheme != "https" && r.Scheme != "http" && r.Scheme != "ssh":
		return bad("A git repository is reached by https or ssh, not by %s.", quote(r.Scheme))
	case !repositoryHost().MatchString(r.Host):
		return bad("%s names no host.", quote(raw))
	case err != nil || port == 0:
		return bad("%s has no valid port.", quote(raw))
	case r.User != "" && !repositoryUser().MatchString(r.User):
		return bad("%s is no name to sign in with.", quote(r.User))
	case !repositoryPath().MatchString(r.Path) || !strings.HasSuffix(raw, r.Path) || strings.Contains(r.Path+"/", "/../"):
		return bad("The path of the repository %s is empty or has characters that are not allowed in one.", quote(raw))
	}
	return r, nil
}

// String is the address as git takes it.
func (r Repository) String() string {
	host := r.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if r.Scheme == "ssh" && !strings.HasPrefix(r.Path, "/") {
		return or(r.User, "git") + "@" + host + ":" + r.Path
	}
	if r.Port != "" {
		host += ":" + r.Port
	}
	if r.Scheme == "ssh" {
		host = or(r.User, "git") + "@" + host
	}
	return r.Scheme + "://" + host + r.Path
}

// PortOr is the port, the scheme's if none was given.
func (r Repository) PortOr() string {
	return or(r.Port, map[string]string{"https": "443", "http": "80", "ssh": "22"}[r.Scheme])
}

// Name is the last part of the path without ".git".
func (r Repository) Name() string {
	path := strings.Trim(r.Path, "/")
	return strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], ".git")
}

// CheckRef refuses what cannot be the name of a branch or tag or a whole hash.
// "" is the default branch.
func CheckRef(field, ref string) error {
	if ref == "" || utf8.RuneCountInString(ref) <= maxRef && gitRef().MatchString(ref) && !strings.Contains(ref, "..") && !strings.Contains(ref, "//") && !strings.Contains(ref, "@{") &&
		!strings.Contains(ref, "/.") && !strings.HasSuffix(ref, "/") && !strings.HasSuffix(ref, ".") && !strings.HasSuffix(ref, ".lock") {
		return nil
	}
	return fault.At(field, fault.Invalid, "%s is not the name of a branch or tag, nor a whole commit hash.", quote(ref))
}

// CheckGitToken refuses what cannot be a user name and a token. "" is none.
func CheckGitToken(field, username, token string) error {
	switch {
	case len(token) > 8192 || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }):
		return fault.At(field+".token", fault.Invalid, "The token is too long or has a character that no token has.")
	case len(username) > 255 || strings.ContainsFunc(username, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }):
		return fault.At(field+".username", fault.Invalid, "The user name is too long, or has a colon or a character that no user name has.")
	}
	return nil
}

// GitUser is a name that GitHub, GitLab, Gitea and others take with a token.
const GitUser = "oauth2"

// IsHash reports whether ref is a whole commit hash.
func IsHash(ref string) bool { return gitHash().MatchString(ref) }

// Check refuses what can never be fetched. field names the input.
func (g GitSource) Check(field string) error {
	if _, err := ParseRepository(field+".repository", g.Repository); err != nil {
		return err
	}
	if err := CheckRef(field+".ref", g.Ref); err != nil {
		return err
	}
	if g.RootDirectory != "" && (!LocalPath(g.RootDirectory) || strings.ContainsAny(g.RootDirectory, ":*?[")) {
		return fault.At(field+".rootDirectory", fault.Invalid, "The root directory is a path inside the repository, such as apps/web.")
	}
	return nil
}
