// Package detect looks at source and says how it is built: with which language,
// version, commands and port, and with a Dockerfile as an expert would write it.
//
// It only reads, a bounded part of the source, and gives the same answer for
// the same source. It trusts nothing of what it reads: what gets into a
// Dockerfile has been looked at letter by letter.
package detect

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// Detect says how source is built. Plan.Trace tells a person why, in sentences.
// It fails with NOT_BUILDABLE and a sentence that says what to add or to
// choose. A Dockerfile of the source is taken as it is: whether it can be read
// is for its reader to say.
func Detect(fsys fs.FS, o Options) (Plan, error) {
	app, err := open(fsys, o)
	if err != nil {
		return Plan{}, err
	}
	if err := app.readConfig(); err != nil {
		return Plan{}, err
	}
	if err := app.check(); err != nil {
		return Plan{}, err
	}
	d, m, err := app.choose()
	if err != nil {
		return Plan{}, err
	}
	p := Plan{
		Builder: Auto, Key: d.name, Language: d.title, Confidence: m.confidence,
		PreDeploy: app.PreDeployCommand, Args: app.Args, Context: app.context(),
		Custom: app.InstallCommand != "" || app.BuildCommand != "",
	}
	if err := d.plan(app, &p); err != nil {
		return Plan{}, err
	}
	p.Trace = app.trace
	if err := app.err(); err != nil {
		return Plan{}, err
	}
	return p, nil
}

// err is why the look at the source is worth nothing.
func (a *app) err() error { return cmp.Or(a.budget.failed, a.failed) }

// match is how well source fits a language.
type match struct {
	confidence float64 // 0: not at all; below strong it may be there for tools only
	why        string  // "package.json with Next.js": what was seen
}

// strong is the confidence from which the order of the table decides.
const strong = 0.6

// candidate is a detector that found something.
type candidate struct {
	detector
	match
}

// choose asks all detectors. The first in the table that is sure wins; if none
// is, the surest.
func (a *app) choose() (detector, match, error) {
	if a.Builder == Static {
		return a.forced("static")
	}
	if a.Language != "" && a.Builder != Dockerfile {
		return a.forced(a.Language)
	}
	var found []candidate
	var absent []string
	for _, d := range detectors {
		m := d.recognise(a)
		if err := a.err(); err != nil {
			return detector{}, match{}, err
		}
		switch {
		case m.confidence > 0:
			found = append(found, candidate{d, m})
		case d.marks != "":
			absent = append(absent, d.marks)
		}
		if d.name == "dockerfile" && a.Builder == Dockerfile {
			if m.confidence > 0 {
				break
			}
			return detector{}, match{}, fault.New(fault.NotBuildable, "There is no %s in the source, and the settings ask for one: add it, or set the builder to AUTO.", a.below(a.dockerfile()))
		}
	}
	if len(found) == 0 {
		return detector{}, match{}, a.nothing()
	}
	first := 0
	if i := slices.IndexFunc(found, func(c candidate) bool { return c.confidence >= strong }); i >= 0 {
		first = i
	} else {
		for i, c := range found {
			if c.confidence > found[first].confidence {
				first = i
			}
		}
	}
	won := found[first]
	a.say("The source is built as %s: it has %s.", won.title, won.why)
	for i, c := range found {
		switch {
		case i == first:
		case c.confidence >= strong:
			a.say("It also has %s, but %s goes before %s; set the language to %q to build that.", c.why, won.title, c.title, c.name)
		default:
			a.say("It also has %s, which alone says little.", c.why)
		}
	}
	a.say("Looked for and not found: %s.", strings.Join(absent, ", "))
	if a.walk().part || a.budget.spent() {
		a.say("The source is larger than what is looked at: set the language, or a root directory, if the wrong thing was found.")
	}
	return won.detector, won.match, nil
}

// forced takes the language that was said.
func (a *app) forced(name string) (detector, match, error) {
	for _, d := range detectors {
		if d.name == "dockerfile" || !strings.EqualFold(name, d.name) && !strings.EqualFold(name, d.title) {
			continue
		}
		m := d.recognise(a)
		if err := a.err(); err != nil {
			return detector{}, match{}, err
		}
		if m.confidence == 0 && d.name != "static" {
			return detector{}, match{}, fault.New(fault.NotBuildable, "The language of %s is %s, but the source has none of %s: add one, or leave the language out.", a.who("language"), d.title, d.marks)
		}
		a.say("The source is built as %s: that is the language of %s.", d.title, a.who("language"))
		return d, match{confidence: 1, why: m.why}, nil
	}
	return detector{}, match{}, fault.New(fault.NotBuildable, "The language %q is not known: choose one of %s.", clip(name), strings.Join(Languages(), ", "))
}
