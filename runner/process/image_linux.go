package process

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/davitdev/davit/runner"
)

var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// manifest is image.json.
type manifest struct {
	ImageConfig
	Size int64 `json:"size"`
}

const manifestFile, filesDir = "image.json", "files"

// Install makes an image of the regular files, directories and symbolic links
// in dir, which stays as it is, and returns it. Equal contents and equal config
// are the same image. A config without a command is ErrImageUnsupported, and so
// is a file of another kind, or a working directory outside of the files.
func (r *Runner) Install(ctx context.Context, dir string, cfg ImageConfig) (runner.Image, error) {
	if len(cfg.Cmd) == 0 || cfg.Cmd[0] == "" {
		return runner.Image{}, fmt.Errorf("%w: it has no command to start", runner.ErrImageUnsupported)
	}
	if cfg.Workdir != "" && !filepath.IsLocal(cfg.Workdir) {
		return runner.Image{}, fmt.Errorf("%w: working directory %q", runner.ErrImageUnsupported, cfg.Workdir)
	}
	staged, err := r.stage()
	if err != nil {
		return runner.Image{}, err
	}
	defer func() { _ = removeAll(staged) }() // nothing is left if all went well
	sum := sha256.New()
	size, err := copyTree(ctx, filepath.Join(staged, filesDir), dir, sum)
	if err != nil {
		return runner.Image{}, err
	}
	m := manifest{ImageConfig: cfg, Size: size}
	if err := json.NewEncoder(sum).Encode(cfg); err != nil {
		return runner.Image{}, fmt.Errorf("process install: %w", err)
	}
	if err := writeFile(filepath.Join(staged, manifestFile), m); err != nil {
		return runner.Image{}, fmt.Errorf("process install: %w", err)
	}
	id := fmt.Sprintf("sha256:%x", sum.Sum(nil))
	unlock, err := r.lock(ctx)
	if err != nil {
		return runner.Image{}, err
	}
	defer unlock()
	switch err := os.Rename(staged, r.imagePath(id)); {
	case errors.Is(err, fs.ErrExist): // it is there already
	case err != nil:
		return runner.Image{}, fmt.Errorf("process install: %w", diskError(err))
	}
	return m.describe(id), nil
}

func (m manifest) describe(id string) runner.Image {
	return runner.Image{ID: id, Size: m.Size, Cmd: m.Cmd, Ports: slices.Sorted(slices.Values(m.Ports))}
}

func (r *Runner) imagePath(id string) string {
	return r.path(imagesDir, strings.Replace(id, ":", "-", 1))
}

// manifest reads an installed image's.
func (r *Runner) manifest(id string) (m manifest, _ error) {
	if !imageID.MatchString(id) {
		return m, fmt.Errorf("%w: %.100q", runner.ErrImageNotFound, id)
	}
	err := readFile(filepath.Join(r.imagePath(id), manifestFile), &m)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%w: %s", runner.ErrImageNotFound, id)
	}
	return m, err
}

// Image returns an installed image. There are no references.
func (r *Runner) Image(ctx context.Context, id string) (runner.Image, error) {
	if err := ctx.Err(); err != nil {
		return runner.Image{}, err
	}
	m, err := r.manifest(id)
	if err != nil {
		return runner.Image{}, err
	}
	return m.describe(id), nil
}

// Pull returns an installed image by ID. Images of registries do not run
// without a container engine.
func (r *Runner) Pull(ctx context.Context, ref string, _ *runner.Credential, _ func(runner.Progress)) (runner.Image, error) {
	img, err := r.Image(ctx, ref)
	if errors.Is(err, runner.ErrImageNotFound) && !imageID.MatchString(ref) {
		return runner.Image{}, fmt.Errorf("%w: container images need Docker, which is not in use here", runner.ErrImageUnsupported)
	}
	return img, err
}

// Readable is for images of registries, which there are none of here.
func (r *Runner) Readable(ctx context.Context, ref string, cred *runner.Credential) error {
	_, err := r.Pull(ctx, ref, cred, nil)
	return err
}

// Images lists all that are installed: the directory is this installation's.
func (r *Runner) Images(ctx context.Context) ([]runner.BuiltImage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(r.path(imagesDir))
	if err != nil {
		return nil, fmt.Errorf("%w: process images: %w", runner.ErrUnavailable, err)
	}
	var list []runner.BuiltImage
	for _, e := range entries {
		if id := strings.Replace(e.Name(), "-", ":", 1); imageID.MatchString(id) {
			list = append(list, runner.BuiltImage{ID: id})
		}
	}
	return list, nil
}

// RemoveImage deletes an image without containers.
func (r *Runner) RemoveImage(ctx context.Context, id string) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := r.manifest(id); errors.Is(err, runner.ErrImageNotFound) {
		return nil
	}
	all, err := r.records()
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.Spec.Image == id {
			return fmt.Errorf("%w: image %s by %s", runner.ErrInUse, id, rec.Spec.Name)
		}
	}
	return r.discard(r.imagePath(id))
}

// copyTree copies src to dst, which it makes, adds everything that matters to
// sum, and returns the bytes in files. Links are copied as they are and never
// followed; what would have to be left out is an error.
func copyTree(ctx context.Context, dst, src string, sum hash.Hash) (size int64, _ error) {
	root, err := os.OpenRoot(src)
	if err != nil {
		return 0, fmt.Errorf("process copy: %w", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		to := filepath.Join(dst, path)
		switch info, err := d.Info(); {
		case err != nil:
			return err
		case d.IsDir():
			note(sum, "dir", path, 0)
			return os.Mkdir(to, 0o700)
		case d.Type() == fs.ModeSymlink:
			target, err := root.Readlink(path)
			if err != nil {
				return err
			}
			note(sum, "link", path, 0)
			note(sum, target, "", 0)
			return os.Symlink(target, to)
		case d.Type().IsRegular():
			note(sum, "file", path, uint64(info.Size())<<1|uint64(info.Mode()>>6&1))
			n, err := copyFile(root, to, path, info.Mode()&0o100 != 0, sum)
			size += n
			return err
		default:
			return fmt.Errorf("%w: %s is no file, directory or link", runner.ErrImageUnsupported, path)
		}
	})
	if err != nil {
		return 0, fmt.Errorf("process copy: %w", diskError(err))
	}
	return size, nil
}

// note adds strings to a hash so that no two sequences of them look alike.
func note(sum hash.Hash, kind, name string, n uint64) {
	for _, s := range []string{kind, name} {
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		sum.Write([]byte(s))
	}
	sum.Write(binary.BigEndian.AppendUint64(nil, n))
}

func copyFile(root *os.Root, to, from string, executable bool, sum hash.Hash) (int64, error) {
	in, err := root.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	mode := fs.FileMode(0o600)
	if executable {
		mode = 0o700
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.MultiWriter(out, sum), in)
	return n, errors.Join(err, out.Close())
}
