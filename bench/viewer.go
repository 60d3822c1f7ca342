package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// viewer is a Chromium that shows a log in the console, led by a script.
type viewer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// turned is what came of something that was done in the page.
type turned struct {
	Frames     []float64 // milliseconds from each to the next
	Seconds    float64   // that it took
	Rows       int       // of the log, or drawn
	Complaints []string  // of the page
	CPU        float64   // seconds, if that was asked for
}

// viewerScript is where the working directory has it, and what it is made of.
const (
	viewerScript  = "web/test/log-load.mjs"
	viewerModules = "web/node_modules/playwright-core/package.json"
	chromiumPath  = "/usr/bin/chromium"
)

// viewerInstalled says what is missing to open a viewer.
func viewerInstalled() error {
	_, modules := os.Stat(viewerModules)
	browser := os.Getenv("CHROMIUM")
	if browser == "" {
		browser = chromiumPath
	}
	_, chromium := os.Stat(browser)
	return errors.Join(modules, chromium)
}

// openViewer shows the log of the service "app" of an installation. The caller
// closes it.
func (d *installation) openViewer(ctx context.Context) (_ *viewer, err error) {
	token, err := os.ReadFile(d.config.TokenFile())
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", viewerScript, "http://"+d.config.Listen, "/projects/"+d.project.Slug+"/app/logs")
	cmd.Env = append(os.Environ(), "DAVIT_TOKEN="+strings.TrimSpace(string(token)))
	cmd.Stderr = os.Stderr
	v := &viewer{cmd: cmd}
	if v.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	v.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the viewer: %w", err)
	}
	if _, err := v.answer(); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// do does something in the page and returns what came of it; a page that
// complains is an error.
func (v *viewer) do(what string) (turned, error) {
	if _, err := fmt.Fprintln(v.in, what); err != nil {
		return turned{}, fmt.Errorf("tell the viewer: %w", err)
	}
	t, err := v.answer()
	if err == nil && len(t.Complaints) > 0 {
		err = fmt.Errorf("the page complains: %s", strings.Join(t.Complaints, "; "))
	}
	return t, err
}

func (v *viewer) answer() (t turned, err error) {
	text, err := v.out.ReadBytes('\n')
	if err != nil {
		return t, fmt.Errorf("the viewer ended: %w", err)
	}
	return t, json.Unmarshal(text, &t)
}

// cpu is what drawing the page used so far, 0 if nobody says so.
func (v *viewer) cpu() time.Duration {
	t, err := v.do("cpu")
	if err != nil {
		return 0
	}
	return seconds(t.CPU)
}

// close ends the browser.
func (v *viewer) close() error {
	return errors.Join(v.in.Close(), v.cmd.Wait())
}

// frames are how long each was, sorted.
func (t turned) frames() []time.Duration {
	var out []time.Duration
	for _, f := range t.Frames {
		out = append(out, seconds(f/1000))
	}
	slices.Sort(out)
	return out
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
