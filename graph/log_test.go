package graph_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent/apitoken"
	"github.com/davitdev/davit/ent/membership"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const (
	logsQuery = `query($source: LogSource!, $query: LogQuery) { logs(source: $source, query: $query) {
		lines { cursor timestamp stream severity message replicaId truncated continued }
		gaps { dropped reason from to } startCursor endCursor hasMoreBefore hasMoreAfter retentionUntil } }`
	logsFeed = `subscription($source: LogSource!, $filter: LogQuery, $after: Cursor, $tail: Int! = 200) {
		logs(source: $source, filter: $filter, after: $after, tail: $tail) { __typename
			... on LogBatch { lines { message } cursor } ... on LogGap { dropped reason } ... on LogEnd { why: reason cursor } } }`
)

// printer is a deployment that prints, with its log.
type printer struct {
	*tenant
	source logs.Source
	out    *logs.Writer
}

func (w *world) printer(mark string) *printer {
	w.Helper()
	tn := w.tenant(mark)
	d := w.db.Deployment.Create().SetProject(tn.project).SetInstance(tn.instance).SetEnvironmentID(tn.environment.ID).SetServiceID(tn.service.ID).
		SetNumber(2).SetTrigger("MANUAL").SetSource(tn.deployment.Source).SetSettings(tn.deployment.Settings).SetVariables(nil).SaveX(w.system)
	tn.deployment = d
	p := &printer{tenant: tn, source: logs.Source{Group: tn.instance.ID, ID: d.ID}}
	var err error
	p.out, err = w.book.Writer(w.system, p.source, logs.Stdout, tn.replica.ID, logs.WriterOptions{})
	check(w, err)
	return p
}

func (p *printer) print(lines ...string) {
	p.owner.Helper()
	_, err := p.out.Write([]byte(strings.Join(lines, "\n") + "\n"))
	check(p.owner, err)
	_, err = p.out.Resume(p.owner.system) // returns once all is shown
	check(p.owner, err)
}

func messages(list []any) []string {
	out := []string{}
	for _, l := range list {
		out = append(out, dig(l, "message").(string))
	}
	return out
}

func TestAPageOfALog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("a")
	p.print("level=error one", "two", "three", "four")
	byDeployment := vars{"deploymentId": p.deployment.ID}

	a := p.owner.do(logsQuery, vars{"source": byDeployment, "query": vars{"limit": 2}}).ok()
	if diff := cmp.Diff([]string{"three", "four"}, messages(a.list("logs.lines"))); diff != "" {
		t.Error(diff)
	}
	if a.at("logs.hasMoreBefore") != true || a.at("logs.hasMoreAfter") != false {
		t.Errorf("the newest page says %s", a.raw)
	}
	older := p.owner.do(logsQuery, vars{"source": byDeployment, "query": vars{"before": a.at("logs.startCursor")}}).ok()
	if diff := cmp.Diff([]string{"level=error one", "two"}, messages(older.list("logs.lines"))); diff != "" {
		t.Error(diff)
	}
	newer := p.owner.do(logsQuery, vars{"source": byDeployment, "query": vars{"after": older.at("logs.endCursor")}}).ok()
	if diff := cmp.Diff([]string{"three", "four"}, messages(newer.list("logs.lines"))); diff != "" {
		t.Error(diff)
	}
	first := older.at("logs.lines.0")
	if dig(first, "severity") != "ERROR" || dig(first, "stream") != "STDOUT" || dig(first, "replicaId") != p.replica.ID {
		t.Errorf("the line is %v", first)
	}
	stamp, _ := dig(first, "timestamp").(string)
	if _, err := time.Parse("2006-01-02T15:04:05.000000000Z", stamp); err != nil {
		t.Errorf("the timestamp is %q", stamp)
	}
	severe := p.owner.do(logsQuery, vars{"source": byDeployment, "query": vars{"minSeverity": "WARN"}}).ok()
	found := p.owner.do(logsQuery, vars{"source": byDeployment, "query": vars{"search": "hre"}}).ok()
	if len(severe.list("logs.lines")) != 1 || len(found.list("logs.lines")) != 1 {
		t.Errorf("filters kept %s and %s", severe.raw, found.raw)
	}
	whole := p.owner.do(logsQuery, vars{"source": vars{"serviceInstanceId": p.instance.ID}}).ok()
	if n := len(whole.list("logs.lines")); n != 6 {
		t.Errorf("the instance has %d lines, want 6 of two deployments", n)
	}
}

func TestABuildShowsItsBuildAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	a := tn.owner.do(`query($b: ID!, $d: ID!) { build: node(id: $b) { ... on Build { logs { lines { stream message } } } }
		deployment(id: $d) { logs(input: { limit: 10 }) { lines { stream } } } }`, vars{"b": tn.build.ID, "d": tn.deployment.ID}).ok()
	if l := a.list("build.logs.lines"); len(l) != 1 || dig(l[0], "stream") != "BUILD" {
		t.Errorf("the build printed %v", l)
	}
	if l := a.list("deployment.logs.lines"); len(l) != 2 {
		t.Errorf("the deployment printed %v", l)
	}
	tn.owner.do(logsQuery, vars{"source": vars{"buildId": tn.build.ID}, "query": vars{"streams": []string{"STDOUT"}}}).fails("INVALID", "streams")
}

func TestALogQueryIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p, other := w.printer("a"), w.printer("b")
	p.print("one")
	other.print("secret of another")
	stranger := w.user("stranger")
	deaf := &person{world: w, User: p.owner.User, token: w.token(p.owner.User, principal.Read, principal.Write)}
	mine := vars{"deploymentId": p.deployment.ID}
	foreign := other.owner.do(logsQuery, vars{"source": vars{"deploymentId": other.deployment.ID}}).ok().at("logs.endCursor")

	for name, c := range map[string]struct {
		who         *person
		source      vars
		query       vars
		code, field string
	}{
		"a stranger sees nothing":         {stranger, mine, nil, "NOT_FOUND", ""},
		"what does not exist":             {p.owner, vars{"deploymentId": ident.New(ident.Deployment)}, nil, "NOT_FOUND", ""},
		"a token without the scope":       {deaf, mine, nil, "FORBIDDEN", ""},
		"a cursor of another log":         {p.owner, mine, vars{"after": foreign}, "CURSOR_INVALID", "after"},
		"a cursor that is none":           {p.owner, mine, vars{"before": "x"}, "CURSOR_INVALID", "before"},
		"too many lines":                  {p.owner, mine, vars{"limit": 1001}, "INVALID", "limit"},
		"no lines":                        {p.owner, mine, vars{"limit": 0}, "INVALID", "limit"},
		"a time that cannot be counted":   {p.owner, mine, vars{"from": "9999-01-01T00:00:00Z"}, "INVALID", "from"},
		"a search longer than any line":   {p.owner, mine, vars{"search": strings.Repeat("x", 5000)}, "INVALID", "search"},
		"two sources at once are refused": {p.owner, vars{"deploymentId": p.deployment.ID, "buildId": p.build.ID}, nil, "GRAPHQL_VALIDATION_FAILED", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.who.do(logsQuery, vars{"source": c.source, "query": c.query})
			if a.code() != c.code || a.Errors[0].Extensions.Field != c.field {
				t.Errorf("got %s, want %s at %q", a.raw, c.code, c.field)
			}
		})
	}
}

func TestALogFeedShowsEachLineOnceAndEnds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.printer("a")
		p.print("one", "two", "three")
		f := p.owner.subscribe(logsFeed, vars{"source": vars{"deploymentId": p.deployment.ID}, "tail": 2})
		var got []string
		var cursor any
		read := func(f *feed, n int) {
			for len(got) < n {
				a := f.next().ok()
				if a.at("logs.__typename") != "LogBatch" {
					t.Fatalf("got %s", a.raw)
				}
				got, cursor = append(got, messages(a.list("logs.lines"))...), a.at("logs.cursor")
			}
		}
		read(f, 2)
		p.print("four")
		read(f, 3)
		f.leave()
		want := []string{"two", "three", "four"}
		for i := range 100 {
			line := fmt.Sprintf("line %d", i)
			want = append(want, line)
			p.print(line)
		}
		f = p.owner.subscribe(logsFeed, vars{"source": vars{"deploymentId": p.deployment.ID}, "after": cursor})
		read(f, len(want))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		check(t, w.book.End(w.system, p.source, logs.DeploymentEnded))
		end := f.next().ok()
		if end.at("logs.__typename") != "LogEnd" || end.at("logs.why") != "DEPLOYMENT_ENDED" || end.text("logs.cursor") == "" {
			t.Errorf("the end is %s", end.raw)
		}
		f.completes()
	})
}

func TestALogFeedIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("a")
	mine := vars{"deploymentId": p.deployment.ID}
	stranger := w.user("stranger")
	for _, c := range []struct {
		who  *person
		v    vars
		code string
	}{
		{stranger, vars{"source": mine}, "NOT_FOUND"},
		{p.owner, vars{"source": mine, "after": "x"}, "CURSOR_INVALID"},
		{p.owner, vars{"source": mine, "tail": 1001}, "INVALID"},
		{p.owner, vars{"source": mine, "filter": vars{"from": "2026-01-01T00:00:00Z"}}, "INVALID"},
	} {
		if code := c.who.subscribe(logsFeed, c.v).ends(); code != c.code {
			t.Errorf("%v ended with %s, want %s", c.v, code, c.code)
		}
	}
}

func TestALogFeedEndsWithItsPermission(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		revoke func(w *world, p *printer)
		reason string
	}{
		"the token is revoked": {func(w *world, p *printer) {
			w.db.APIToken.Delete().Where(apitoken.UserID(p.owner.ID)).ExecX(w.system)
		}, "PERMISSION_REVOKED"},
		"the membership ends": {func(w *world, p *printer) {
			w.db.Membership.Delete().Where(membership.UserID(p.owner.ID)).ExecX(w.system)
		}, "SOURCE_REMOVED"},
		"the log is removed": {func(w *world, p *printer) {
			check(w, w.book.Remove(w.system, p.source))
		}, "SOURCE_REMOVED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.SQLite(t))
			p := w.printer("a")
			p.print("one")
			f := p.owner.subscribe(logsFeed, vars{"source": vars{"deploymentId": p.deployment.ID}})
			before := f.next().ok()
			c.revoke(w, p)
			end := f.next().ok()
			if end.at("logs.why") != c.reason {
				t.Errorf("got %s, want %s", end.raw, c.reason)
			}
			if end.text("logs.cursor") != before.text("logs.cursor") {
				t.Errorf("the feed ended at %q, and it had shown all up to %q", end.text("logs.cursor"), before.text("logs.cursor"))
			}
			f.completes()
		})
	}
}

// Not parallel: it counts the goroutines of the process.
func TestAFeedOfAClientThatIsGoneIsFreed(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("a")
	p.print("one")
	w.http.Client().CloseIdleConnections()
	before := runtime.NumGoroutine()
	feeds := make([]*feed, 20)
	for i := range feeds {
		feeds[i] = p.owner.subscribe(logsFeed, vars{"source": vars{"deploymentId": p.deployment.ID}})
		feeds[i].next().ok()
	}
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if n := bytes.Count(stacks, []byte("graph.(*tailing).run(")); n != len(feeds) {
		t.Fatalf("%d goroutines of %d feeds: this test sees nothing", n, len(feeds))
	}
	for _, f := range feeds {
		f.leave()
	}
	settled(t, before)
}

// settled waits until there are no more goroutines than before.
func settled(t *testing.T, before int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(90 * time.Second); ; {
		if runtime.NumGoroutine() <= before {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
