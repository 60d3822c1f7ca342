// Package site keeps static sites and serves them.
//
// A site is a bundle: a manifest that names every file, and the files
// themselves by their SHA-256, some of them compressed beforehand. The SHA-256
// of the manifest is the bundle's id, so equal output is one bundle, and a file
// that many bundles have is kept once. A Store writes bundles, a Library reads
// them and answers requests; they may be in different processes. Nothing in a
// bundle is ever changed.
//
//	bundles/<id>.json      manifests, each written after all its files
//	blobs/<2>/<62>         files, by the hex digits of their SHA-256
//	temp/                  what is not complete
package site

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/davitdev/davit/internal/fault"
)

// format is the version of manifests.
const format = 1

// Manifest says what a bundle has. Its JSON is the bundle's identity.
type Manifest struct {
	Format int `json:"format"`
	// SPA answers what no file is at with the application's page.
	SPA       bool         `json:"spa,omitempty"`
	Files     []File       `json:"files"` // by path
	Redirects []Redirect   `json:"redirects,omitempty"`
	Headers   []HeaderRule `json:"headers,omitempty"`
}

// File is one file of a site.
type File struct {
	Path string `json:"path"` // below the root, in NFC, without a leading slash
	Blob
	Gzip   *Blob `json:"gzip,omitempty"` // the same content, compressed
	Brotli *Blob `json:"br,omitempty"`

	mime, cache string // headers of its answers, once it is served
}

// Blob is content.
type Blob struct {
	SHA256 Sum   `json:"sha256"`
	Size   int64 `json:"size"` // bytes
}

// Sum is a SHA-256, in JSON as hex digits.
type Sum [32]byte

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(text []byte) error {
	got, err := ParseSum(string(text))
	*s = got
	return err
}

// ParseSum reads 64 lower-case hex digits.
func ParseSum(text string) (Sum, error) {
	var s Sum
	if len(text) != hex.EncodedLen(len(s)) || strings.ToLower(text) != text {
		return s, fmt.Errorf("%s is no SHA-256", strconv.Quote(shorten(text)))
	}
	if _, err := hex.Decode(s[:], []byte(text)); err != nil {
		return Sum{}, fmt.Errorf("%s is no SHA-256", strconv.Quote(shorten(text)))
	}
	return s, nil
}

// Limits bounds a bundle. A zero field means its default.
type Limits struct {
	Files int   // 20,000
	File  int64 // bytes of one file; 256 MiB
	Total int64 // bytes of all files, without their compressed forms; 1 GiB
	Names int   // bytes of all paths, which the proxy keeps in memory; 4 MiB
}

func (l Limits) withDefaults() Limits {
	if l.Files == 0 {
		l.Files = 20_000
	}
	if l.File == 0 {
		l.File = 256 << 20
	}
	if l.Total == 0 {
		l.Total = 1 << 30
	}
	if l.Names == 0 {
		l.Names = 4 << 20
	}
	return l
}

const (
	maxPath     = 1024
	maxDepth    = 64
	maxManifest = 32 << 20 // bytes; what the default limits allow is less
)

// cleanName returns the name of a file as the manifest has it, or what is wrong
// with it. Names that Unicode holds for the same are the same: a file from a
// Mac is found by what a browser elsewhere asks for.
func cleanName(raw string) (name, problem string) {
	name = path.Clean(raw)
	switch {
	case raw == "" || name == ".":
		return "", "has no name"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", "has a control character or broken UTF-8 in its name"
	case path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../"):
		return "", "leads out of the directory"
	}
	name = norm.NFC.String(name)
	switch {
	case len(name) > maxPath:
		return "", fmt.Sprintf("has a path of more than %d bytes", maxPath)
	case strings.Count(name, "/") > maxDepth:
		return "", fmt.Sprintf("lies more than %d directories deep", maxDepth)
	}
	return name, ""
}

// hidden reports whether a path has a part that begins with a dot: such files
// are never served, but for those of .well-known (RFC 8615).
func hidden(name string) bool {
	name = strings.TrimPrefix(name, ".well-known/")
	return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
}

// decodeManifest reads and checks a manifest: whoever wrote the file, what it
// says is safe to serve.
func decodeManifest(data []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("a manifest of format %d is not known", m.Format)
	}
	for _, f := range m.Files {
		if name, problem := cleanName(f.Path); problem != "" || name != f.Path || hidden(name) || f.Size < 0 {
			return nil, fmt.Errorf("the manifest has the file %s, which cannot be", strconv.Quote(shorten(f.Path)))
		}
	}
	if !slices.IsSortedFunc(m.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) }) {
		return nil, fmt.Errorf("the manifest is not in order")
	}
	return &m, nil
}

// blobs calls do with all the content a manifest names.
func (m *Manifest) blobs(do func(Blob)) {
	for _, f := range m.Files {
		do(f.Blob)
		for _, b := range []*Blob{f.Gzip, f.Brotli} {
			if b != nil {
				do(*b)
			}
		}
	}
}

// shorten cuts hostile text for a message.
func shorten(s string) string {
	const most = 120
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func show(s string) string { return strconv.Quote(shorten(s)) }

func invalid(format string, args ...any) error {
	return fault.New(fault.SourceInvalid, "The site cannot be served: "+format, args...)
}
