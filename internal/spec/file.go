package spec

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/davitdev/davit/internal/fault"
)

// Bounds of config files.
const (
	MaxFiles     = 20
	MaxFileBytes = 64 << 10  // of one
	maxFilesSum  = 512 << 10 // of all of a service
	DefaultMode  = 0o644
	maxFilePath  = 512
	maxFileName  = 255 // of one element, as file systems have it
)

// ConfigFile is a small file that is put into each container of a service. What
// it holds is sealed in a row of its own.
type ConfigFile struct {
	Path      string `json:"path"` // absolute, inside the container
	Mode      int    `json:"mode"` // permission bits
	Size      int    `json:"size"` // bytes
	Digest    string `json:"digest"`
	VersionID string `json:"versionId"` // "flv_…", the row
	// Content is what it is to hold, nil for what VersionID does. It is never
	// written here.
	Content *string `json:"-"`
}

// reserved is where an engine mounts something of its own over what an image
// has: nothing there would be seen, or it would be the machine's.
var reserved = []string{"/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/sbin/docker-init", "/.dockerenv"}

func checkFiles(field string, files []ConfigFile) error {
	bad := func(format string, args ...any) error { return fault.At(field, fault.Invalid, format, args...) }
	if len(files) > MaxFiles {
		return bad("At most %d config files can be put into a container.", MaxFiles)
	}
	sum := 0
	for _, f := range files {
		if err := checkFilePath(field, f.Path); err != nil {
			return err
		}
		switch {
		case f.Mode <= 0 || f.Mode&^0o777 != 0:
			return bad("The mode of %s is made of permission bits alone, for example 0644, which is 420.", f.Path)
		case f.Content == nil && f.VersionID == "":
			return bad("Say what %s holds: there is no such file yet.", f.Path)
		case f.Content != nil && len(*f.Content) > MaxFileBytes:
			return bad("%s has over %d bytes: put large files into the image.", f.Path, MaxFileBytes)
		case f.Content != nil && !utf8.ValidString(*f.Content):
			return bad("%s is no text: only UTF-8 can be put into a config file.", f.Path)
		}
		sum += f.Size
	}
	if sum > maxFilesSum {
		return bad("The config files of a service have at most %d bytes together.", maxFilesSum)
	}
	paths := make([]string, len(files))
	for n, f := range files {
		paths[n] = f.Path
	}
	slices.Sort(paths)
	for n, p := range paths {
		for _, other := range paths[n+1:] {
			switch {
			case other == p:
				return bad("%s is there twice.", p)
			case strings.HasPrefix(other, p+"/"):
				return bad("%s cannot be below %s, which is a file.", other, p)
			}
		}
	}
	return nil
}

func checkFilePath(field, p string) error {
	bad := func(format string, args ...any) error { return fault.At(field, fault.Invalid, format, args...) }
	if len(p) > maxFilePath || !printable(p) || !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		return bad("%s is not the path of a config file: it is absolute, such as /etc/app/config.yml, without . and .., at most %d bytes.", quote(p), maxFilePath)
	}
	if slices.ContainsFunc(strings.Split(p, "/"), func(name string) bool { return len(name) > maxFileName }) {
		return bad("A name in the path of a config file has at most %d bytes.", maxFileName)
	}
	for _, r := range reserved {
		if p == r || strings.HasPrefix(p, r+"/") {
			return bad("No config file can be put at %s: the engine has something of its own there.", quote(p))
		}
	}
	return nil
}
