package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
)

// detection is what "davit detect" and "davit init" look at.
type detection struct {
	session
	root       string
	dockerfile bool
	force      bool
}

func detectCommand() *cobra.Command {
	var d detection
	cmd := &cobra.Command{
		Use:   "detect [DIR]",
		Short: "Say how a directory would be built, and why",
		Long: "Looks at DIR (the current directory if absent) as \"davit deploy\" would send it, and says how it\n" +
			"would be built: language, version, commands and port, and why. It runs nothing, changes nothing and\n" +
			"asks no server. The status is 8 if it cannot be built.",
		Example: "  davit detect\n  davit detect ./shop --dockerfile > Dockerfile\n  davit detect --root apps/web\n  davit detect --json | jq .buildCommand",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := d.look(cmd.Context(), args, "")
			if err != nil {
				return err
			}
			return d.show(cmd.OutOrStdout(), p)
		},
	}
	d.flags(cmd)
	cmd.Flags().BoolVar(&d.dockerfile, "dockerfile", false, "print the Dockerfile that it would be built by")
	cmd.Flags().BoolVar(&d.json, "json", false, "print one JSON object a line")
	return cmd
}

func (d *detection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.root, "root", "", "directory of the application, below DIR")
}

// look detects what is in the directory that the arguments name, without the
// file hidden.
func (d *detection) look(ctx context.Context, args []string, hidden string) (detect.Plan, error) {
	d.dir = "."
	if len(args) == 1 {
		d.dir = args[0]
	}
	view, err := source.OpenView(ctx, d.dir, source.Limits{})
	if err != nil {
		return detect.Plan{}, err
	}
	defer view.Close()
	if hidden != "" {
		view.Hide(hidden)
	}
	return detect.Detect(view, detect.Options{RootDirectory: filepath.ToSlash(d.root)})
}

// detectionView is a plan with the names of the API.
type detectionView struct {
	Builder          detect.Builder   `json:"builder"`
	Language         string           `json:"language,omitempty"`
	RuntimeVersion   string           `json:"runtimeVersion,omitempty"`
	VersionSource    string           `json:"versionSource,omitempty"`
	Framework        string           `json:"framework,omitempty"`
	PackageManager   string           `json:"packageManager,omitempty"`
	InstallCommand   string           `json:"installCommand,omitempty"`
	BuildCommand     string           `json:"buildCommand,omitempty"`
	StartCommand     string           `json:"startCommand,omitempty"`
	PreDeployCommand []string         `json:"preDeployCommand,omitempty"`
	Processes        []detect.Process `json:"processes,omitempty"`
	Packages         []string         `json:"packages,omitempty"`
	Port             int              `json:"port,omitempty"`
	OutputDirectory  string           `json:"outputDirectory,omitempty"`
	Confidence       float64          `json:"confidence"`
	Trace            []string         `json:"trace"`
	Dockerfile       string           `json:"dockerfile,omitempty"`
}

func (d *detection) show(out io.Writer, p detect.Plan) error {
	if d.json {
		v := detectionView{
			p.Builder, p.Language, p.Version, p.VersionFrom, p.Framework, p.PackageManager, p.Install, p.Build, p.Start, p.PreDeploy, p.Processes,
			p.Packages, p.Port, p.OutputDirectory, p.Confidence, p.Trace, "",
		}
		if d.dockerfile {
			v.Dockerfile = string(p.Dockerfile)
		}
		return d.emit(out, v)
	}
	if d.dockerfile {
		_, err := out.Write(p.Dockerfile)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, plain(strings.ReplaceAll(value, "\n", " ")))
		}
	}
	fmt.Fprintln(w, title(p))
	if p.Version != "" {
		row("version", p.Version+", from "+p.VersionFrom)
	}
	row("packages by", p.PackageManager)
	row("Debian packages", strings.Join(p.Packages, " "))
	row("install", p.Install)
	row("build", p.Build)
	if p.Builder == detect.Static {
		row("static files", p.OutputDirectory)
	}
	row("before going live", strings.Join(p.PreDeploy, " "))
	row("start", p.Start)
	for _, c := range p.Processes {
		if c.Name != spec.MainProcess {
			row("process "+c.Name, c.Command)
		}
	}
	if p.Port != 0 {
		row("port", fmt.Sprint(p.Port))
	}
	row("confidence", fmt.Sprintf("%.0f %%", p.Confidence*100))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, line := range p.Trace {
		fmt.Fprintln(out, " ·", plain(line))
	}
	return nil
}

// title names what was found in a few words.
func title(p detect.Plan) string {
	what := cmp.Or(p.Language, "Static files")
	if p.Builder == detect.Dockerfile {
		what = p.DockerfilePath
	}
	if p.Framework != "" {
		what += " with " + p.Framework
	}
	return plain(what)
}
