package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/gitutil"
	digest "github.com/opencontainers/go-digest"

	"github.com/davitdev/davit/internal/fault"
)

// graph is a translated Dockerfile: what it wants, and which line wants it.
type graph struct {
	ops   map[string]*pb.Op // by digest
	lines map[string]span   // of the Dockerfile
}

// span is the lines of an instruction, the zero value none.
type span struct{ first, last int }

func readGraph(def *llb.Definition) (*graph, error) {
	g := &graph{ops: map[string]*pb.Op{}, lines: map[string]span{}}
	for _, data := range def.Def {
		op := &pb.Op{}
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("read build graph: %w", err)
		}
		g.ops[string(digest.FromBytes(data))] = op
	}
	if def.Source != nil {
		for id, l := range def.Source.Locations {
			if len(l.Locations) == 0 || len(l.Locations[0].Ranges) == 0 {
				continue
			}
			ranges := l.Locations[0].Ranges
			g.lines[id] = span{int(ranges[0].Start.Line), int(ranges[len(ranges)-1].End.Line)}
		}
	}
	// A source has the line of the step that wants it.
	for id, op := range g.ops {
		for _, in := range op.Inputs {
			if g.lines[in.Digest] == (span{}) {
				g.lines[in.Digest] = g.lines[id]
			}
		}
	}
	return g, nil
}

// rewrite changes steps of a definition: those for which change returns true. It
// is given the digest that a step had.
func rewrite(def *llb.Definition, change func(id string, op *pb.Op) bool) error {
	renamed := map[string]string{} // digests
	for i, data := range def.Def { // inputs first
		op := &pb.Op{}
		if err := op.UnmarshalVT(data); err != nil {
			return fmt.Errorf("read build graph: %w", err)
		}
		changed := change(string(digest.FromBytes(data)), op)
		for _, in := range op.Inputs {
			if now, ok := renamed[in.Digest]; ok {
				in.Digest, changed = now, true
			}
		}
		if !changed {
			continue
		}
		written, err := op.Marshal()
		if err != nil {
			return fmt.Errorf("write build graph: %w", err)
		}
		before, now := digest.FromBytes(data), digest.FromBytes(written)
		def.Def[i], renamed[string(before)] = written, string(now)
		def.Metadata[now] = def.Metadata[before]
		delete(def.Metadata, before)
		if def.Source != nil && def.Source.Locations[string(before)] != nil {
			def.Source.Locations[string(now)] = def.Source.Locations[string(before)]
			delete(def.Source.Locations, string(before))
		}
	}
	return nil
}

// image is the base image a step fetches, "" if it fetches none.
func (g *graph) image(id string) string {
	ref, ok := strings.CutPrefix(g.ops[id].GetSource().GetIdentifier(), "docker-image://")
	if !ok {
		return ""
	}
	return ref
}

// runs reports whether a step is an instruction that does something.
func (g *graph) runs(id string) bool {
	op := g.ops[id]
	return op.GetExec() != nil || op.GetFile() != nil
}

// sources says what a graph may fetch.
type sources struct {
	context string                                       // name of the build context
	image   func(ref string) error                       // fails for one that must not be used
	allow   func(ctx context.Context, host string) error // likewise
	git     bool                                         // whether git may be used
}

// check refuses a graph with a step that may not be run.
func (g *graph) check(ctx context.Context, text []byte, may sources) error {
	inOrder := func(a, b string) int { return cmp.Or(g.lines[a].first-g.lines[b].first, strings.Compare(a, b)) }
	for _, id := range slices.SortedFunc(maps.Keys(g.ops), inOrder) {
		op := g.ops[id]
		problem := execProblem(op.GetExec())
		if s := op.GetSource(); s != nil {
			var err error
			if problem, err = may.forbid(ctx, s); err != nil {
				return err
			}
		}
		if problem != "" {
			return atLine(text, g.lines[id].first, fault.SourceForbidden, "%s", problem)
		}
	}
	return nil
}

// execProblem says what a command wants beyond its container.
func execProblem(e *pb.ExecOp) string {
	if e == nil {
		return ""
	}
	switch {
	case e.Network == pb.NetMode_HOST:
		return "a build must not use the network of the host."
	case e.Security == pb.SecurityMode_INSECURE:
		return "a build must not be privileged."
	case len(e.CdiDevices) > 0:
		return "a build must not use devices."
	}
	for _, m := range e.Mounts {
		if m.MountType == pb.MountType_SSH && !m.GetSSHOpt().GetOptional() {
			return "there is no ssh agent for builds: use a secret."
		}
	}
	return ""
}

// forbid says why a source may not be used, "" if it may.
func (may sources) forbid(ctx context.Context, s *pb.SourceOp) (string, error) {
	scheme, rest, _ := strings.Cut(s.Identifier, "://")
	switch scheme {
	case "local":
		if rest != may.context {
			return "there is no build context of that name.", nil
		}
		return "", nil
	case "docker-image":
		return "", may.image(rest)
	}
	host := remoteHost(scheme, s)
	if host == "" {
		return "it wants a kind of source that is not allowed.", nil
	}
	if scheme == "git" && !may.git {
		return "ADD takes no repository here, because the engine's git follows redirects to wherever the engine reaches: use RUN git clone.", nil
	}
	err := may.allow(ctx, host)
	if refused, ok := errors.AsType[*fault.Error](err); ok && refused.Code == fault.SourceForbidden {
		return refused.Message, nil
	}
	return "", err
}

// remoteHost is the host a source is fetched from by http or git, "" for
// anything else.
func remoteHost(scheme string, s *pb.SourceOp) string {
	switch scheme {
	case "http", "https":
		if u, err := url.Parse(s.Identifier); err == nil {
			return u.Hostname()
		}
	case "git":
		if u, err := gitutil.ParseURL(s.Attrs[pb.AttrFullRemoteURL]); err == nil && u.Scheme != gitutil.SSHProtocol {
			return (&url.URL{Host: u.Host}).Hostname()
		}
	}
	return ""
}
