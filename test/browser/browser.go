// Package browser opens pages in a real Chromium for tests: a window that
// reaches nothing but the server under test, and a record of everything it
// complains about.
package browser

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/davitdev/davit/test/browser/still"
)

// patience is how long a step may take on a busy machine.
const patience = 60 * time.Second

// Window is a window of a browser of its own, with no history.
type Window struct {
	t      *testing.T
	ctx    context.Context
	origin string

	mu         sync.Mutex
	complaints []string // errors of the console
	strange    []string // URLs of others
}

// Open starts a browser that is to show pages of origin. It ends with the
// test, which fails if anything was asked of anybody else. Without Chromium
// the test fails in CI and is skipped elsewhere. TestMain must call still.Main.
func Open(t *testing.T, origin string) *Window {
	t.Helper()
	program, err := still.Browser(t.TempDir())
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	alloc, end := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.WindowSize(1280, 800), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // root, as CI is, has none
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.WSURLReadTimeout(patience),
	)...)
	t.Cleanup(end)
	ctx, end := chromedp.NewContext(alloc)
	t.Cleanup(end)
	w := &Window{t: t, ctx: ctx, origin: origin}
	if err := chromedp.Listen(ctx, w.listen); err != nil { // starts it
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.strange) > 0 {
			t.Errorf("the page asked for %q", w.strange)
		}
	})
	return w
}

func (w *Window) listen(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.complaints = append(w.complaints, (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var text []string
			for _, a := range e.Args {
				text = append(text, string(a.Value)+a.Description)
			}
			w.complaints = append(w.complaints, fmt.Sprintf("console.%s: %s", e.Type, strings.Join(text, " ")))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			w.complaints = append(w.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		w.note(e.Request.URL)
	case *network.EventWebSocketCreated:
		w.note(e.URL)
	}
}

// note remembers a URL that is not the server's. mu is held.
func (w *Window) note(address string) {
	u, err := url.Parse(address)
	if err == nil && (u.Scheme == "data" || u.Scheme == "blob" || "http://"+u.Host == w.origin) {
		return
	}
	w.strange = append(w.strange, address)
}

// Complaints returns what the console showed as an error or a warning so far.
func (w *Window) Complaints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.complaints)
}

// Do does what is said, in this order, or fails the test.
func (w *Window) Do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := w.try(steps...); err != nil {
		w.Screenshot("failed")
		w.t.Fatalf("%v; the console: %q", err, w.Complaints())
	}
}

func (w *Window) try(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := w.step()
	defer cancel()
	return explain(ctx, chromedp.Do(ctx, steps...))
}

// step bounds what waits for the page.
func (w *Window) step() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(w.ctx, patience, fmt.Errorf("not done after %s", patience))
}

func explain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Until waits until a JavaScript expression is true.
func (w *Window) Until(expression string) {
	w.t.Helper()
	err := w.try(chromedp.Poll[chromedp.Void]("!!("+expression+")", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(0)))
	if err != nil {
		w.Screenshot("failed")
		w.t.Fatalf("until %s: %v; the console: %q", expression, err, w.Complaints())
	}
}

// Holds reports whether a JavaScript expression is true now.
func (w *Window) Holds(expression string) bool {
	w.t.Helper()
	return w.Text("String(!!("+expression+"))") == "true"
}

// Text evaluates a JavaScript expression that is a string.
func (w *Window) Text(expression string) string {
	w.t.Helper()
	ctx, cancel := w.step()
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		w.t.Fatalf("%s: %v", expression, explain(ctx, err))
	}
	return text
}

// Dark makes the machine prefer dark pages, or light ones.
func (w *Window) Dark(dark bool) {
	w.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	w.Do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	})
}

// Screenshot keeps what the window shows among the artifacts of the test.
func (w *Window) Screenshot(name string) {
	w.t.Helper()
	ctx, cancel := w.step()
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.t.Logf("screenshot: %v", explain(ctx, err))
		return
	}
	if err := os.WriteFile(filepath.Join(w.t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		w.t.Error(err)
	}
}
