package graph

import (
	"encoding/base64"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/graph/page"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/repository"
	"github.com/davitdev/davit/internal/spec"
)

// branchesOf is a page of the branches of a repository. A cursor is the name of
// the last one: branches come and go.
func branchesOf(r *repository.Repository, query string, first int, after *string) (*model.BranchConnection, error) {
	if first < 0 || first > page.Max {
		return nil, fault.At("first", fault.Invalid, "Ask for 0 to %d items at a time; this asks for %d.", page.Max, first)
	}
	list := []*model.Branch{}
	for _, b := range r.Refs.Branches {
		if strings.Contains(strings.ToLower(b.Name), strings.ToLower(query)) && utf8.ValidString(b.Name) {
			list = append(list, &model.Branch{Name: b.Name, HeadSha: b.SHA})
		}
	}
	out := &model.BranchConnection{TotalCount: len(list), Edges: []*model.BranchEdge{}, PageInfo: &page.Info{}}
	if after != nil {
		name, err := base64.RawURLEncoding.DecodeString(*after)
		if err != nil || len(name) == 0 {
			return nil, fault.At("after", fault.CursorInvalid, "This cursor does not belong to this list: begin without one.")
		}
		list = list[sort.Search(len(list), func(i int) bool { return list[i].Name > string(name) }):]
		out.PageInfo.HasPreviousPage = true
	}
	if len(list) > first {
		list, out.PageInfo.HasNextPage = list[:first], true
	}
	out.Nodes = list
	for _, b := range list {
		out.Edges = append(out.Edges, &model.BranchEdge{Cursor: base64.RawURLEncoding.EncodeToString([]byte(b.Name)), Node: b})
	}
	if n := len(out.Edges); n > 0 {
		out.PageInfo.StartCursor, out.PageInfo.EndCursor = &out.Edges[0].Cursor, &out.Edges[n-1].Cursor
	}
	return out, nil
}

// reasonOf says why a repository cannot be pulled, and what to do.
func reasonOf(r *repository.Repository) *string {
	if r.Problem == nil {
		return nil
	}
	reason := strings.TrimSpace(r.Problem.Message + " " + r.Problem.Hint)
	return &reason
}

func credentialOf(in *model.RepositoryCredentialInput) repository.Credential {
	if in == nil {
		return repository.Credential{}
	}
	return repository.Credential{Username: or(in.Username), Token: in.Token}
}

func detectionOf(d *repository.Detection) *model.BuildDetection {
	out := &model.BuildDetection{
		Builder: d.Builder, Language: ptr(d.Language), Framework: ptr(d.Framework), RuntimeVersion: ptr(d.Version), VersionSource: ptr(d.VersionFrom),
		PackageManager: ptr(d.PackageManager), InstallCommand: ptr(d.Install), BuildCommand: ptr(d.Build), StartCommand: ptr(d.Start),
		PreDeployCommand: append([]string{}, d.PreDeploy...), Port: ptr(d.Port), OutputDirectory: ptr(d.OutputDirectory),
		Packages: append([]string{}, d.Packages...), Confidence: d.Confidence, Trace: d.Trace, Processes: []*model.DetectedProcess{},
		Dockerfile: strings.ToValidUTF8(string(d.Dockerfile), "\uFFFD"), Commit: &d.Commit,
	}
	for _, p := range d.Processes {
		if p.Name != spec.MainProcess {
			out.Processes = append(out.Processes, &model.DetectedProcess{Name: p.Name, Command: p.Command})
		}
	}
	return out
}
