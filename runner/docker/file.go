package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/moby/sys/user"

	"github.com/davitdev/davit/runner"
)

// errNobody is an account that a container does not know.
var errNobody = errors.New("docker: no such account")

// maxAccounts bounds what is read of a container's /etc/passwd or /etc/group.
const maxAccounts = 1 << 20

// maxLinks bounds the links that are followed to one of them. An engine says
// where the last of a chain leads.
const maxLinks = 4

// putFiles copies files into the container id, which never ran, and whose image
// runs as account. The engine unpacks them with the container's root for its
// own, so that no link leads out of it. Doing it again changes nothing.
func (e *Engine) putFiles(ctx context.Context, s *session, id, account string, files []runner.File) error {
	if len(files) == 0 {
		return nil
	}
	owner, err := e.owner(ctx, s, id, account)
	if errors.Is(err, errNobody) {
		return &runner.FileError{Path: files[0].Path, Message: fmt.Sprintf("the user of the image, %.100q, is not in its /etc/passwd", account)}
	}
	if err != nil {
		return err
	}
	err = e.unpack(ctx, s, id, "/", owner, files)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil || isAway(err): // the text may be that of a missing socket
		return e.fail(ctx, "put files", err)
	case len(files) > 1: // which one it is about is not always said
		for n := range files {
			if err := e.putFiles(ctx, s, id, account, files[n:n+1]); err != nil {
				return err
			}
		}
		return nil
	}
	if strings.Contains(err.Error(), "path escapes from parent") {
		err = e.unpackBehindLinks(ctx, s, id, owner, files[0])
	}
	switch {
	case err == nil:
		return nil
	case gone(err): // since 23.0 also the answer where a link leads to nothing
		if err := e.there(ctx, s, id); err != nil {
			return err
		}
		return &runner.FileError{Path: files[0].Path, Message: "no such file or directory"}
	}
	if why := fileError(err, files[0].Path); why != nil {
		return why
	}
	return e.fail(ctx, "put files", err)
}

// unpack has the engine unpack files into a directory of the container, which
// they are below. It follows the links to that directory.
func (e *Engine) unpack(ctx context.Context, s *session, id, dir string, owner *user.ExecUser, files []runner.File) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{
			Name: strings.TrimPrefix(strings.TrimPrefix(f.Path, dir), "/"), Mode: int64(f.Mode.Perm()), Size: int64(len(f.Content)),
			Uid: owner.Uid, Gid: owner.Gid, ModTime: time.Now(),
		})
		if err == nil {
			_, err = io.WriteString(w, f.Content)
		}
		if err != nil {
			return fmt.Errorf("pack files: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack files: %w", err)
	}
	_, err := s.api.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: dir, Content: &archive})
	return err
}

// unpackBehindLinks unpacks a file into the deepest of its directories that is
// there. Since 29.0 an engine takes a link that is absolute, or goes up, for an
// escape from where it unpacks, though not on the way there.
func (e *Engine) unpackBehindLinks(ctx context.Context, s *session, id string, owner *user.ExecUser, f runner.File) error {
	for dir := path.Dir(f.Path); ; dir = path.Dir(dir) {
		err := e.unpack(ctx, s, id, dir, owner, []runner.File{f})
		if dir == "/" || !gone(err) {
			return err
		}
	}
}

// there fails, as for what the engine does not have, if the container id is
// gone or about to be.
func (e *Engine) there(ctx context.Context, s *session, id string) error {
	res, err := s.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if state := res.Container.State; err == nil && state != nil && (state.Status == "removing" || state.Dead) {
		err = errdefs.ErrNotFound
	}
	return e.fail(ctx, "inspect", err)
}

// fileError recognizes what the image has in the way of a file; nil if it is
// something else.
func fileError(err error, at string) error {
	for _, cause := range []string{
		"cannot overwrite", "not a directory", "is a directory", "no such file or directory", "device or resource busy",
		"read-only file system", "too many levels of symbolic links", "operation not permitted", "path escapes from parent",
	} {
		if strings.Contains(err.Error(), cause) {
			return &runner.FileError{Path: at, Message: cause}
		}
	}
	return nil
}

// owner finds the user and the group that an image's account stands for, as the
// engine does when it starts one: names are those of the container's own files.
func (e *Engine) owner(ctx context.Context, s *session, id, account string) (*user.ExecUser, error) {
	uid, gid, both := strings.Cut(account, ":")
	if account == "" || both && isNumber(uid) && isNumber(gid) {
		return user.GetExecUser(account, &user.ExecUser{}, nil, nil)
	}
	passwd, err := e.readFile(ctx, s, id, "/etc/passwd")
	if err != nil {
		return nil, err
	}
	group, err := e.readFile(ctx, s, id, "/etc/group")
	if err != nil {
		return nil, err
	}
	owner, err := user.GetExecUser(account, &user.ExecUser{}, bytes.NewReader(passwd), bytes.NewReader(group))
	if err != nil { // the engine could not start it either
		return nil, errNobody
	}
	return owner, nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// readFile reads the beginning of a file of a container that need not run, and
// nothing of what is no file. A link leads where it leads inside the container.
func (e *Engine) readFile(ctx context.Context, s *session, id, name string) ([]byte, error) {
	for range maxLinks {
		text, link, err := e.readPath(ctx, s, id, name)
		if err != nil || link == "" {
			return text, err
		}
		name = link
	}
	return nil, nil
}

// readPath is readFile that returns where a link leads, and does not follow it.
func (e *Engine) readPath(ctx context.Context, s *session, id, name string) (_ []byte, link string, _ error) {
	res, err := s.api.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: name})
	if gone(err) {
		return nil, "", e.there(ctx, s, id)
	}
	if err != nil {
		return nil, "", e.fail(ctx, "read "+name, err)
	}
	defer res.Content.Close()
	r := tar.NewReader(res.Content)
	switch h, err := r.Next(); {
	case errors.Is(err, io.EOF):
		return nil, "", nil
	case err != nil:
		return nil, "", e.fail(ctx, "read "+name, err)
	case h.Typeflag != tar.TypeReg:
		return nil, res.Stat.LinkTarget, nil
	}
	text, err := io.ReadAll(io.LimitReader(r, maxAccounts))
	if err != nil {
		return nil, "", e.fail(ctx, "read "+name, err)
	}
	return text, "", nil
}
