package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store/storetest"
)

// pageOf prints a page of a log at its largest: a thousand lines, a megabyte.
func (p *printer) pageOf(text string) {
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf("%d %s", i, strings.Repeat(text, 1000/len(text)))
	}
	for some := range slices.Chunk(lines, 50) {
		p.print(some...)
	}
}

const fullPage = `logs(input: { limit: 1000 }) { lines { cursor timestamp stream severity message replicaId truncated continued } endCursor }`

func TestAnAnswerIsBoundedAndAPageOfALogFits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("a")
	p.pageOf("x")
	source := vars{"d": p.deployment.ID}

	a := p.owner.do(`query($d: ID!) { deployment(id: $d) { `+fullPage+` } }`, source).ok()
	if n := len(a.list("deployment.logs.lines")); n != 1000 {
		t.Errorf("the largest page has %d lines", n)
	}
	many := ""
	for i := range 40 {
		many += fmt.Sprintf("p%d: %s\n", i, fullPage)
	}
	a = p.owner.do(`query($d: ID!) { deployment(id: $d) { id `+many+` } }`, source).fails("QUERY_TOO_COMPLEX", "")
	if a.Data != nil || len(a.raw) > 1000 || !strings.Contains(a.raw, "fewer lines") {
		t.Errorf("it is refused by %.500s", a.raw)
	}
	if a.status != 200 {
		t.Errorf("what was executed has the status %d", a.status)
	}
	// Pages whose lines nobody asks for are read all the same.
	many = strings.ReplaceAll(many, "lines { cursor timestamp stream severity message replicaId truncated continued }", "")
	p.owner.do(`query($d: ID!) { deployment(id: $d) { id `+many+` } }`, source).fails("QUERY_TOO_COMPLEX", "")
	p.owner.do(`query($d: ID!) { deployment(id: $d) { id } }`, source).ok()
}

// What makes an answer large need not be what is in rows.
func TestTheNamesOfFieldsCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("a")
	p.pageOf("\x1b[1m")
	source, name := vars{"d": p.deployment.ID}, strings.Repeat("n", 20_000)
	p.owner.do(`query($d: ID!) { deployment(id: $d) { logs(input: { limit: 1000 }) { lines { `+name+`: stream } } } }`, source).fails("QUERY_TOO_COMPLEX", "")
	p.owner.do(`query($d: ID!) { deployment(id: $d) { `+fullPage+` } }`, source).ok()
}

func TestValuesOfVariablesCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	var values []project.Value
	for i := range 50 {
		values = append(values, project.Value{Name: fmt.Sprintf("V%d", i), Value: strings.Repeat("v", 60_000), Runtime: true})
	}
	_, err := w.projects.SetVariables(w.system, project.Target{InstanceID: tn.instance.ID}, values, false)
	check(t, err)
	text := `query($d: ID!) { serviceInstance(id: $d) { variables { name value %s } } }`
	v := vars{"d": tn.instance.ID}
	tn.owner.do(fmt.Sprintf(text, ""), v).ok()
	again := ""
	for i := range 9 {
		again += fmt.Sprintf("v%d: value ", i)
	}
	tn.owner.do(fmt.Sprintf(text, again), v).fails("QUERY_TOO_COMPLEX", "")

	for i := range 280 { // more than is ever held for one answer
		values = append(values, project.Value{Name: fmt.Sprintf("W%d", i), Value: strings.Repeat("v", 60_000), Runtime: true})
	}
	_, err = w.projects.SetVariables(w.system, project.Target{InstanceID: tn.instance.ID}, values, false)
	check(t, err)
	tn.owner.do(fmt.Sprintf(text, ""), v).fails("QUERY_TOO_COMPLEX", "")
	tn.owner.do(strings.ReplaceAll(fmt.Sprintf(text, ""), "value", "digest"), v).ok()
}

func TestEveryMessageOfASubscriptionHasItsOwnBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("a")
	p.pageOf("x")
	few, many := "", ""
	for i := range 20 {
		few += fmt.Sprintf("p%d: logs(input: { limit: 300 }) { lines { message } }\n", i)
		many += fmt.Sprintf("p%d: %s\n", i, fullPage)
	}
	text := `subscription($d: ID!) { deploymentUpdated(id: $d) { id %s } }`
	f := p.owner.subscribe(fmt.Sprintf(text, few), vars{"d": p.deployment.ID})
	for range 4 { // more than one message may hold
		f.next().ok()
		w.wakes.Publish(p.deployment.ID)
	}
	p.owner.subscribe(fmt.Sprintf(text, many), vars{"d": p.deployment.ID}).next().fails("QUERY_TOO_COMPLEX", "")
}

func TestNodesAreAskedForOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	text := `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`
	a := tn.owner.do(text, vars{"ids": []string{tn.service.ID, "none", tn.project.ID}}).ok()
	if a.text("nodes.0.id") != tn.service.ID || a.at("nodes.1") != nil || a.text("nodes.2.id") != tn.project.ID {
		t.Errorf("got %s", a.raw)
	}
	tn.owner.do(text, vars{"ids": []string{tn.service.ID, tn.project.ID, tn.service.ID}}).fails("INVALID", "ids")
}
