package graph_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket/wsjson"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const victim = "zzvictim"

// walk is a world with a victim, a stranger with a workspace of the same kind,
// and objects that nobody has.
type walk struct {
	*world
	schema                *ast.Schema
	stranger              *person
	own, foreign, missing cast
}

func newWalk(t *testing.T, db *store.DB) *walk {
	t.Helper()
	w := newWorld(t, db)
	other, own := w.tenant(victim), w.tenant("zzown")
	return &walk{
		world: w, schema: sdl(t), stranger: own.owner,
		own: cast{"zzown", own.ids()}, foreign: cast{victim, other.ids()}, missing: nobody("zznobody"),
	}
}

// everywhere names the objects of one cast.
func everywhere(c cast) func(string) cast { return func(string) cast { return c } }

// at names those of c at one coordinate, else those of base.
func at(coordinate string, c, base cast) func(string) cast {
	return func(here string) cast {
		if here == coordinate {
			return c
		}
		return base
	}
}

// changing is what differs between two answers that say the same.
var changing = regexp.MustCompile(`"requestId":"[^"]*"|"/claim#[^"]*"|"[a-z]{3}_[0-9a-v]{26}"|"\d{4}-\d\d-\d\dT[^"]*"`)

func (a *answer) plain() string { return changing.ReplaceAllString(a.raw, "…") }

// silence is how long a feed that shows nothing is listened to. Few do: what may
// not be seen is refused.
const silence = 3 * time.Second

// send runs a call, whatever it is.
func (p *person) send(c call) *answer {
	p.Helper()
	if !strings.HasPrefix(c.name, "Subscription.") {
		return p.do(c.text, c.v)
	}
	f := p.subscribe(c.text, c.v)
	defer f.leave()
	if !strings.HasSuffix(c.name, "Updated") { // those always say something
		var stop context.CancelFunc
		f.ctx, stop = context.WithTimeout(f.ctx, silence)
		defer stop()
	}
	var m frame
	if err := wsjson.Read(f.ctx, f.conn, &m); err != nil {
		return &answer{t: p, raw: "nothing"}
	}
	if m.Type == "error" {
		return parse(p, []byte(`{"errors":`+string(m.Payload)+`}`))
	}
	return parse(p, m.Payload)
}

// alike fails the test unless the call about a victim's objects is answered
// like the one about what does not exist.
func (w *walk) alike(t *testing.T, foreign, missing call) *answer {
	t.Helper()
	a, b := w.stranger.send(foreign), w.stranger.send(missing)
	if strings.Contains(a.raw, victim) {
		t.Errorf("%s %v shows what belongs to somebody else: %s", foreign.name, foreign.v, a.raw)
	}
	if a.plain() != b.plain() {
		t.Errorf("%s %v tells what exists:\n%s\nand for what does not:\n%s", foreign.name, foreign.v, a.raw, b.raw)
	}
	return a
}

// roots are the operation types of the schema, with the fields a client asks
// for.
func (w *walk) roots(visit func(root *ast.Definition, f *ast.FieldDefinition)) {
	for _, root := range []*ast.Definition{w.schema.Query, w.schema.Mutation, w.schema.Subscription} {
		for _, f := range root.Fields {
			if !strings.HasPrefix(f.Name, "__") {
				visit(root, f)
			}
		}
	}
}

// ofTheirOwn are the mutations about nothing but who asks, with how somebody
// with a token is answered.
var ofTheirOwn = map[string]string{"createSession": "UNAUTHENTICATED", "endSession": "CONFLICT", "createClaimLink": ""}

// Every field of every root is asked as a stranger about the victim's objects
// and about none: there must be no difference.
func TestAStrangersObjectIsLikeAMissingOne(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWalk(t, db)
		asked := 0
		w.roots(func(root *ast.Definition, f *ast.FieldDefinition) {
			foreign := &builder{t: t, schema: w.schema, pick: everywhere(w.foreign)}
			missing := &builder{t: t, schema: w.schema, pick: everywhere(w.missing)}
			theirs, none := foreign.calls(root, f), missing.calls(root, f)
			for i, c := range theirs {
				asked++
				a := w.alike(t, c, none[i])
				want, ours := ofTheirOwn[f.Name]
				if !ours {
					want = "NOT_FOUND"
				}
				if f.Name == "repository" { // which is nobody's here
					want = "SOURCE_FORBIDDEN"
				}
				if len(f.Arguments) > 0 && f.Name != "nodes" && a.code() != want {
					t.Errorf("%s %v is answered by %s, want %s", c.name, c.v, a.raw, want)
				}
			}
		})
		if asked < 50 {
			t.Errorf("only %d operations were tried", asked)
		}
	})
}

// Each id of an input is the victim's, and everything around it the stranger's
// own: nothing may be tied to what belongs to somebody else.
func TestNothingOfAStrangersIsReferredTo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWalk(t, db)
		tried := map[string]bool{}
		w.roots(func(root *ast.Definition, f *ast.FieldDefinition) {
			probe := &builder{t: t, schema: w.schema, pick: everywhere(w.own)}
			probe.calls(root, f)
			for _, coordinate := range probe.named {
				foreign := &builder{t: t, schema: w.schema, pick: at(coordinate, w.foreign, w.own)}
				missing := &builder{t: t, schema: w.schema, pick: at(coordinate, w.missing, w.own)}
				none := missing.calls(root, f)
				for i, c := range foreign.calls(root, f) {
					if !w.names(c.v, w.foreign) {
						continue // another member of a oneOf
					}
					tried[coordinate] = true
					if a := w.alike(t, c, none[i]); root == w.schema.Mutation && len(a.Errors) == 0 {
						t.Errorf("%s %v succeeds: %s", c.name, c.v, a.raw)
					}
				}
			}
		})
		for _, coordinate := range []string{"ImageSourceInput.credentialId", "CreateServiceInput.environmentIds", "RestartServiceInput.replicaId", "LogQuery.replicaId"} {
			if !tried[coordinate] {
				t.Errorf("%s was not tried", coordinate)
			}
		}
	})
}

// names reports whether v has an id of c.
func (w *walk) names(v vars, c cast) bool {
	text := string(toJSON(w, v))
	for _, id := range c.ids {
		if strings.Contains(text, id) {
			return true
		}
	}
	return false
}

// The arguments of fields below the roots, asked on the stranger's own objects.
func TestArgumentsBelowTheRootsShowNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWalk(t, db)
		for _, def := range w.schema.GetPossibleTypes(w.schema.Types["Node"]) {
			kind, known := prefixes[def.Name]
			if !known {
				t.Errorf("%s has no prefix here", def.Name)
			}
			for _, f := range def.Fields {
				foreign := w.below(t, def, f, w.own.ids[kind], w.foreign)
				for i, c := range w.below(t, def, f, w.own.ids[kind], w.missing) {
					if a := w.alike(t, foreign[i], c); a.code() != "" {
						t.Errorf("%s %v fails: %s", c.name, c.v, a.raw)
					}
				}
			}
		}
	})
}

// below asks for a field with arguments of the object id.
func (w *walk) below(t *testing.T, def *ast.Definition, f *ast.FieldDefinition, id string, c cast) (out []call) {
	b := &builder{t: t, schema: w.schema, pick: everywhere(c)}
	for _, inner := range b.calls(def, f) {
		if len(inner.v) == 0 {
			continue
		}
		head, rest, _ := strings.Cut(inner.text, " { ")
		_, declared, _ := strings.Cut(head, "(")
		inner.text = "query($self: ID!, " + declared + " { node(id: $self) { ... on " + def.Name + " { " + rest + " } }"
		inner.v["self"] = id
		out = append(out, inner)
	}
	return out
}

func TestAViewerChangesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, viewer, s := w.tenant(victim), w.user("viewer"), sdl(t)
		w.join(tn.workspace, viewer, principal.Viewer)
		for _, f := range s.Mutation.Fields {
			b := &builder{t: t, schema: s, pick: everywhere(cast{victim, tn.ids()})}
			for _, c := range b.calls(s.Mutation, f) {
				want, ours := ofTheirOwn[f.Name]
				if !ours {
					want = "FORBIDDEN"
				}
				if a := viewer.send(c); a.code() != want {
					t.Errorf("%s %v is answered by %s, want %s", c.name, c.v, a.raw, want)
				}
			}
		}
	})
}

// notOfATenant are the queries about who asks and about the installation.
var notOfATenant = map[string]bool{"viewer": true, "platform": true}

func TestATokenThatMayNotReadReadsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, s := w.tenant(victim), sdl(t)
		p := &person{world: w, User: tn.owner.User, token: w.token(tn.owner.User, principal.Deploy)}
		for _, root := range []*ast.Definition{s.Query, s.Subscription} {
			for _, f := range root.Fields {
				if strings.HasPrefix(f.Name, "__") || notOfATenant[strings.TrimSuffix(f.Name, "Updated")] {
					continue
				}
				b := &builder{t: t, schema: s, pick: everywhere(cast{victim, tn.ids()})}
				for _, c := range b.calls(root, f) {
					if a := p.send(c); a.code() != "FORBIDDEN" && a.code() != "NOT_FOUND" {
						t.Errorf("%s %v is answered by %s", c.name, c.v, a.raw)
					}
				}
			}
		}
	})
}
