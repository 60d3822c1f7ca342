package git

import (
	"context"
	"slices"
	"strings"
)

// Refs are the branches and tags of a repository.
type Refs struct {
	// Default is the branch that is checked out by default, "" in a repository
	// without one.
	Default  string
	Branches []Ref // by name
	Tags     []Ref // by name
}

// Ref is a branch or tag.
type Ref struct {
	Name string
	SHA  string // of its commit; of an annotated tag the tag's own
}

// List lists the branches and tags of a repository. It fails with
// REPOSITORY_NOT_FOUND, REPOSITORY_UNAUTHORIZED, REPOSITORY_UNAVAILABLE or
// SOURCE_FORBIDDEN.
func (g *Git) List(ctx context.Context, r Remote) (Refs, error) {
	text, err := g.output(ctx, command{remote: &r, args: []string{"ls-remote", "--symref", "--", r.String(), "HEAD", "refs/heads/*", "refs/tags/*"}})
	if err != nil {
		return Refs{}, err
	}
	var refs Refs
	for line := range strings.Lines(text) {
		what, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if branch, ok := strings.CutPrefix(what, "ref: refs/heads/"); ok && name == "HEAD" {
			refs.Default = branch
		}
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			refs.Branches = append(refs.Branches, Ref{branch, what})
		}
		if tag, ok := strings.CutPrefix(name, "refs/tags/"); ok && !strings.HasSuffix(tag, "^{}") {
			refs.Tags = append(refs.Tags, Ref{tag, what})
		}
	}
	byName := func(a, b Ref) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(refs.Branches, byName)
	slices.SortFunc(refs.Tags, byName)
	return refs, nil
}

// find says which ref of the repository a name is: a branch before a tag, the
// default branch for "".
func (r Refs) find(name string) (ref, branch string, ok bool) {
	if name == "" {
		name = r.Default
	}
	has := func(list []Ref) bool { return slices.ContainsFunc(list, func(r Ref) bool { return r.Name == name }) }
	switch {
	case name != "" && has(r.Branches):
		return "refs/heads/" + name, name, true
	case name != "" && has(r.Tags):
		return "refs/tags/" + name, "", true
	}
	return "", "", false
}
