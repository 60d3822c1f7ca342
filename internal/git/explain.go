package git

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/davitdev/davit/internal/fault"
)

// sign is a text that git or a server prints when it fails, in lower case, and
// what it means.
type sign struct {
	text string
	code fault.Code
	say  string // %s is the repository
	hint string
}

// signs are looked for in this order.
var signs = []sign{
	{"file too large", fault.RequestTooLarge, "The repository %s has more than 2 GiB.", "Keep large files elsewhere."},
	{"over limit", fault.RequestTooLarge, "The repository %s has a file of more than 512 MiB.", "Keep large files elsewhere."},
	{"out of memory", fault.RequestTooLarge, "The repository %s takes more memory than a fetch has.", "Keep large files elsewhere."},
	{"no space left on device", fault.DiskFull, "There is no space left to fetch the repository %s.", "Whoever runs this installation can make room in its data directory."},
	{"couldn't find remote ref", fault.RefNotFound, "The repository %s has no such branch, tag or commit.", "Look at its branches, or push first."},
	{"not our ref", fault.RefNotFound, "The repository %s has no such commit.", "A force push may have removed it."},
	{"url base from redirection", fault.RepositoryNotFound, "The repository %s has moved.", "Open it in a browser and use the address it leads to."},
	{"the requested url returned error: 3", fault.RepositoryNotFound, "The repository %s has moved.", "Open it in a browser and use the address it leads to."},
	{hostKeyChanged, fault.RepositoryUnauthorized, "The host of %s shows another key than before: somebody may be in between.", "If its key was renewed, whoever runs this installation removes the old one from the file known_hosts of the data directory."},
	{unauthorizedKey, fault.RepositoryUnauthorized, "The host of %s does not accept the deploy key.", "Add its public half to the repository."},
	{"repository not found", fault.RepositoryNotFound, "There is no repository %s, or it asks for a credential.", "Check the address; for a private one give a token or a deploy key."},
	{"could not be found", fault.RepositoryNotFound, "There is no repository %s, or it asks for a credential.", "Check the address; for a private one give a token or a deploy key."},
	{"does not appear to be a git repository", fault.RepositoryNotFound, "There is no repository %s.", "Check the address."},
	{"does not exist", fault.RepositoryNotFound, "There is no repository %s.", "Check the address."},
	{"' not found", fault.RepositoryNotFound, "There is no repository %s.", "Check the address."},
	{"returned error: 404", fault.RepositoryNotFound, "There is no repository %s.", "Check the address."},
	{"could not read username", fault.RepositoryUnauthorized, "The repository %s does not exist or asks for a credential.", "Give a token that may read it."},
	{"could not read password", fault.RepositoryUnauthorized, "The repository %s does not exist or asks for a credential.", "Give a token that may read it."},
	{"authentication failed", fault.RepositoryUnauthorized, "The repository %s does not accept the token.", "Give one that may read it and has not expired."},
	{"returned error: 401", fault.RepositoryUnauthorized, "The repository %s does not accept the token.", "Give one that may read it and has not expired."},
	{"returned error: 403", fault.RepositoryUnauthorized, "The repository %s may not be read with this token.", "Give one that may."},
	{"access denied", fault.RepositoryUnauthorized, "The repository %s may not be read with this credential.", "Give one that may."},
	{"permission denied", fault.RepositoryUnauthorized, "The repository %s may not be read with this credential.", "Give one that may."},
	{"transport '", fault.SourceForbidden, "The repository %s cannot be reached in this way.", "Use https or ssh."},
}

// explain says why a run of git failed.
func explain(err error, r *Remote, said string) error {
	where := "on this machine"
	if r != nil {
		where = r.String()
	}
	cause := fmt.Errorf("git: %w: %s", err, clean(lastLines(said)))
	if errors.Is(err, errTooLong) {
		return fault.New(fault.RequestTooLarge, "The repository %s has more branches and tags than are read.", where).
			WithHint("Name a whole commit hash instead, or delete branches that nobody needs.").Because(cause)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGXFSZ {
			said = "file too large"
		}
	}
	lower := strings.ToLower(said)
	if r != nil && r.Credential.Token != "" { // git would ask for another
		lower = strings.ReplaceAll(lower, "could not read username", "authentication failed")
	}
	for _, s := range signs {
		if strings.Contains(lower, s.text) {
			return fault.New(s.code, s.say, where).WithHint("%s", s.hint).Because(cause)
		}
	}
	if r == nil {
		return cause
	}
	return fault.New(fault.RepositoryAway, "The repository %s cannot be read now: %s", where, sentence(said)).
		WithHint("Check the host in its address, and try again when it answers.").Because(cause)
}

// lastLines is the end of what git said, on one line.
func lastLines(said string) string {
	lines := strings.FieldsFunc(said, func(r rune) bool { return r == '\r' || r == '\n' })
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// sentence is the last thing git said, without its prefix.
func sentence(said string) string {
	lines := strings.FieldsFunc(said, func(r rune) bool { return r == '\r' || r == '\n' })
	for i := len(lines) - 1; i >= 0; i-- {
		if text, ok := strings.CutPrefix(lines[i], "fatal: "); ok && !strings.HasPrefix(text, "Could not read from remote") {
			return strings.TrimSuffix(clean(text), ".") + "."
		}
	}
	return "its server did not answer as a git server does."
}
