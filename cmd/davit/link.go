package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
)

const (
	linkDir  = ".davit"
	linkFile = linkDir + "/link.json"
)

// link remembers in a directory which service it was deployed as. It never
// decides which server is spoken to: a directory may come from anybody, and
// the token must not go where a stranger says.
type link struct {
	Server     string `json:"server"`
	ProjectID  string `json:"projectId"`
	ServiceID  string `json:"serviceId"`
	InstanceID string `json:"instanceId"`
}

// check refuses a link to another server than the one that is spoken to.
func (l link) check(server string) error {
	if l.Server == server {
		return nil
	}
	return fault.New(fault.Conflict, "This directory is deployed to %q, not to %s.", l.Server, server).
		WithHint("Name that server with --server, or remove %s to begin anew.", linkFile)
}

// readLink returns the link of a directory; ok is false without one.
func readLink(dir string) (l link, ok bool, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return l, false, fault.Wrap(err, fault.Invalid, "%s is not a directory that can be read", dir)
	}
	defer root.Close()
	text, err := root.ReadFile(linkFile)
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("read link: %w", err)
	}
	if json.Unmarshal(text, &l) != nil || !ident.Is(l.ServiceID, ident.Service) || !ident.Is(l.InstanceID, ident.Instance) {
		return l, false, fault.New(fault.Invalid, "%s is damaged.", path.Join(dir, linkFile)).WithHint("Remove it, and deploy again.")
	}
	return l, true, nil
}

// keepsLink refuses a directory without a link that none can be written to. It
// leaves the directory as it is.
func keepsLink(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("try link: %w", err)
	}
	defer root.Close()
	err = root.Mkdir(linkDir, 0o755)
	if err == nil {
		defer func() { _ = root.RemoveAll(linkDir) }() // it was not there
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = errors.Join(
			root.WriteFile(linkDir+"/.gitignore", []byte("*\n"), 0o644),
			root.WriteFile(linkFile+".new", nil, 0o644),
			root.Remove(linkFile+".new"),
		)
	}
	if err != nil {
		return fault.New(fault.Invalid, "No link to a service can be kept in %s, so that nothing was deployed", dir).
			WithHint("Make the directory and its %s writable for this user, or deploy a copy of it.", linkDir).Because(err)
	}
	return nil
}

// write keeps l in a directory, out of sight of git.
func (l link) write(dir string) error {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write link: %w", err)
	}
	defer root.Close()
	err = errors.Join(
		root.MkdirAll(linkDir, 0o755),
		root.WriteFile(linkDir+"/.gitignore", []byte("*\n"), 0o644),
		root.WriteFile(linkFile+".new", append(text, '\n'), 0o644),
		root.Rename(linkFile+".new", linkFile),
	)
	if err != nil {
		return fmt.Errorf("write link: %w", err)
	}
	return nil
}

// removeLink forgets the link of a directory.
func removeLink(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("remove link: %w", err)
	}
	defer root.Close()
	if err := root.RemoveAll(linkDir); err != nil {
		return fmt.Errorf("remove link: %w", err)
	}
	return nil
}
