package detect

import (
	"strconv"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
	"github.com/davitdev/davit/internal/spec"
)

// web is the process type that answers requests.
const web = spec.MainProcess

var procLine = lazy.Regexp(`^([A-Za-z0-9_-]+):\s*(.+)$`)

// procfile is what the Procfile says, by name; nil without one. See
// https://devcenter.heroku.com/articles/procfile.
func (a *app) procfile() map[string]string {
	if !a.has("Procfile") {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(a.text("Procfile")) {
		m := procLine().FindStringSubmatch(strings.TrimSpace(line))
		if m != nil && spec.IsProcessName(m[1]) && len(out) < 50 {
			out[m[1]] = m[2]
		}
	}
	return out
}

// processes fills in how the image is run: by the settings, or else by the
// Procfile, or else by what was detected. It fails if nothing says how.
func (a *app) processes(p *Plan, detected, missing string) error {
	all := map[string]string{}
	if detected != "" {
		all[web] = detected
	}
	for _, name := range sortedKeys(a.procfile()) {
		command := a.procfile()[name]
		switch {
		case name == "release" && len(a.PreDeployCommand) == 0:
			p.PreDeploy, _ = argv(command)
			a.say("The Procfile's release command, %s, runs before a deployment goes live.", clip(command))
			continue
		case name == "release":
			a.say("The Procfile's release command is not used: the settings say what runs before a deployment goes live.")
			continue
		case name == web && detected != "" && detected != command:
			a.say("The Procfile says how web starts, which replaces %s.", clip(detected))
		default:
			a.say("The Procfile has the process %s.", name)
		}
		all[name] = command
	}
	for _, c := range a.Processes {
		a.say("The process %s starts by the command of %s.", c.Name, a.who("processes"))
		all[c.Name] = c.Command
	}
	if a.StartCommand != "" {
		if all[web] != "" && all[web] != a.StartCommand {
			a.say("The start command of %s replaces %s.", a.who("startCommand"), clip(all[web]))
		}
		all[web] = a.StartCommand
	}
	if len(all) == 0 {
		return fault.New(fault.NotBuildable, "%s", missing)
	}
	if p.Start = all[web]; p.Start == "" { // a worker alone, or several
		first := sortedKeys(all)[0]
		a.say("No process is called web: the image starts %s.", first)
		p.Start = all[first]
	}
	a.explicitPort(p)
	for _, name := range sortedKeys(all) {
		if err := checkCommand("command of the process "+name, all[name]); err != nil {
			return err
		}
		args, alone := argv(all[name])
		if !alone {
			a.say("A shell stays in front of the process %s, so signals reach the shell first: write it as one command to avoid that.", name)
		}
		p.Processes = append(p.Processes, Process{Name: name, Command: all[name], Argv: args})
	}
	return nil
}

// port is where the application listens: as somebody said, else fallback.
func (a *app) port(fallback int) int {
	if a.Port != 0 {
		return a.Port
	}
	return fallback
}

var portFlag = lazy.Regexp(`(?:^|\s)(?:-p|--port|--server\.port|PORT)[ =](\d{2,5})(?:\s|$)|(?:-b|--bind|-l|--listen|--host)[ =]\S*:(\d{2,5})(?:\s|$)`)

// explicitPort is where a command that leaves PORT aside listens.
func (a *app) explicitPort(p *Plan) {
	m := portFlag().FindStringSubmatch(p.Start)
	if m == nil || a.Port != 0 {
		return
	}
	if n, err := strconv.Atoi(m[1] + m[2]); err == nil && n <= 65535 {
		p.Port = n
		a.say("The start command names port %d.", n)
	}
}
