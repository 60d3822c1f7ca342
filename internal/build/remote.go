package build

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"

	"github.com/davitdev/davit/internal/fault"
)

// maxRemote is how many bytes a build may fetch by ADD, all files together: as
// many as must be free when it begins.
const maxRemote = 1 << 30

// remote is what ADD fetches by http. The engine's own client would follow a
// redirect to whatever the engine's machine can reach, so the files are fetched
// here, and sent to the engine as another source.
type remote struct {
	client *http.Client
	source string // what the files are called in the engine
	dir    string // where they lie
	left   int64  // of maxRemote

	mu    sync.Mutex
	files []remoteFile // their directories ascend
}

func (r *remote) fetched() []remoteFile {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files
}

// fetch gets what ADD wants by http, and changes the steps that use it.
func (t *translation) fetch(ctx context.Context, def *llb.Definition) error {
	files := map[string]remoteFile{} // by the digest of the step
	for _, data := range def.Def {
		id := string(digest.FromBytes(data))
		address := urlOf(t.graph.ops[id])
		if address == "" {
			continue
		}
		step := Step{ID: id, Name: "fetching " + address, StartedAt: time.Now()}
		if u, err := url.Parse(address); err == nil {
			step.Name = "fetching " + u.Redacted()
		}
		t.out.step(step)
		one, err := t.remote.fetch(ctx, t.graph.ops[id].GetSource())
		step.FinishedAt = time.Now()
		if err != nil {
			step.Error = err.Error()
		}
		t.out.step(step)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f, ok := errors.AsType[*fault.Error](err); ok {
			return atLine(t.req.Plan.Dockerfile, t.graph.lines[id].first, f.Code, "%s.", f.Message)
		}
		if err != nil {
			return err
		}
		files[id] = one
	}
	if len(files) == 0 {
		return nil
	}
	err := rewrite(def, func(id string, op *pb.Op) bool {
		if one, ok := files[id]; ok {
			t.remote.replace(op.GetSource(), one)
			return true
		}
		return follow(op, files)
	})
	if err == nil {
		t.graph, err = readGraph(def)
	}
	return err
}

// urlOf is what a step fetches by http, "" for any other.
func urlOf(op *pb.Op) string {
	id := op.GetSource().GetIdentifier()
	if strings.HasPrefix(id, "http://") || strings.HasPrefix(id, "https://") {
		return id
	}
	return ""
}

// fetch gets what a step fetches by http, under the name, mode and time that the
// engine would give it.
func (r *remote) fetch(ctx context.Context, s *pb.SourceOp) (remoteFile, error) {
	one := remoteFile{dir: fmt.Sprintf("%06d", len(r.fetched())), name: s.Attrs[pb.AttrHTTPFilename], time: time.Unix(0, 0)}
	if one.name == "" || one.name == "." || one.name == ".." || strings.ContainsAny(one.name, "/\x00") {
		return one, fault.New(fault.DockerfileInvalid, "the address does not end in the name of a file")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Identifier, nil)
	if err != nil {
		return one, fault.Wrap(err, fault.DockerfileInvalid, "the address cannot be read")
	}
	req.Header.Set("User-Agent", "davit")
	res, err := r.client.Do(req)
	if err != nil {
		return one, unreached(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode >= 300 {
		return one, fault.New(fault.BuildFailed, "the server answers with the status %d", res.StatusCode)
	}
	if at, err := http.ParseTime(res.Header.Get("Last-Modified")); err == nil {
		one.time = at
	}
	want := digest.Digest(s.Attrs[pb.AttrHTTPChecksum])
	one.path = filepath.Join(r.dir, one.dir)
	if one.size, err = r.save(ctx, one.path, want, res.Body); err != nil {
		return one, err
	}
	r.left -= one.size
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = append(r.files, one)
	return one, nil
}

// save writes a file, whose digest has to be want unless that is "".
func (r *remote) save(ctx context.Context, path string, want digest.Digest, body io.Reader) (int64, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("fetch for a build: %w", err)
	}
	var sum hash.Hash
	out := io.Writer(f)
	if want != "" {
		sum = want.Algorithm().Hash()
		out = io.MultiWriter(f, sum)
	}
	n, err := io.Copy(out, io.LimitReader(body, r.left+1))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return 0, fault.New(fault.DiskFull, "there is no space left for it on the disk of the server").Because(err)
	case err != nil:
		return 0, unreached(ctx, err)
	case n > r.left:
		return 0, fault.New(fault.BuildFailed, "what a build fetches by ADD has more than %d MiB: use RUN for it", maxRemote>>20)
	case sum != nil && digest.NewDigest(want.Algorithm(), sum) != want:
		return 0, fault.New(fault.BuildFailed, "the digest of what was fetched is %s", digest.NewDigest(want.Algorithm(), sum))
	}
	return n, nil
}

// unreached is the error of a fetch that got nothing, or not all.
func unreached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok { // of the host, or of one that it redirects to
		return fault.New(f.Code, "%s", strings.TrimSuffix(f.Message, ".")).Because(err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok { // without the address, which the line has
		err = u.Err
	}
	return fault.New(fault.BuildFailed, "it could not be fetched: %s", err).Because(err)
}

// replace makes the step of a file that was fetched one that takes it from there.
func (r *remote) replace(s *pb.SourceOp, one remoteFile) {
	s.Identifier = "local://" + r.source
	s.Attrs = map[string]string{pb.AttrIncludePatterns: `["` + one.dir + `"]`, pb.AttrSharedKeyHint: r.source + one.dir}
}

// follow makes the steps that copy a file find it where it is now. files are by
// the digest of the step that fetched one.
func follow(op *pb.Op, files map[string]remoteFile) (changed bool) {
	for _, a := range op.GetFile().GetActions() {
		c := a.GetCopy()
		if c == nil || a.SecondaryInput < 0 || int(a.SecondaryInput) >= len(op.Inputs) {
			continue
		}
		if one, ok := files[op.Inputs[a.SecondaryInput].Digest]; ok {
			c.Src, changed = "/"+one.dir+"/"+one.name, true
		}
	}
	return changed
}
