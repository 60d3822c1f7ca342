package build_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// image is a saved image: what a reader of it could ever see.
func image(t *testing.T, api *client.Client, ref string) []byte {
	t.Helper()
	r, err := api.ImageSave(t.Context(), []string{ref})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// filesOf lists the files of an image's layers with their contents.
func filesOf(t *testing.T, api *client.Client, ref string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, blob := range untar(t, bytes.NewReader(image(t, api, ref))) {
		layer := io.Reader(strings.NewReader(blob))
		if zr, err := gzip.NewReader(strings.NewReader(blob)); err == nil {
			layer = zr
		}
		maps.Copy(out, untar(t, layer))
	}
	return out
}

// untar reads the regular files of a tar, none of what is no tar.
func untar(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	out := map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err != nil {
			return out
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			out[h.Name] = string(data)
		}
	}
}
