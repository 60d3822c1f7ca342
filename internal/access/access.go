// Package access decides who may do what. Its loaders are the first line of
// each verb: they return the row the verb is about, NOT_FOUND if the caller
// may not know of it, and FORBIDDEN if the caller may see it but not do that.
package access

import (
	"context"
	"fmt"
	"io"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/membership"
	"github.com/davitdev/davit/internal/enum"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
)

// Action is what somebody wants to do.
type Action string

// The actions.
const (
	Read               Action = "READ"
	ReadLogs           Action = "READ_LOGS"
	Write              Action = "WRITE"
	Deploy             Action = "DEPLOY"
	Rollback           Action = "ROLLBACK"
	Exec               Action = "EXEC"
	Delete             Action = "DELETE"
	AdministerPlatform Action = "ADMINISTER_PLATFORM"
)

var actions = []Action{Read, ReadLogs, Write, Deploy, Rollback, Exec, Delete, AdministerPlatform}

// least is the lowest role that may do an action in a workspace.
var least = map[Action]principal.Role{
	Read: principal.Viewer, ReadLogs: principal.Viewer,
	Write: principal.Editor, Deploy: principal.Editor, Rollback: principal.Editor, Exec: principal.Editor,
	Delete: principal.Maintainer,
}

// needs is the scope an API token must have for an action.
var needs = map[Action]principal.Scope{
	Read: principal.Read, ReadLogs: principal.Logs, Write: principal.Write, Deploy: principal.Deploy,
	Rollback: principal.Deploy, Exec: principal.Deploy, Delete: principal.Write, AdministerPlatform: principal.Admin,
}

// Can reports, as nil or an error, whether the principal of ctx may do a in
// the workspace. What is in a workspace the caller is no member of does not
// exist for the caller.
func Can(ctx context.Context, c *ent.Client, a Action, workspaceID string) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	return allowed(p, a, func() (*principal.Role, error) {
		m, err := c.Membership.Query().Where(membership.WorkspaceID(workspaceID), membership.UserID(p.UserID)).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, nil //nolint:nilnil // no member
		}
		if err != nil {
			return nil, fmt.Errorf("load membership: %w", err)
		}
		return &m.Role, nil
	})
}

// Somewhere reports, as nil or an error, whether the principal of ctx may do a
// in any workspace.
func Somewhere(ctx context.Context, c *ent.Client, a Action) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	return allowed(p, a, func() (*principal.Role, error) {
		list, err := c.Membership.Query().Where(membership.UserID(p.UserID)).All(ctx)
		if err != nil {
			return nil, fmt.Errorf("load memberships: %w", err)
		}
		var best *principal.Role
		for _, m := range list {
			if best == nil || m.Role.AtLeast(*best) {
				best = &m.Role
			}
		}
		if best == nil {
			return nil, fault.New(fault.Forbidden, "You are a member of no workspace: ask somebody to add you to one.")
		}
		return best, nil
	})
}

// Allowed is Can for a principal whose role in the workspace is known, nil for
// no member.
func Allowed(p principal.Principal, a Action, role *principal.Role) error {
	return allowed(p, a, func() (*principal.Role, error) { return role, nil })
}

func allowed(p principal.Principal, a Action, role func() (*principal.Role, error)) error {
	if !p.Allows(needs[a]) {
		return fault.New(fault.Forbidden, "This token lacks the scope %s.", needs[a])
	}
	if p.Kind == principal.System || p.PlatformAdmin {
		return nil
	}
	if a == AdministerPlatform {
		return fault.New(fault.Forbidden, "Only platform administrators may do this.")
	}
	is, err := role()
	if err != nil {
		return err
	}
	if is == nil {
		return Missing()
	}
	if lowest, ok := least[a]; ok && is.AtLeast(lowest) {
		return nil
	}
	return fault.New(fault.Forbidden, "Your role %s does not allow this: ask an owner of the workspace.", *is)
}

// Missing is the answer for what is absent and for what the caller may not
// know of: the two cannot be told apart.
func Missing() error { return fault.New(fault.NotFound, "There is no such object.") }

// Rule says whether somebody may do something, and why not.
type Rule struct {
	Action  Action
	Allowed bool
	Reason  *string // a sentence, if not allowed
}

// Rules answers Allowed for each action, in the order asked.
func Rules(p principal.Principal, role *principal.Role, asked []Action) []*Rule {
	out := make([]*Rule, len(asked))
	for i, a := range asked {
		out[i] = &Rule{Action: a, Allowed: true}
		if err := Allowed(p, a, role); err != nil {
			reason := err.Error()
			out[i] = &Rule{Action: a, Reason: &reason}
		}
	}
	return out
}

func (a Action) MarshalGQL(w io.Writer)    { enum.Write(w, a) }
func (a *Action) UnmarshalGQL(v any) error { return enum.Read(a, v, actions) }
