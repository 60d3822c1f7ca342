package deploy

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/gitcredential"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// GitLogin opens a repository. The zero value opens public ones.
type GitLogin struct{ Username, Token, PrivateKey string }

// OpenGitCredential returns what opens a service's repository, nothing if its
// credential is for another host than r's. Only the worker calls it.
func (s *Service) OpenGitCredential(ctx context.Context, serviceID string, r spec.Repository) (GitLogin, error) {
	host := net.JoinHostPort(strings.ToLower(r.Host), r.PortOr())
	c, err := s.DB.GitCredential.Query().Where(gitcredential.ServiceID(serviceID), gitcredential.Host(host)).Only(ctx)
	if ent.IsNotFound(err) {
		return GitLogin{}, nil
	}
	if err != nil {
		return GitLogin{}, fmt.Errorf("find git credential: %w", err)
	}
	plain, err := s.Keys.Open(secret.GitPlace(c.ID), c.Secret)
	if err != nil {
		return GitLogin{}, err
	}
	if err := s.DB.GitCredential.Update().Where(gitcredential.ID(c.ID)).SetLastUsedAt(clock()).Exec(ctx); err != nil {
		return GitLogin{}, fmt.Errorf("note use of credential: %w", err)
	}
	if c.Kind == spec.DeployKey {
		return GitLogin{PrivateKey: plain}, nil
	}
	return GitLogin{Username: c.Username, Token: plain}, nil
}

// SetCommit notes what was fetched. Every later fetch of the deployment gets
// the same.
func (s *Service) SetCommit(ctx context.Context, c *Claim, commit spec.Commit) error {
	commit.Message, commit.Author = store.Text(commit.Message), store.Text(commit.Author)
	err := s.Advance(ctx, c, c.Row.Status, func(u *ent.DeploymentUpdate) { u.SetCommit(&commit) })
	if err != nil {
		return err
	}
	c.Row.Commit = &commit
	return nil
}
