package project

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/gitcredential"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// GitAccess is what somebody says about how a repository is opened. The zero
// value keeps the credential that is there, as long as the host stays.
type GitAccess struct {
	Username string // of Token; "" is spec.GitUser
	Token    string
	// GenerateDeployKey makes a key, whose public half is to be added to the
	// repository.
	GenerateDeployKey bool
}

// check refuses what cannot open the repository of src.
func (a GitAccess) check(src spec.Source) error {
	const field = "source.git"
	if a == (GitAccess{}) {
		return nil
	}
	if src.Git == nil {
		return fault.At(field, fault.Invalid, "Only a git repository takes a token or a deploy key.")
	}
	r, err := spec.ParseRepository(field+".repository", src.Git.Repository)
	switch {
	case err != nil:
		return err
	case a.Token != "" && a.GenerateDeployKey:
		return fault.At(field+".token", fault.Invalid, "Say either a token or generateDeployKey.")
	case a.Token == "" && a.Username != "":
		return fault.At(field+".username", fault.Invalid, "A user name goes with a token.")
	case a.Token != "" && r.Scheme == "ssh":
		return fault.At(field+".token", fault.Invalid, "A token opens repositories by https: give that address, or ask for a deploy key.")
	case a.GenerateDeployKey && r.Scheme != "ssh":
		return fault.At(field+".generateDeployKey", fault.Invalid, "A deploy key opens repositories by ssh: give an address such as git@github.com:team/app.git, or a token.")
	}
	return spec.CheckGitToken(field, a.Username, a.Token)
}

// open stores what opens the repository of a service's new source, and forgets
// what was for another host.
func (s *Service) open(ctx context.Context, tx *store.Tx, svc *ent.Service, src spec.Source, a GitAccess) error {
	host := gitHost(src.Git)
	if host == "" || a != (GitAccess{}) {
		if _, err := tx.GitCredential.Delete().Where(gitcredential.ServiceID(svc.ID)).Exec(ctx); err != nil {
			return fmt.Errorf("forget git credential: %w", err)
		}
	}
	if _, err := tx.GitCredential.Delete().Where(gitcredential.ServiceID(svc.ID), gitcredential.HostNEQ(host)).Exec(ctx); err != nil {
		return fmt.Errorf("forget git credential: %w", err)
	}
	if a == (GitAccess{}) {
		return nil
	}
	id := ident.New(ident.GitCredential)
	c := tx.GitCredential.Create().SetID(id).SetProjectID(svc.ProjectID).SetServiceID(svc.ID).SetHost(host).SetUsername(cmp.Or(a.Username, spec.GitUser)).SetKind(spec.GitToken)
	plain := a.Token
	if a.GenerateDeployKey {
		private, public, err := newDeployKey()
		if err != nil {
			return err
		}
		plain = private
		c.SetUsername(gitUser(src.Git)).SetKind(spec.DeployKey).SetPublicKey(public + " davit-" + ident.Short(svc.ID, 8))
	}
	sealed, err := s.Keys.Seal(secret.GitPlace(id), plain)
	if err != nil {
		return err
	}
	if err := c.SetSecret(sealed).Exec(ctx); err != nil {
		return fmt.Errorf("store git credential: %w", store.Race(err))
	}
	return nil
}

// gitUser is who signs in by ssh.
func gitUser(g *spec.GitSource) string {
	r, err := spec.ParseRepository("", g.Repository)
	if err != nil {
		return ""
	}
	return cmp.Or(r.User, "git")
}

// gitHost is the host and port of a repository, "" for another source.
func gitHost(g *spec.GitSource) string {
	if g == nil {
		return ""
	}
	r, err := spec.ParseRepository("", g.Repository)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(strings.ToLower(r.Host), r.PortOr())
}

// newDeployKey makes an Ed25519 key: its private half in PEM, its public half
// as a line of authorized_keys without a comment.
func newDeployKey() (private, public string, err error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make deploy key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(key, "davit")
	if err != nil {
		return "", "", fmt.Errorf("make deploy key: %w", err)
	}
	half, err := ssh.NewPublicKey(pub)
	if err != nil {
		return "", "", fmt.Errorf("make deploy key: %w", err)
	}
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(half))), nil
}
