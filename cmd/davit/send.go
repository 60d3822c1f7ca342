package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/source"
)

// send packs the directory and uploads it, unless the server has it already.
// It returns the id of the artifact.
func (d *deployment) send(ctx context.Context, c *client.Client, serviceID string) (string, error) {
	f, err := os.CreateTemp("", "davit-*.tar.gz")
	if err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer f.Close()
	stats, err := source.Pack(ctx, d.dir, f, source.PackOptions{})
	if err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("pack: %w", err)
	}
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return "", err
	}
	var out struct {
		CreateUpload struct {
			UploadURL *string
			Artifact  struct{ ID string }
		}
	}
	err = c.Do(ctx, `mutation($input:CreateUploadInput!){createUpload(input:$input){uploadUrl artifact{id}}}`,
		client.Variables{"input": client.Variables{
			"serviceId": serviceID, "filename": filepath.Base(dir) + ".tar.gz", "sizeBytes": stats.Size, "sha256": stats.SHA256,
		}}, &out)
	if err != nil {
		return "", err
	}
	up := out.CreateUpload
	if up.UploadURL == nil {
		d.say(d.out, "Nothing has changed in %d files since an earlier upload.", stats.Files)
		return up.Artifact.ID, nil
	}
	began, body := time.Now(), &meter{r: f, total: stats.Size, out: d.out, live: !d.json && isTerminal(d.out)}
	if err := c.Upload(ctx, *up.UploadURL, body, stats.Size); err != nil {
		return "", err
	}
	body.clear()
	d.say(d.out, "Sent %d files, %s packed, in %s.", stats.Files, bytes(stats.Size), short(time.Since(began)))
	return up.Artifact.ID, nil
}

// meter shows on a terminal how much was read.
type meter struct {
	r           io.Reader
	read, total int64
	out         io.Writer
	live        bool
	shown       time.Time
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.read += int64(n)
	if m.live && time.Since(m.shown) > 100*time.Millisecond {
		m.shown = time.Now()
		fmt.Fprintf(m.out, "\r\x1b[KSending %s of %s (%d %%)", bytes(m.read), bytes(m.total), 100*m.read/m.total)
	}
	return n, err
}

func (m *meter) clear() {
	if m.live {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
}

// bytes shows a size.
func bytes(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// short shows how long something took.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
