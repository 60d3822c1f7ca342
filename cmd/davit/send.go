package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
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
	packed := d.waiting(d.out, "packing")
	stats, err := source.Pack(ctx, d.dir, f, source.PackOptions{})
	packed()
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		out, err := client.CreateUpload(ctx, c, client.CreateUploadInput{
			ServiceId: serviceID, Filename: filepath.Base(dir) + ".tar.gz", SizeBytes: stats.Size, Sha256: stats.SHA256,
		})
		if err != nil {
			return "", err
		}
		up := out.CreateUpload
		if up.UploadUrl == nil {
			if try == 1 {
				d.say(d.out, "Nothing has changed in %s since an earlier upload.", counted(stats.Files, "file", "files"))
			}
			return up.Artifact.Id, nil
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", fmt.Errorf("pack: %w", err)
		}
		began, body := time.Now(), &meter{r: f, total: stats.Size, out: raw(d.out), live: !d.json && isTerminal(d.out)}
		err = c.Upload(ctx, *up.UploadUrl, body, stats.Size)
		body.clear()
		if err == nil {
			d.say(d.out, "Sent %s, %s packed, in %s.", counted(stats.Files, "file", "files"), bytes(stats.Size), short(time.Since(began)))
			return up.Artifact.Id, nil
		}
		if !fault.Is(err, fault.Unavailable) || try == sendTries || ctx.Err() != nil {
			return "", err
		}
	}
}

// sendTries is how often a directory is sent to a server that goes away
// meanwhile.
const sendTries = 5

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
	if d < time.Millisecond {
		return "< 1ms"
	}
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
