//go:build linux

package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// visitors ask a static site for its page, again and again.
type visitors struct {
	p    *project
	stop func()

	mu                    sync.Mutex
	versions              []string
	sent, failed, excused int64
}

// visit sends visitors to the site of a project.
func (p *project) visit(ctx context.Context, versions ...string) *visitors {
	v := &visitors{p: p, versions: versions}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for pause(ctx, 50*time.Millisecond) == nil {
				v.once(context.WithoutCancel(ctx))
			}
		})
	}
	v.stop = func() {
		cancel()
		wg.Wait()
		p.count(v.sent, v.failed, v.excused)
	}
	return v
}

func (v *visitors) expect(versions ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.versions = versions
}

func (v *visitors) once(ctx context.Context) {
	v.mu.Lock()
	may := v.versions
	v.mu.Unlock()
	began := time.Now()
	status, body := v.p.answer(ctx, "/")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sent++
	switch {
	case status == http.StatusOK && (slices.Contains(may, body) || slices.Contains(v.versions, body)):
	case status != http.StatusOK && v.p.since(began, v.p.number, visits):
		v.excused++
	default:
		if v.failed++; v.failed <= 3 {
			v.p.says("a visitor got %d %.100q, want one of %q", status, body, may)
		}
	}
}
